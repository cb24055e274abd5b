"""Header fields as ASGI carries them: tuples of lower-case names and values, bytes. Rules only.

Dates are HTTP dates (RFC 9110 section 5.6.7) and epoch seconds; everything here is total: bad input gives
None, never an exception.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import formatdate

Headers = tuple[tuple[bytes, bytes], ...]

_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authentication-info",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)

_DAYS = "Mon|Tue|Wed|Thu|Fri|Sat|Sun"
_LONG_DAYS = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = "|".join(_MONTHS)
_TIME = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
# Dates are case-sensitive when sent and read without regard to case, as caches must (RFC 9111 section 4.2).
_ANY_CASE = re.IGNORECASE | re.ASCII
_IMF = re.compile(rf"(?:{_DAYS}), (?P<day>\d\d) (?P<month>{_MONTH}) (?P<year>\d{{4}}) {_TIME} GMT", _ANY_CASE)
_RFC850 = re.compile(rf"(?:{_LONG_DAYS}), (?P<day>\d\d)-(?P<month>{_MONTH})-(?P<year>\d\d) {_TIME} GMT", _ANY_CASE)
_ASCTIME = re.compile(rf"(?:{_DAYS}) (?P<month>{_MONTH}) (?P<day>[ \d]\d) {_TIME} (?P<year>\d{{4}})", _ANY_CASE)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CENTURY = 100


def first(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes | None:
    """The first value of a field, or None."""
    return next((value for field, value in headers if field == name), None)


def values(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> list[bytes]:
    """Every value of a field, in order."""
    return [value for field, value in headers if field == name]


def combined(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str | None:
    """The values of a field as one list (RFC 9110 section 5.3), or None where the field is missing."""
    found = values(headers, name)
    return b", ".join(found).decode("latin-1") if found else None


def without(headers: Iterable[tuple[bytes, bytes]], *names: bytes) -> Headers:
    """The fields that are not named."""
    return tuple(field for field in headers if field[0] not in names)


def end_to_end(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Drop the fields of one connection (RFC 9110 section 7.6.1), those that `Connection` lists among them."""
    fields = tuple((name.lower(), value) for name, value in headers)
    listed = {option.strip().lower() for name, value in fields if name == b"connection" for option in value.split(b",")}
    return tuple(field for field in fields if field[0] not in _HOP_BY_HOP and field[0] not in listed)


def list_members(value: str) -> list[str]:
    """Split a comma-separated list, respecting quoted strings; empty members are dropped."""
    members: list[str] = []
    begin, quoted, place = 0, False, 0
    while place < len(value):
        character = value[place]
        if character == "\\" and quoted:
            place += 1
        elif character == '"':
            quoted = not quoted
        elif character == "," and not quoted:
            members.append(value[begin:place])
            begin = place + 1
        place += 1
    members.append(value[begin:])
    return [member.strip(" \t") for member in members if member.strip(" \t")]


def parse_date(value: bytes | None, now_s: int = 0) -> int | None:
    """Epoch seconds of an HTTP date in any of its three forms, or None.

    `now_s` places a two-digit year (RFC 9110 section 5.6.7).
    """
    if value is None:
        return None
    text = value.decode("latin-1").strip(" \t")
    for form in (_IMF, _RFC850, _ASCTIME):
        match = form.fullmatch(text)
        if match:
            return _epoch(match, now_s)
    return None


def _epoch(match: re.Match[str], now_s: int) -> int | None:
    year = int(match["year"])
    if year < _CENTURY:
        this_year = _year(now_s)
        year += this_year - this_year % _CENTURY
        # A date that looks more than 50 years ahead is the most recent past year with these digits.
        year -= _CENTURY if year > this_year + _CENTURY // 2 else 0
    try:
        moment = datetime(
            year,
            _MONTHS.index(match["month"].title()) + 1,
            int(match["day"]),
            int(match["hour"]),
            int(match["minute"]),
            min(int(match["second"]), 59),
            tzinfo=UTC,
        )
    except ValueError:
        return None
    return int((moment - _EPOCH).total_seconds())


def _year(epoch_s: int) -> int:
    return (_EPOCH + timedelta(seconds=epoch_s)).year


def format_date(epoch_s: int) -> bytes:
    """IMF-fixdate of a time in epoch seconds."""
    return formatdate(epoch_s, usegmt=True).encode()
