"""From response fields to Terms: lifetime, age and what may happen after (RFC 9111 section 4.2, RFC 5861, RFC
8246). Rules only.
"""

from __future__ import annotations

import re

from edge.cache.control import MAX_DELTA_S, Directives, response_directives
from edge.cache.headers import Headers, first, list_members, parse_date, values
from edge.cache.model import Terms

HEURISTIC_STATUSES = frozenset({200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501})
"""RFC 9110 section 15.1."""

HEURISTIC_FRACTION = 10
"""A response that says nothing is fresh for a tenth of the time since it was modified (RFC 9111 section
4.2.2).
"""
MAX_HEURISTIC_S = 24 * 3600
NEGATIVE_STATUSES = frozenset({404, 405, 410, 414, 501})
NEGATIVE_LIFETIME_S = 5
"""An error is not believed for longer than this unless its answer says so itself: uploads appear."""

_AGE = re.compile(rb"\d+")


def terms(status: int, headers: Headers, requested_ms: int, received_ms: int) -> Terms:
    """Work out the terms of a response that was asked for at `requested_ms` and whose head came at
    `received_ms` (epoch ms).
    """
    directives = response_directives(headers)
    date_s = parse_date(first(headers, b"date"), received_ms // 1000)
    seconds = _lifetime_s(status, headers, directives, date_s if date_s is not None else received_ms // 1000)
    return Terms(
        lifetime_ms=seconds * 1000,
        initial_age_ms=_initial_age_ms(headers, date_s, requested_ms, received_ms),
        no_cache="no-cache" in directives,
        # s-maxage carries the meaning of proxy-revalidate (RFC 9111 section 5.2.2.10).
        must_revalidate=any(name in directives for name in ("must-revalidate", "proxy-revalidate", "s-maxage")),
        stale_while_revalidate_ms=(directives.delta_s("stale-while-revalidate") or 0) * 1000,
        stale_if_error_ms=(directives.delta_s("stale-if-error") or 0) * 1000,
        immutable="immutable" in directives,
    )


def has_explicit_lifetime(headers: Headers, directives: Directives) -> bool:
    """Whether the response itself says how long it is fresh."""
    if "s-maxage" in directives or "max-age" in directives:
        return True
    return not directives.targeted and bool(values(headers, b"expires"))


def _lifetime_s(status: int, headers: Headers, directives: Directives, date_s: int) -> int:
    for name in ("s-maxage", "max-age"):
        seconds = directives.delta_s(name)
        if seconds is not None:
            return seconds
    if not directives.targeted and values(headers, b"expires"):
        # Several Expires lines contradict each other; an unreadable one is in the past (RFC 9111 section
        # 5.3).
        lines = values(headers, b"expires")
        expires_s = parse_date(lines[0], date_s) if len(lines) == 1 else None
        return min(max(0, (expires_s or 0) - date_s), MAX_DELTA_S)
    if status in HEURISTIC_STATUSES or "public" in directives:
        return _heuristic_s(status, headers, date_s)
    return 0


def _heuristic_s(status: int, headers: Headers, date_s: int) -> int:
    modified_s = parse_date(first(headers, b"last-modified"), date_s)
    if modified_s is None or modified_s > date_s:
        return 0
    seconds = min((date_s - modified_s) // HEURISTIC_FRACTION, MAX_HEURISTIC_S)
    return min(seconds, NEGATIVE_LIFETIME_S) if status in NEGATIVE_STATUSES else seconds


def _initial_age_ms(headers: Headers, date_s: int | None, requested_ms: int, received_ms: int) -> int:
    """corrected_initial_age (RFC 9111 section 4.2.3); a Date has whole seconds, so it is compared with whole
    seconds.
    """
    apparent_s = max(0, received_ms // 1000 - date_s) if date_s is not None else 0
    response_delay_ms = max(0, received_ms - requested_ms)
    return max(apparent_s * 1000, _age_s(headers) * 1000 + response_delay_ms)


def _age_s(headers: Headers) -> int:
    """The first member of Age; anything that is not a number of seconds is ignored (RFC 9111 section 5.1)."""
    lines = values(headers, b"age")
    if not lines:
        return 0
    members = list_members(lines[0].decode("latin-1"))
    member = members[0].encode("latin-1") if members else b""
    if not _AGE.fullmatch(member):
        return 0
    digits = member.lstrip(b"0")
    return MAX_DELTA_S if len(digits) > 10 else min(int(digits or b"0"), MAX_DELTA_S)
