"""What lies under an error, in words for an operator: a client library's own text shows Python's tuples and names."""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Iterator

_NUMBERED = re.compile(r"\[Errno (\d+)\]")


def in_words(error: BaseException) -> str:
    """Of the error, or of what it was raised from, what the system says; else the error's own text."""
    for each in _chain(error):
        if (words := _of_the_system(each)) is not None:
            return words
    return str(error) or type(error).__name__


def _chain(error: BaseException) -> Iterator[BaseException]:
    # As long as Python would show; two that name each other end it.
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _of_the_system(error: BaseException) -> str | None:
    match error:
        case ssl.SSLCertVerificationError():
            return f"its certificate is not trusted: {error.verify_message}"
        case ssl.SSLError():
            return f"TLS failed: {(error.reason or str(error)).replace('_', ' ').lower()}"
        case socket.gaierror():
            return str(error.strerror or error).lower()
        case TimeoutError():
            return "no answer in time"
        case OSError(errno=int(number)):
            return os.strerror(number).lower()
        case OSError() if numbered := _NUMBERED.search(str(error)):
            # Several addresses of one name, each refused for a reason of its own; the first will do.
            return os.strerror(int(numbered[1])).lower()
    return None
