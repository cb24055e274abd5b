"""One response on its way from upstream, shared by every reader while it arrives.

A flight is *kept* while everything that came is held, so that a reader may join at any time and read any
span: that is so for what is being stored, within the node's limit of bytes in flight. Otherwise it is
*passing*: blocks are dropped once the slowest reader has them, the sender waits for that reader, nobody can
join, and when the last reader leaves the flight is abandoned.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from edge.cache.model import Stored
from edge.cache.ranges import Span
from edge.store.base import Entry
from edge.upstream.base import UpstreamBroken, UpstreamError

WINDOW_BYTES = 1024 * 1024
"""How far a passing flight may be ahead of its slowest reader."""


class Abandoned(Exception):
    """Nobody reads a passing flight any more."""


@dataclass(frozen=True, slots=True)
class Landed:
    """The head of a new response; its body can be read from the flight."""

    stored: Stored
    shareable: bool
    """Whether others than the first reader may be answered with it, if their fields select it."""
    detail: str | None = None
    """Why it is not kept."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """Upstream says the stored response is still right."""

    entry: Entry
    status: int


@dataclass(frozen=True, slots=True)
class StandIn:
    """Upstream failed; the stored response is served stale."""

    entry: Entry
    status: int | None


@dataclass(frozen=True, slots=True)
class Failed:
    """Upstream failed and nothing can stand in."""

    error: UpstreamError


Outcome = Landed | Refreshed | StandIn | Failed


class Flight:
    """The shared buffer between one sender and many readers, all on one event loop.

    `release` is told how many of the held bytes are free again, once the flight has ended and its last reader
    has left.
    """

    def __init__(self, release: Callable[[int], None]) -> None:
        self._release = release
        self._held = 0
        self.head: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.kept = True
        self._blocks: list[bytes] = []
        self._ends: list[int] = []
        self._size = 0
        self._complete = False
        self._error: Exception | None = None
        self._readers: set[FlightBody] = set()
        self._waiting: set[asyncio.Future[None]] = set()

    @property
    def size(self) -> int:
        """Bytes that came so far."""
        return self._size

    def attach(self) -> FlightBody:
        """A new reader. Attach before waiting for the head, so that a passing flight knows it has one."""
        body = FlightBody(self)
        self._readers.add(body)
        return body

    def land(self, outcome: Outcome) -> None:
        """Tell the head."""
        if not self.head.done():
            self.head.set_result(outcome)

    async def feed(self, block: bytes) -> None:
        """Add a block; waits for slow readers of a passing flight. Raises Abandoned when it has none."""
        self._size += len(block)
        self._blocks.append(block)
        self._ends.append(self._size)
        self._wake()
        while not self.kept:
            if not self._readers:
                raise Abandoned
            self._trim()
            if not self._blocks or self._size - self._slowest() < WINDOW_BYTES:
                return
            await self._moved()

    def hold(self, size: int) -> None:
        """Note that so many bytes were set aside for this flight."""
        self._held += size

    def pass_on(self) -> None:
        """Stop keeping everything."""
        self.kept = False

    def finish(self) -> None:
        """The body is complete."""
        self._complete = True
        self._wake()
        self._let_go()

    def fail(self, error: Exception) -> None:
        """The body will never be complete; readers get this."""
        self._error = error
        if isinstance(error, UpstreamError):
            self.land(Failed(error))
        self._wake()
        self._let_go()

    def detach(self, body: FlightBody) -> None:
        """A reader leaves."""
        self._readers.discard(body)
        self._wake()
        self._let_go()

    def block_at(self, position: int) -> tuple[bytes, int] | None:
        """The block that has the byte at `position` and the offset of its end; None while it has not come."""
        index = bisect_right(self._ends, position)
        return (self._blocks[index], self._ends[index]) if index < len(self._ends) else None

    async def more(self) -> bool:
        """Wait until something happens.

        False: nothing more will come. Raises the error that ended the flight.
        """
        if self._error is not None:
            if isinstance(self._error, UpstreamError):
                raise UpstreamBroken(str(self._error)) from self._error
            raise self._error
        if self._complete:
            return False
        await self._moved()
        return True

    def moved(self) -> None:
        """A reader has read on."""
        if not self.kept:
            self._wake()

    def _let_go(self) -> None:
        """Slow readers hold the blocks of a flight that has ended; only with the last of them are these bytes
        free.
        """
        if self._held and not self._readers and (self._complete or self._error is not None):
            self._release(self._held)
            self._held = 0

    def _slowest(self) -> int:
        return min((body.position for body in self._readers), default=self._size)

    def _trim(self) -> None:
        done = bisect_right(self._ends, self._slowest())
        if done:
            del self._blocks[:done]
            del self._ends[:done]

    async def _moved(self) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(waiter)
        try:
            await waiter
        finally:
            self._waiting.discard(waiter)

    def _wake(self) -> None:
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)


class FlightBody:
    """A reader of a flight; see edge.store.base.Body.

    Of a passing flight spans are read in ascending order only.
    """

    def __init__(self, flight: Flight) -> None:
        self._flight = flight
        self.position = 0

    async def read(self, span: Span) -> AsyncIterator[bytes]:
        """See Body.read; waits for what has not come. Raises UpstreamBroken when it never will."""
        at = span.start
        while at < span.end:
            self.position = at
            found = self._flight.block_at(at)
            if found is None:
                if not await self._flight.more():
                    return
                continue
            block, end = found
            begin = end - len(block)
            if at < begin:
                raise UpstreamBroken("these bytes have passed and were not kept")
            whole = at == begin and end <= span.end
            yield block if whole else block[at - begin : span.end - begin]
            at = min(end, span.end)
            self.position = at
            self._flight.moved()

    async def aclose(self) -> None:
        """Leave; the flight goes on without this reader."""
        self._flight.detach(self)
