"""The nouns of the cache. Rules file: frozen values.

Times are epoch milliseconds; header names are lower-case bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from edge.cache.headers import Headers, first, parse_date


@dataclass(frozen=True, slots=True)
class Request:
    """What a client wants, ready for the cache:

    `key` names the resource (no token, no authority of one edge), `target` is the path
    and query to ask upstream for, `headers` are end-to-end fields without any token.
    """

    method: str
    key: str
    target: str
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Terms:
    """How long and how a response may be used, worked out once when it arrives (RFC 9111 sections 4.2 and
    5.2, RFC 5861, RFC 8246).
    """

    lifetime_ms: int
    initial_age_ms: int
    no_cache: bool = False
    must_revalidate: bool = False
    stale_while_revalidate_ms: int = 0
    stale_if_error_ms: int = 0
    immutable: bool = False


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored response without its body.

    `variant` is the key among the responses of one resource; `vary` are the request fields that selected it,
    with their normalised values (None: the request had no such field). `length` is the body's in bytes, None
    while it is still arriving with no Content-Length.
    """

    key: str
    variant: str
    status: int
    headers: Headers
    vary: tuple[tuple[bytes, str | None], ...]
    terms: Terms
    received_ms: int
    length: int | None
    soft_purged_ms: int | None = None
    tags: tuple[str, ...] = field(default=())

    def age_ms(self, now_ms: int) -> int:
        """Current age (RFC 9111 section 4.2.3)."""
        return self.terms.initial_age_ms + max(0, now_ms - self.received_ms)

    def staleness_ms(self, now_ms: int) -> int:
        """How long past its freshness; negative or zero while fresh. A soft purge ends freshness at once."""
        overdue = self.age_ms(now_ms) - self.terms.lifetime_ms
        if self.soft_purged_ms is None:
            return overdue
        return max(overdue, now_ms - self.soft_purged_ms, 1)

    def date_s(self) -> int:
        """Epoch seconds of its Date field (always present in what is stored)."""
        return parse_date(first(self.headers, b"date")) or self.received_ms // 1000
