"""What to do with a request, given what is stored and the time. Rules only: the node does what comes out.

Sources: RFC 9111 sections 4 and 5.2.1, RFC 5861 (stale-while-revalidate, stale-if-error), RFC 8246
(immutable).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from edge.cache import key as keys
from edge.cache.control import NOTHING, Directives, parse
from edge.cache.headers import Headers, first, values
from edge.cache.model import Request, Stored

Forward = Literal["uri-miss", "vary-miss", "request", "stale"]
"""Why a request goes upstream, in the words of RFC 9211 section 2.2."""

PassReason = Literal["method", "bypass"]

GRACE_MS = 600_000
"""How long a stale response may stand in while upstream cannot be reached at all, unless it forbids it (RFC
9111 section 4.2.4).
"""


@dataclass(frozen=True, slots=True)
class Serve:
    """Answer with this."""

    stored: Stored


@dataclass(frozen=True, slots=True)
class ServeAndRefresh:
    """Answer with this stale response now, and revalidate it behind the client's back."""

    stored: Stored
    conditions: Headers


@dataclass(frozen=True, slots=True)
class Revalidate:
    """Ask upstream, with these conditions, whether this may still be used."""

    stored: Stored
    conditions: Headers
    forward: Forward


@dataclass(frozen=True, slots=True)
class Fetch:
    """Nothing stored helps: get the whole response."""

    forward: Forward


@dataclass(frozen=True, slots=True)
class Pass:
    """Not for a cache: hand the request through as it is."""

    reason: PassReason


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The client wants a stored response only and there is none to give: 504 (RFC 9111 section 5.2.1.7)."""


Action = Serve | ServeAndRefresh | Revalidate | Fetch | Pass | Unavailable


def decide(request: Request, variants: Sequence[Stored], now_ms: int) -> Action:
    """Choose the action for a request; `variants` is everything stored under its key."""
    if request.method not in ("GET", "HEAD"):
        return Pass("method")
    wishes = _wishes(request.headers)
    stored = select(request, variants)
    if stored is None:
        if "only-if-cached" in wishes:
            return Unavailable()
        return Fetch("vary-miss" if variants else "uri-miss")
    return _use(stored, wishes, now_ms)


def select(request: Request, variants: Sequence[Stored]) -> Stored | None:
    """The variant that the request's fields select, the most recent of several (RFC 9111 section 4.1)."""
    if len(variants) == 1 and not variants[0].vary:
        return variants[0]
    matching = [stored for stored in variants if keys.matches(stored.vary, request.headers)]
    return max(matching, key=lambda stored: (stored.date_s(), stored.received_ms), default=None)


def _use(stored: Stored, wishes: Directives, now_ms: int) -> Action:
    late_ms = stored.staleness_ms(now_ms)
    if late_ms < 0 and not stored.terms.no_cache:
        if wishes is NOTHING or stored.terms.immutable or _fresh_enough(stored, wishes, now_ms):
            return Serve(stored)
        if "only-if-cached" in wishes:
            return Unavailable()
        return Revalidate(stored, conditions(stored), "request")
    if _stale_is_welcome(stored, wishes, late_ms):
        return Serve(stored)
    if _may_refresh_later(stored, wishes, late_ms):
        return ServeAndRefresh(stored, conditions(stored))
    if "only-if-cached" in wishes:
        return Unavailable()
    return Revalidate(stored, conditions(stored), "stale")


def _wishes(headers: Headers) -> Directives:
    fields = values(headers, b"cache-control")
    if fields:
        return parse(fields)
    if b"no-cache" in (first(headers, b"pragma") or b"").lower():
        return Directives({"no-cache": None})
    return NOTHING


def _fresh_enough(stored: Stored, wishes: Directives, now_ms: int) -> bool:
    if "no-cache" in wishes:
        return False
    max_age_s, min_fresh_s = wishes.delta_s("max-age"), wishes.delta_s("min-fresh")
    # A zero is no-cache by another name, even in the millisecond in which the response came.
    if max_age_s is not None and (max_age_s == 0 or stored.age_ms(now_ms) > max_age_s * 1000):
        return False
    return min_fresh_s is None or -stored.staleness_ms(now_ms) >= min_fresh_s * 1000


def _stale_is_welcome(stored: Stored, wishes: Directives, late_ms: int) -> bool:
    if "max-stale" not in wishes or not _stale_is_allowed(stored) or stored.soft_purged_ms is not None:
        return False
    unlimited = wishes.arguments["max-stale"] is None
    return unlimited or late_ms <= (wishes.delta_s("max-stale") or 0) * 1000


def _may_refresh_later(stored: Stored, wishes: Directives, late_ms: int) -> bool:
    asked_for_new = "no-cache" in wishes or wishes.delta_s("max-age") == 0
    return (
        not asked_for_new
        and _stale_is_allowed(stored)
        and late_ms <= stored.terms.stale_while_revalidate_ms
        and stored.terms.stale_while_revalidate_ms > 0
    )


def _stale_is_allowed(stored: Stored) -> bool:
    return not (stored.terms.must_revalidate or stored.terms.no_cache)


def may_stand_in(stored: Stored, now_ms: int, unreachable: bool) -> bool:
    """Whether a stale response may be served because upstream failed: it answered 500, 502, 503 or 504, or
    (`unreachable`) not at all.
    """
    if not _stale_is_allowed(stored):
        return False
    allowed_ms = max(stored.terms.stale_if_error_ms, GRACE_MS if unreachable else 0)
    return stored.staleness_ms(now_ms) <= allowed_ms


def conditions(stored: Stored) -> Headers:
    """The fields that ask upstream whether this is still right (RFC 9111 section 4.3.1)."""
    etag, modified = first(stored.headers, b"etag"), first(stored.headers, b"last-modified")
    fields: Headers = ()
    if etag is not None:
        fields += ((b"if-none-match", etag),)
    if modified is not None:
        fields += ((b"if-modified-since", modified),)
    return fields
