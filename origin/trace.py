"""The request id that follows a request through every role.

A shell that takes a request sets it; whatever runs in the same task (log lines, events, calls to other roles)
reads it. Empty outside of a request.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="")


def mint_request_id(random_bytes: Callable[[int], bytes]) -> str:
    """A new request id, 16 hexadecimal digits; `random_bytes(n)` gives n random bytes."""
    return random_bytes(8).hex()
