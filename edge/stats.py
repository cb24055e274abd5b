"""What the edge counts. One object per node; the admin port reads it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class EdgeStats:
    """Counters since the start; each only grows, except the gauges at the end, which say how things are now."""

    requests: int = 0
    """Requests that reached the cache (after access control)."""
    refused: int = 0
    """Requests answered 400, 401, 403, 404 or 405 by access control."""
    hits: int = 0
    """Answered from the store without asking upstream first (fresh, or stale while it revalidates)."""
    stale_hits: int = 0
    """Of the hits, those that were stale and are revalidated in the background."""
    misses: int = 0
    """Answered with a response that had to be fetched."""
    revalidated: int = 0
    """Answered from the store after upstream said 304."""
    collapsed: int = 0
    """Requests that shared a fetch which another request had begun."""
    stood_in: int = 0
    """Stale responses served because upstream failed."""
    passed: int = 0
    """Requests handed through without the cache."""
    upstream_requests: int = 0
    """Requests sent upstream, for whatever reason."""
    upstream_errors: int = 0
    """Of these, the ones that got no answer or a broken one."""
    stored: int = 0
    """Responses committed to the store."""
    store_errors: int = 0
    """Failures of the store; requests went on without it."""
    purged: int = 0
    """Keys that purges affected."""
    sent_bytes: int = 0
    """Body bytes handed to clients."""
    upstream_bytes: int = 0
    """Body bytes received from upstream."""
    in_flight: int = field(default=0, metadata={"gauge": True})
    """Fetches under way now."""
    in_flight_bytes: int = field(default=0, metadata={"gauge": True})
    """Bytes held now for fetches under way."""
