"""Requests that the cache hands through, and what it learns from their responses."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable

from edge.cache import admission
from edge.cache.headers import Headers, combined, without
from edge.cache.invalidation import Purge, invalidated_keys
from edge.cache.model import Request
from edge.cache.ranges import Span
from edge.cache.reply import CacheStatus
from edge.node.answer import Answer, NoAnswer, PassedBody
from edge.stats import EdgeStats
from edge.store.base import Entry, Store, StoreError
from edge.upstream.base import Upstream, UpstreamError, UpstreamRequest, UpstreamTimedOut

_TO_THE_END = 2**63

logger = logging.getLogger(__name__)


class Passage:
    """Sends requests upstream as they are. `note_purge` is told what unsafe requests made invalid."""

    def __init__(
        self,
        store: Store,
        upstream: Upstream,
        clock: Callable[[], int],
        stats: EdgeStats,
        note_purge: Callable[[Purge], None],
    ) -> None:
        self._store = store
        self._upstream = upstream
        self._clock = clock
        self._stats = stats
        self._note_purge = note_purge

    async def send(
        self, request: Request, body: AsyncIterator[bytes] | None, reason: str, entry: Entry | None
    ) -> Answer:
        """Hand a request through, and take note of what its response says about stored ones."""
        self._stats.passed += 1
        requested_ms = self._clock()
        try:
            response = await self._upstream.send(UpstreamRequest(request.method, request.target, request.headers, body))
        except UpstreamError as error:
            self._stats.upstream_errors += 1
            raise gateway_error(error, entry_was_stale=False) from error
        finally:
            self._stats.upstream_requests += 1
        headers = admission.tidy(response.headers, self._clock())
        await self._learn(request, response.status, headers, entry, requested_ms)
        line = CacheStatus(reason, response.status).text()
        upstream_line = combined(headers, b"cache-status")
        chain = f"{upstream_line}, {line}" if upstream_line else line
        fields = (*without(headers, b"cache-status"), (b"cache-status", chain.encode("latin-1")))
        return Answer(response.status, fields, (Span(0, _TO_THE_END),), PassedBody(response, self._stats))

    async def _learn(
        self, request: Request, status: int, headers: Headers, entry: Entry | None, requested_ms: int
    ) -> None:
        try:
            if request.method not in ("GET", "HEAD", "OPTIONS", "TRACE"):
                for key in invalidated_keys(request, status, headers):
                    await self._store.remove(key)
                    self._note_purge(Purge("url", key))
            elif request.method == "HEAD" and entry is not None and status == 200:
                updated = admission.freshened(entry.stored, headers, requested_ms, self._clock())
                length = admission.content_length(headers)
                if updated is not None and length in (None, entry.stored.length):
                    await self._store.update(entry, updated)
                else:
                    await self._store.remove(request.key, entry.stored.variant)
        except StoreError:
            self._stats.store_errors += 1
            logger.exception("the cache store failed", extra={"key": request.key})


def gateway_error(error: UpstreamError, *, entry_was_stale: bool) -> NoAnswer:
    """What to tell a client whose request upstream did not answer."""
    # A stale response that must be revalidated and cannot be is a 504 (RFC 9111 section 5.2.2.2).
    timed_out = entry_was_stale or isinstance(error, UpstreamTimedOut)
    return NoAnswer(504 if timed_out else 502, str(error))
