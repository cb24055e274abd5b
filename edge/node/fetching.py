"""Fetches from upstream into flights and the store: one per key, bounded in number and in bytes held."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from edge.cache import admission
from edge.cache.admission import NotStorable, Storable
from edge.cache.decide import may_stand_in
from edge.cache.headers import Headers, combined, without
from edge.cache.invalidation import Purge
from edge.cache.key import acceptable_codings
from edge.cache.model import Request, Stored
from edge.cache.recent import RecentKeys
from edge.node.flight import Abandoned, Flight, Landed, Refreshed, StandIn
from edge.node.intake import FetchLimits, Intake
from edge.stats import EdgeStats
from edge.store.base import Entry, Store, StoreError
from edge.upstream.base import (
    Upstream,
    UpstreamBroken,
    UpstreamError,
    UpstreamRequest,
    UpstreamResponse,
    UpstreamUnreachable,
)

_ERROR_STATUSES = frozenset({500, 502, 503, 504})
_CONDITIONAL = (b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since", b"if-range", b"range")

SOLITARY_S = 2.0
"""After a response that may not be shared, requests for its key do not queue behind each other for so long."""
REST_S = 2.0
"""After upstream failed and a stale response stood in for it, upstream is not asked again for that key for so
long.
"""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sortie:
    """What to fetch: for which request, and which stored entry to revalidate with which conditions."""

    request: Request
    entry: Entry | None
    conditions: Headers


class Fetcher:
    """Starts fetches and sees them through."""

    def __init__(
        self, store: Store, upstream: Upstream, clock: Callable[[], int], limits: FetchLimits, stats: EdgeStats
    ) -> None:
        self._store = store
        self._upstream = upstream
        self._clock = clock
        self._limits = limits
        self._stats = stats
        self._flights: dict[tuple[str, ...], Flight] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._solitary = RecentKeys(SOLITARY_S)
        self._unreachable = RecentKeys(REST_S)
        self._erroring = RecentKeys(REST_S)
        self._intake = Intake(store, limits, stats)

    def join(self, sortie: Sortie) -> tuple[Flight, bool]:
        """The flight for a request, and whether another request had begun it."""
        key = _flight_key(sortie.request)
        flight = self._flights.get(key)
        if flight is not None and flight.kept:
            return flight, True
        if self._solitary.has(sortie.request.key, asyncio.get_running_loop().time()):
            return self.alone(sortie), False
        return self._start(sortie, key), False

    def alone(self, sortie: Sortie) -> Flight:
        """A flight that nobody else joins."""
        return self._start(sortie, None)

    def refresh(self, sortie: Sortie) -> None:
        """Revalidate in the background, unless that is under way."""
        if _flight_key(sortie.request) not in self._flights and len(self._tasks) < self._limits.max_flights:
            self._start(sortie, _flight_key(sortie.request))

    def is_resting(self, stored: Stored, now_ms: int) -> bool:
        """Whether upstream has just failed for this response and it may stand in: then waiting for another
        failure helps nobody.
        """
        now_s = asyncio.get_running_loop().time()
        unreachable = self._unreachable.has(stored.key, now_s)
        if not unreachable and not self._erroring.has(stored.key, now_s):
            return False
        return may_stand_in(stored, now_ms, unreachable=unreachable)

    def note_purge(self, purge: Purge) -> None:
        """What is under way may be what was purged: it must not be stored afterwards."""
        self._intake.purges.note(purge)
        for key in [key for key in self._flights if purge.kind == "tag" or purge.matches(key[0], ())]:
            # Who asks after the purge must not be given what was fetched before it.
            del self._flights[key]

    async def close(self) -> None:
        """Break off everything."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, sortie: Sortie, key: tuple[str, ...] | None) -> Flight:
        flight = Flight(self._intake.release)
        if len(self._tasks) >= self._limits.max_flights:
            flight.fail(UpstreamUnreachable("too many fetches are under way"))
            return flight
        if key is not None:
            self._flights[key] = flight
        task = asyncio.create_task(self._see_through(sortie, flight, key))
        self._tasks.add(task)
        self._stats.in_flight = len(self._tasks)
        task.add_done_callback(self._forget)
        return flight

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._stats.in_flight = len(self._tasks)

    async def _see_through(self, sortie: Sortie, flight: Flight, key: tuple[str, ...] | None) -> None:
        try:
            await self._fetch(sortie, flight)
        except UpstreamError as error:
            self._stats.upstream_errors += 1
            flight.fail(error)
        except Abandoned as error:
            flight.fail(UpstreamBroken("nobody was reading") if not flight.head.done() else error)
        except asyncio.CancelledError:
            flight.fail(UpstreamBroken("this edge is shutting down"))
            raise
        # A fault of ours must not leave the readers waiting for ever.
        except Exception:
            flight.fail(UpstreamBroken("an internal error"))
            logger.exception("a fetch failed", extra={"key": sortie.request.key})
        finally:
            if key is not None and self._flights.get(key) is flight:
                del self._flights[key]

    async def _fetch(self, sortie: Sortie, flight: Flight) -> None:
        purges_before = self._intake.purges.count
        requested_ms = self._clock()
        try:
            response = await self._ask(sortie.request, sortie.conditions)
        except UpstreamError as error:
            if sortie.entry is None or not may_stand_in(sortie.entry.stored, self._clock(), unreachable=True):
                raise
            self._stats.upstream_errors += 1
            logger.warning("upstream failed, a stale response stands in", extra={"error": str(error)})
            self._unreachable.note(sortie.request.key, asyncio.get_running_loop().time())
            flight.land(StandIn(sortie.entry, None))
            return
        try:
            if sortie.entry is not None and await self._settled(
                sortie.entry, response, flight, requested_ms, purges_before
            ):
                return
            if sortie.entry is not None and response.status == 304:
                await response.aclose()
                response = await self._ask(sortie.request, ())
            await self._take(sortie, response, flight, requested_ms, purges_before)
        finally:
            await response.aclose()

    async def _ask(self, request: Request, conditions: Headers) -> UpstreamResponse:
        self._stats.upstream_requests += 1
        headers = without(request.headers, *_CONDITIONAL) + conditions
        return await self._upstream.send(UpstreamRequest(request.method, request.target, headers))

    async def _settled(
        self, entry: Entry, response: UpstreamResponse, flight: Flight, requested_ms: int, purges_before: int
    ) -> bool:
        """Whether the stored entry is the answer: it was confirmed, or upstream failed and it may stand in."""
        if response.status in _ERROR_STATUSES and may_stand_in(entry.stored, self._clock(), unreachable=False):
            self._erroring.note(entry.stored.key, asyncio.get_running_loop().time())
            flight.land(StandIn(entry, response.status))
            return True
        if response.status != 304:
            return False
        now_ms = self._clock()
        headers = admission.tidy(response.headers, now_ms)
        updated = admission.freshened(entry.stored, headers, requested_ms, now_ms)
        if updated is None or self._intake.purges.since(purges_before, updated.key, updated.tags):
            return False
        flight.land(Refreshed(await self._update(entry, updated), response.status))
        return True

    async def _update(self, entry: Entry, updated: Stored) -> Entry:
        try:
            return await self._store.update(entry, updated) or entry
        except StoreError:
            self._intake.note_store_error(entry.stored.key)
            return entry

    async def _take(
        self,
        sortie: Sortie,
        response: UpstreamResponse,
        flight: Flight,
        requested_ms: int,
        purges_before: int,
    ) -> None:
        """Land a new response and see its body through."""
        now_ms = self._clock()
        headers = admission.tidy(response.headers, now_ms)
        request = sortie.request
        verdict = admission.consider(request, response.status, headers, requested_ms, now_ms)
        await self._forget_disproved(sortie, response.status, verdict)
        if isinstance(verdict, NotStorable):
            stored, detail = (
                admission.as_stored(request, response.status, headers, requested_ms, now_ms),
                verdict.reason,
            )
            self._solitary.note(request.key, asyncio.get_running_loop().time())
        else:
            stored, detail = verdict.stored, None
            self._solitary.forget(request.key)
        if detail is not None or not self._intake.set_aside(flight, stored.length or 0):
            flight.pass_on()
        writer = await self._intake.open_writer(request.key) if flight.kept else None
        flight.land(Landed(stored, shareable=flight.kept, detail=detail))
        await self._intake.pump(stored, response, flight, writer, purges_before)

    async def _forget_disproved(self, sortie: Sortie, status: int, verdict: Storable | NotStorable) -> None:
        """What was to be revalidated is not the resource's state any more: it must not be served stale after
        this.
        """
        if sortie.entry is None or status in _ERROR_STATUSES:
            return
        old = sortie.entry.stored
        if isinstance(verdict, NotStorable) or verdict.stored.variant != old.variant:
            try:
                await self._store.remove(old.key, old.variant)
            except StoreError:
                self._intake.note_store_error(old.key)


def _flight_key(request: Request) -> tuple[str, ...]:
    """Requests that could share a response: the same key and, as nearly every Vary is about that, the same
    codings.
    """
    codings = combined(request.headers, b"accept-encoding")
    return (request.key, *acceptable_codings(codings)) if codings is not None else (request.key,)
