"""The cache node: asks the rules what to do with a request, and does it.

One fetch per key is under way at a time; every request for that key shares it while it arrives, and it goes
on when its first reader leaves. What upstream does not allow to share is fetched by each request for itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import assert_never

from edge.cache import admission
from edge.cache import key as keys
from edge.cache.decide import (
    Action,
    Fetch,
    Forward,
    Pass,
    Revalidate,
    Serve,
    ServeAndRefresh,
    Unavailable,
    decide,
)
from edge.cache.headers import Headers, without
from edge.cache.invalidation import Purge
from edge.cache.model import Request, Stored
from edge.cache.ranges import Span
from edge.cache.reply import CacheStatus, Reply, compose
from edge.node.answer import Answer, NoAnswer
from edge.node.fetching import Fetcher, Sortie
from edge.node.flight import Failed, Flight, FlightBody, Landed, Refreshed, StandIn
from edge.node.intake import FetchLimits
from edge.node.passage import Passage, gateway_error
from edge.stats import EdgeStats
from edge.store.base import Body, Entry, EntryGone, Store, StoreError
from edge.upstream.base import (
    Upstream,
)

_TO_THE_END = 2**63

logger = logging.getLogger(__name__)


class CacheNode:
    """A shared HTTP cache before one upstream. `clock` gives epoch milliseconds."""

    def __init__(
        self,
        store: Store,
        upstream: Upstream,
        clock: Callable[[], int],
        limits: FetchLimits | None = None,
        stats: EdgeStats | None = None,
    ) -> None:
        self.stats = stats or EdgeStats()
        self._store = store
        self._upstream = upstream
        self._clock = clock
        self._fetcher = Fetcher(store, upstream, clock, limits or FetchLimits(), self.stats)
        self._passage = Passage(store, upstream, clock, self.stats, self._fetcher.note_purge)

    async def handle(self, request: Request, body: AsyncIterator[bytes] | None = None) -> Answer:
        """Answer a request. `body` is only read for requests that are handed through. Raises NoAnswer."""
        self.stats.requests += 1
        entries = await self._find(request.key)
        now_ms = self._clock()
        action = decide(request, [entry.stored for entry in entries], now_ms)
        try:
            return await self._act(request, body, action, entries, now_ms)
        except StoreError as error:
            # An entry that was evicted after `find`, or cannot be read, is as if it had never been there.
            if not isinstance(error, EntryGone):
                self._note_store_error(request.key)
            return await self._fetch(request, None, (), "uri-miss")

    async def purge(self, purge: Purge) -> int:
        """Forget, or make stale, what a purge covers; returns the number of keys. Raises StoreError."""
        self._fetcher.note_purge(purge)
        if purge.kind == "tag":
            keys = await self._store.tagged(purge.value)
        elif purge.kind == "prefix":
            keys = await self._store.under(purge.value)
        else:
            keys = (purge.value,)
        affected = 0
        for key in keys:
            affected += await self._purge_key(key, purge)
        self.stats.purged += affected
        return affected

    async def close(self) -> None:
        """Break off every fetch. The store and the upstream are closed by whoever opened them."""
        await self._fetcher.close()

    async def _act(
        self,
        request: Request,
        body: AsyncIterator[bytes] | None,
        action: Action,
        entries: tuple[Entry, ...],
        now_ms: int,
    ) -> Answer:
        match action:
            case Serve(stored):
                return await self._hit(request, _entry(entries, stored), now_ms)
            case ServeAndRefresh(stored, conditions):
                self.stats.stale_hits += 1
                entry = _entry(entries, stored)
                if not self._fetcher.is_resting(stored, now_ms):
                    self._fetcher.refresh(Sortie(replace(request, method="GET"), entry, conditions))
                return await self._hit(request, entry, now_ms)
            case Revalidate(stored, conditions, forward):
                if self._fetcher.is_resting(stored, now_ms):
                    return await self._stand_in(request, _entry(entries, stored), now_ms, CacheStatus(forward))
                return await self._fetch(request, _entry(entries, stored), conditions, forward)
            case Fetch(forward):
                return await self._fetch(request, None, (), forward)
            case Pass(reason):
                return await self._passage.send(request, body, reason, None)
            case Unavailable():
                raise NoAnswer(504, "nothing stored may be served, and the request allows nothing else")
            case _:
                assert_never(action)

    async def _hit(self, request: Request, entry: Entry, now_ms: int) -> Answer:
        self.stats.hits += 1
        self._store.touch(entry)
        status = CacheStatus(ttl_s=-entry.stored.staleness_ms(now_ms) // 1000)
        return await self._from_entry(request, entry, now_ms, status)

    async def _from_entry(self, request: Request, entry: Entry, now_ms: int, status: CacheStatus) -> Answer:
        reply = compose(request, entry.stored, now_ms, status)
        if not (reply.whole or reply.pieces):
            return Answer(reply.status, reply.headers)
        return _answer(reply, entry.stored, await entry.open())

    async def _fetch(self, request: Request, entry: Entry | None, conditions: Headers, forward: Forward) -> Answer:
        if request.method == "HEAD":
            return await self._passage.send(request, None, forward, entry)
        flight, collapsed = self._fetcher.join(Sortie(request, entry, conditions))
        reader = flight.attach()
        try:
            answer = await self._landed(request, flight, reader, forward, collapsed)
            if answer is None:
                await reader.aclose()
                flight = self._fetcher.alone(Sortie(request, entry, conditions))
                reader = flight.attach()
                answer = await self._landed(request, flight, reader, forward, False)
        except BaseException:
            await reader.aclose()
            raise
        if answer is None:
            raise NoAnswer(502, "upstream did not answer")
        if answer.body is not reader:
            await reader.aclose()
        return answer

    async def _landed(
        self, request: Request, flight: Flight, reader: FlightBody, forward: Forward, collapsed: bool
    ) -> Answer | None:
        """The answer that a flight gives this request; None when it must fetch for itself."""
        outcome = await asyncio.shield(flight.head)
        now_ms = self._clock()
        self.stats.collapsed += collapsed
        match outcome:
            case Landed(stored, shareable, detail):
                if collapsed and not (shareable and admission.shared_by(stored, request)):
                    return None
                self.stats.misses += 1
                ttl_s = -stored.staleness_ms(now_ms) // 1000
                status = CacheStatus(forward, stored.status, ttl_s, flight.kept, collapsed, detail)
                return self._from_flight(request, stored, flight, reader, now_ms, status)
            case Refreshed(entry, upstream_status):
                if collapsed and not admission.shared_by(entry.stored, request):
                    return None
                self.stats.revalidated += 1
                ttl_s = -entry.stored.staleness_ms(now_ms) // 1000
                status = CacheStatus(forward, upstream_status, ttl_s, True, collapsed)
                return await self._from_entry(request, entry, now_ms, status)
            case StandIn(entry, upstream_status):
                if collapsed and not keys.matches(entry.stored.vary, request.headers):
                    return None
                status = CacheStatus(forward, upstream_status, collapsed=collapsed)
                return await self._stand_in(request, entry, now_ms, status)
            case Failed(error):
                raise gateway_error(error, entry_was_stale=forward == "stale") from error
            case _:
                assert_never(outcome)

    async def _stand_in(self, request: Request, entry: Entry, now_ms: int, status: CacheStatus) -> Answer:
        self.stats.stood_in += 1
        ttl_s = -entry.stored.staleness_ms(now_ms) // 1000
        status = replace(status, ttl_s=ttl_s, detail="stale-if-error")
        return await self._from_entry(request, entry, now_ms, status)

    def _from_flight(
        self,
        request: Request,
        stored: Stored,
        flight: Flight,
        reader: FlightBody,
        now_ms: int,
        status: CacheStatus,
    ) -> Answer:
        # Spans in any order need all blocks; a flight that only passes gives the whole body.
        asked = request if flight.kept else _without_range(request)
        reply = compose(asked, stored, now_ms, status, aged=_aged(stored, now_ms))
        return _answer(reply, stored, reader)

    async def _find(self, key: str) -> tuple[Entry, ...]:
        try:
            return await self._store.find(key)
        except StoreError:
            self._note_store_error(key)
            return ()

    def _note_store_error(self, key: str) -> None:
        self.stats.store_errors += 1
        logger.exception("the cache store failed", extra={"key": key})

    async def _purge_key(self, key: str, purge: Purge) -> bool:
        if not purge.soft:
            return await self._store.remove(key) > 0
        found = False
        for entry in await self._store.find(key):
            if purge.kind != "tag" or purge.value in entry.stored.tags:
                found = True
                await self._store.update(entry, admission.soft_purged(entry.stored, self._clock()))
        return found


def _answer(reply: Reply, stored: Stored, body: Body) -> Answer:
    end = _TO_THE_END if stored.length is None else stored.length
    pieces = (Span(0, end),) if reply.whole else reply.pieces
    return Answer(reply.status, reply.headers, pieces, body)


def _entry(entries: tuple[Entry, ...], stored: Stored) -> Entry:
    return next(entry for entry in entries if entry.stored is stored)


def _aged(stored: Stored, now_ms: int) -> bool:
    """Whether the response of a fetch has an age worth telling: it came from a cache before us, or took a
    second.
    """
    return stored.age_ms(now_ms) >= 1000


def _without_range(request: Request) -> Request:
    return replace(request, headers=without(request.headers, b"range"))
