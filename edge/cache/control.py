"""Cache-Control (RFC 9111 section 5.2) and targeted cache control (RFC 9213).

Rules only; any bytes may come in.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from edge.cache.headers import Headers, list_members, values
from edge.cache.structured import Token, parse_dictionary

MAX_DELTA_S = 2**31
"""A longer time is this one (RFC 9111 section 1.2.2)."""

TARGETS: tuple[bytes, ...] = (b"reelway-cdn-cache-control", b"cdn-cache-control")
"""Targeted fields this cache obeys, the most specific first."""

_DELTA = re.compile(r'"?([0-9]+)"?')
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True, slots=True)
class Directives:
    """Directive names in lower case → argument (None: no argument).

    `targeted`: from a field of RFC 9213, so Expires is ignored.
    """

    arguments: dict[str, str | None]
    targeted: bool = False

    def __contains__(self, name: str) -> bool:
        return name in self.arguments

    def delta_s(self, name: str) -> int | None:
        """Seconds of a directive; None where it is missing.

        An argument that is no number counts as 0: stale, the safe reading.
        """
        if name not in self.arguments:
            return None
        match = _DELTA.fullmatch(self.arguments[name] or "")
        if not match:
            return 0
        digits = match.group(1).lstrip("0")
        return MAX_DELTA_S if len(digits) > 10 else min(int(digits or "0"), MAX_DELTA_S)


NOTHING = Directives({})


def parse(fields: Sequence[bytes]) -> Directives:
    """Read the values of Cache-Control. Of a repeated directive the first counts (RFC 9111 section 4.2.1)."""
    arguments: dict[str, str | None] = {}
    for value in fields:
        for member in list_members(value.decode("latin-1")):
            name, equals, argument = member.partition("=")
            if _NAME.fullmatch(name):
                arguments.setdefault(name.lower(), argument if equals else None)
    return Directives(arguments)


def response_directives(headers: Headers, targets: Sequence[bytes] = TARGETS) -> Directives:
    """The directives that bind this cache: those of the first targeted field that is valid and not empty, or
    Cache-Control.
    """
    for name in targets:
        fields = values(headers, name)
        if fields:
            directives = _targeted(fields)
            if directives is not None:
                return directives
    return parse(values(headers, b"cache-control"))


def _targeted(fields: Sequence[bytes]) -> Directives | None:
    dictionary = parse_dictionary(b", ".join(fields).decode("latin-1"))
    if not dictionary:
        return None
    arguments: dict[str, str | None] = {}
    for name, value in dictionary.items():
        if value is True:
            arguments[name] = None
        elif isinstance(value, (int, Token)) and not isinstance(value, bool):
            arguments[name] = str(value)
    return Directives(arguments, targeted=True)
