"""May this response be stored, and may one fetch answer several requests?

Rules only (RFC 9111 sections 3 and 4).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from edge.cache import key as keys
from edge.cache.control import parse, response_directives
from edge.cache.freshness import HEURISTIC_STATUSES, has_explicit_lifetime, terms
from edge.cache.headers import Headers, end_to_end, first, format_date, values, without
from edge.cache.model import Request, Stored

Reason = Literal[
    "method",
    "status",
    "partial",
    "no-store",
    "private",
    "authorization",
    "vary-star",
    "no-freshness",
]

UNDERSTOOD_STATUSES = frozenset({*range(200, 206), *range(300, 304), 307, 308, *range(400, 418), 421, *range(500, 506)})
"""Final statuses whose caching rules are followed here; 206 and 304 are never stored as such."""

_NOT_UPDATED = (b"content-length", b"content-encoding", b"content-range", b"transfer-encoding")
_EXCLUDED_STATUSES = frozenset({206, 304})


@dataclass(frozen=True, slots=True)
class Storable:
    """The response may be stored as this; `stored.length` is its Content-Length, if it has one."""

    stored: Stored


@dataclass(frozen=True, slots=True)
class NotStorable:
    """It may not, and why."""

    reason: Reason


def consider(
    request: Request, status: int, headers: Headers, requested_ms: int, received_ms: int
) -> Storable | NotStorable:
    """Decide on a response that has just begun to arrive.

    `headers` are its end-to-end fields (see `tidy`).
    """
    reason = _refusal(request, status, headers)
    if reason is not None:
        return NotStorable(reason)
    names = keys.vary_names(headers)
    if names is None:
        return NotStorable("vary-star")
    return Storable(as_stored(request, status, headers, requested_ms, received_ms, names))


def as_stored(
    request: Request,
    status: int,
    headers: Headers,
    requested_ms: int,
    received_ms: int,
    names: tuple[bytes, ...] = (),
) -> Stored:
    """The response in the form the cache reasons about, whether or not it may be kept."""
    vary = keys.selecting(names, request.headers)
    return Stored(
        key=request.key,
        variant=keys.variant_key(vary),
        status=status,
        headers=headers,
        vary=vary,
        terms=terms(status, headers, requested_ms, received_ms),
        received_ms=received_ms,
        length=content_length(headers),
        tags=surrogate_keys(headers),
    )


def _refusal(request: Request, status: int, headers: Headers) -> Reason | None:
    directives = response_directives(headers)
    if request.method != "GET":
        return "method"
    if status in _EXCLUDED_STATUSES or status < 200:
        return "partial" if status == 206 else "status"
    if "must-understand" in directives and status not in UNDERSTOOD_STATUSES:
        return "status"
    if "no-store" in parse(values(request.headers, b"cache-control")):
        return "no-store"
    if "no-store" in directives and "must-understand" not in directives:
        return "no-store"
    if "private" in directives:
        return "private"
    if first(request.headers, b"authorization") is not None and not any(
        name in directives for name in ("public", "must-revalidate", "s-maxage")
    ):
        return "authorization"
    if status in HEURISTIC_STATUSES or "public" in directives or has_explicit_lifetime(headers, directives):
        return None
    return "no-freshness"


def shared_by(stored: Stored, request: Request) -> bool:
    """Whether a request that waited for this response may be answered with it: it would be, had it come a
    moment later.
    """
    usable = stored.terms.lifetime_ms > stored.terms.initial_age_ms and not stored.terms.no_cache
    return usable and keys.matches(stored.vary, request.headers)


def freshened(stored: Stored, headers: Headers, requested_ms: int, received_ms: int) -> Stored | None:
    """The stored response with the fields of a 304 or HEAD response (RFC 9111 section 3.2); None when that
    was about another one.
    """
    old, new = first(stored.headers, b"etag"), first(headers, b"etag")
    if new is not None and old is not None and _opaque(old) != _opaque(new):
        return None
    updates = without(headers, *_NOT_UPDATED)
    replaced = {name for name, _ in updates}
    merged = tuple(field for field in stored.headers if field[0] not in replaced) + updates
    if not {b"age"} & replaced:
        merged = without(merged, b"age")
    return replace(
        stored,
        headers=merged,
        terms=terms(stored.status, merged, requested_ms, received_ms),
        received_ms=received_ms,
        soft_purged_ms=None,
        tags=surrogate_keys(merged),
    )


def _opaque(etag: bytes) -> bytes:
    return etag.removeprefix(b"W/")


def tidy(headers: Headers, received_ms: int) -> Headers:
    """Fields of a response as they are stored and forwarded: end-to-end ones, with a Date (RFC 9110 section
    6.6.1).
    """
    kept = end_to_end(headers)
    if first(kept, b"date") is None:
        kept += ((b"date", format_date(received_ms // 1000)),)
    return kept


def content_length(headers: Headers) -> int | None:
    """The body's length in bytes, if the response tells one that can be believed."""
    found = set(values(headers, b"content-length"))
    if len(found) != 1:
        return None
    text = found.pop()
    return int(text) if text.isdigit() and len(text) <= 18 else None


def surrogate_keys(headers: Headers) -> tuple[str, ...]:
    """Tags of a response: the words of its Surrogate-Key fields."""
    words = b" ".join(values(headers, b"surrogate-key")).decode("latin-1").split()
    return tuple(dict.fromkeys(words))


def soft_purged(stored: Stored, now_ms: int) -> Stored:
    """The response, stale from now on."""
    return replace(stored, soft_purged_ms=now_ms if stored.soft_purged_ms is None else stored.soft_purged_ms)
