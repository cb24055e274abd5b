"""Gathers upload events and chooses the next job among them. Shell.

What waits here is released to the event log, so a packager that joins gets its share of it; a job is this process's own
only from its beginning on.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count

from origin.eventlog.base import Consumer, EventLogError, Position, Record
from origin.events import MalformedEvent, UploadEvent, decode
from packager.queueing import FairQueue, Job, expected_cost

logger = logging.getLogger(__name__)
POLL_S = 1.0
AWAY_PAUSE_S = 2.0
WAITING_BYTES = 1 << 20
"""Of the events that wait, one more allowed."""
UNCOMMITTED_RECORDS = 1024
"""Per consumer. One long job holds the commit of all done behind it, and a crash gives those out again."""


@dataclass(frozen=True, slots=True)
class Taken:
    record: Record
    event: UploadEvent
    consumer: Consumer

    @property
    def due_ms(self) -> int:
        """Epoch ms from which on it could have been begun."""
        return max(self.event.timestamp, self.event.not_before)


class Intake:
    """`refuse` is handed what is no upload event, and returns once it is set aside. `clock` gives epoch ms."""

    def __init__(self, clock: Callable[[], int], refuse: Callable[[Record, MalformedEvent], Awaitable[None]]) -> None:
        self._clock = clock
        self._refuse = refuse
        self._queue = FairQueue()
        self._held: dict[Position, Taken] = {}
        """What waits and what runs."""
        self._running: dict[Position, int] = {}
        """Their videos."""
        self._later: list[tuple[int, int, Taken]] = []
        self._numbers = count()
        self._arrived = asyncio.Event()
        self._left = asyncio.Event()

    @property
    def waiting(self) -> int:
        return len(self._held) - len(self._running)

    def oldest_wait_s(self) -> float:
        """How long the oldest waiting job could have been begun by now."""
        due = [taken.due_ms for position, taken in self._held.items() if position not in self._running]
        return max(0, self._clock() - min(due, default=self._clock())) / 1000

    async def gather(self, consumer: Consumer, most: int) -> None:
        """Keep up to `most` of a consumer's records waiting, until cancelled."""
        while True:
            while self._is_full(consumer, most):
                self._left.clear()
                await self._left.wait()
            try:
                records = await consumer.poll(1, POLL_S)
            except EventLogError as error:
                logger.warning("the event log gives no records", extra={"error": str(error)})
                await asyncio.sleep(AWAY_PAUSE_S)
                continue
            for record in records:
                consumer.release(record.position)
                await self._arrive(record, consumer)

    def _is_full(self, consumer: Consumer, most: int) -> bool:
        waiting = [
            len(taken.record.value)
            for position, taken in self._held.items()
            if taken.consumer is consumer and position not in self._running
        ]
        return len(waiting) >= most or sum(waiting) >= WAITING_BYTES or consumer.in_hand >= UNCOMMITTED_RECORDS

    async def _arrive(self, record: Record, consumer: Consumer) -> None:
        if record.position in self._held:
            # Its partition was away and came back.
            if record.position in self._running:
                await consumer.begin(record.position)
            return
        try:
            taken = Taken(record, decode(UploadEvent, record.value), consumer)
        except MalformedEvent as error:
            if await consumer.begin(record.position):
                await self._refuse(record, error)
                await self._tell_done(record.position, consumer)
            return
        self._held[record.position] = taken
        heapq.heappush(self._later, (taken.event.not_before, next(self._numbers), taken))
        self._arrived.set()

    async def next(self) -> Taken:
        """Wait for a job, choose one, and begin it. Called by one task."""
        while True:
            self._arrived.clear()
            self._queue_due()
            # The same video twice, as a redelivery beside a retry: the second one will find it decided.
            job = self._queue.next(frozenset(self._running.values()))
            if job is None:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._until_due_s()):
                        await self._arrived.wait()
                continue
            taken = self._held[job.position]
            if await taken.consumer.begin(job.position):
                self._queue.begin(job.position)
                self._running[job.position] = job.video_id
                self._left.set()
                return taken
            self._queue.drop(job.position)
            del self._held[job.position]
            self._left.set()

    def _queue_due(self) -> None:
        while self._later and self._later[0][0] <= self._clock():
            _, _, taken = heapq.heappop(self._later)
            event = taken.event
            cost = expected_cost(event.size_bytes)
            self._queue.add(Job(taken.record.position, event.user_id, event.video_id, cost))

    def _until_due_s(self) -> float | None:
        return max(0, self._later[0][0] - self._clock()) / 1000 if self._later else None

    async def finish(self, taken: Taken) -> None:
        """A job has ended, one way or another: its event is not to come again."""
        await self._tell_done(taken.record.position, taken.consumer)
        del self._held[taken.record.position]
        del self._running[taken.record.position]
        self._arrived.set()
        self._left.set()

    async def _tell_done(self, position: Position, consumer: Consumer) -> None:
        """Until the log has it: where all that may wait uncommitted is done, no later commit would come to stand in."""
        while True:
            try:
                await consumer.finish(position)
            except EventLogError as error:
                logger.warning("a commit failed", extra={"position": str(position), "error": str(error)})
                await asyncio.sleep(AWAY_PAUSE_S)
            else:
                return
