"""Turns the interactions log into counts: a consumer that gathers increments, and a flusher that writes them.

Offsets are committed only after the flush that holds their increments, so what a speed layer lost is read again. See
`origin.counters.base` for why nothing is lost or doubled, and `origin.writeback` for the rules.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from origin.counters.base import Counters, CountersUnavailable, Increment
from origin.deadletters import dead_letter
from origin.eventlog.base import Consumer, EventLog, EventLogError, Position, Record
from origin.events import DEAD_LETTERS, InteractionEvent, MalformedEvent, Topic, decode
from origin.metadata.base import Metadata, MetadataError
from origin.retry import Backoff
from origin.social import apply_own_state
from origin.writeback import Count, Like, effect_of, increment_of, like_increment

logger = logging.getLogger(__name__)
R = TypeVar("R")
GROUP = "counts"
FLUSH_EVERY_S = 1.0
BATCH_RECORDS = 500
_POLL_S = 1.0
_LAST_FLUSH_S = 2.0
_BACKOFF = Backoff(base_s=0.1, cap_s=5)
_ERRORS = (CountersUnavailable, MetadataError, EventLogError)


@dataclass(slots=True)
class CountingStats:
    """Counters since the start."""

    records: int = 0
    """Interactions taken from the log."""
    increments: int = 0
    """That counted: no repeats."""
    poison: int = 0
    """Records that were no interaction; dead-lettered."""
    flushes: int = 0
    """Batches that metadata applied."""
    retries: int = 0
    """Steps that had to be tried again because a store was away."""


@dataclass(frozen=True, slots=True)
class _Placed:
    """An event with its place in the log."""

    event: InteractionEvent
    position: Position


class Counting:
    """`run` never ends; cancel it, and it flushes once more. `chance` gives a random number in [0, 1) for backoff."""

    def __init__(
        self,
        eventlog: EventLog,
        counters: Counters,
        metadata: Metadata,
        clock: Callable[[], int],
        chance: Callable[[], float],
        flush_every_s: float = FLUSH_EVERY_S,
    ) -> None:
        self.stats = CountingStats()
        self._eventlog = eventlog
        self._counters = counters
        self._metadata = metadata
        self._clock = clock
        self._chance = chance
        self._flush_every_s = flush_every_s
        self._handled: dict[tuple[str, int], Position] = {}
        """Per topic and partition the last record whose effects are in the counters and the metadata."""

    async def run(self) -> None:
        """Consume and flush. Raises nothing but what is a bug: stores that are away are waited for."""
        consumer = await self._surely(lambda: self._eventlog.consumer(GROUP, [Topic.INTERACTIONS]))
        self._handled.clear()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._consume(consumer))
                tasks.create_task(self._flush_for_ever(consumer))
        finally:
            with contextlib.suppress(TimeoutError, *_ERRORS):
                async with asyncio.timeout(_LAST_FLUSH_S):
                    await self._flush(consumer)
            await consumer.close()

    async def _consume(self, consumer: Consumer) -> None:
        while True:
            records = await self._surely(lambda: consumer.poll(BATCH_RECORDS, _POLL_S))
            if records:
                await self._surely(partial(self._handle, records))

    async def _flush_for_ever(self, consumer: Consumer) -> None:
        while True:
            await asyncio.sleep(self._flush_every_s)
            await self._surely(lambda: self._flush(consumer))

    async def _surely(self, step: Callable[[], Awaitable[R]]) -> R:
        attempt = 0
        while True:
            try:
                return await step()
            except _ERRORS as error:
                self.stats.retries += 1
                logger.warning("counting waits", extra={"error": str(error), "attempt": attempt})
                await asyncio.sleep(_BACKOFF.delay_s(attempt, self._chance()))
                attempt += 1

    async def _handle(self, records: Sequence[Record]) -> None:
        placed, letters = _decoded(records)
        await apply_own_state(self._metadata, [each.event for each in placed], self._clock())
        increments = [*_counted(placed), *await self._like_increments(placed)]
        increments.sort(key=lambda increment: increment.position.offset)
        counted = await self._counters.apply(GROUP, increments)
        self.stats.records += len(records)
        self.stats.increments += counted
        if letters:
            # Last, because whatever fails before makes all of this be done again.
            await self._eventlog.append_many(DEAD_LETTERS[Topic.INTERACTIONS], letters)
            self.stats.poison += len(letters)
        for record in records:
            self._handled[record.position.topic, record.position.partition] = record.position

    async def _like_increments(self, placed: Sequence[_Placed]) -> list[Increment]:
        by_pair: dict[tuple[int, int], list[_Placed]] = {}
        for each in placed:
            if isinstance(effect_of(each.event), Like):
                by_pair.setdefault((each.event.user_id, each.event.video_id), []).append(each)
        results = await asyncio.gather(*(self._like_increments_of(likes) for likes in by_pair.values()))
        return [increment for some in results for increment in some]

    async def _like_increments_of(self, likes: Sequence[_Placed]) -> list[Increment]:
        """Of one user and video, in the order of the log: each answer rests on the one before."""
        increments: list[Increment] = []
        for each in likes:
            effect = effect_of(each.event)
            if isinstance(effect, Like):
                event, position = each.event, each.position
                delta = await self._metadata.count_like(event.user_id, event.video_id, effect.liked, position.offset)
                if (increment := like_increment(event, delta, position)) is not None:
                    increments.append(increment)
        return increments

    async def _flush(self, consumer: Consumer) -> None:
        handled = dict(self._handled)
        batch = await self._counters.begin_flush()
        if batch is None:
            # Nothing waits anywhere, so whatever was handled by now is written.
            done = list(handled.values())
        else:
            await self._metadata.apply_counts(batch.batch_id, batch.deltas, self._clock())
            await self._counters.end_flush(batch.batch_id)
            self.stats.flushes += 1
            done = [
                Position(topic, partition, offset)
                for (group, topic, partition), offset in batch.marks.items()
                if group == GROUP
            ]
        for position in done:
            await consumer.commit(position)
        if batch is None:
            self._forget(handled)

    def _forget(self, committed: dict[tuple[str, int], Position]) -> None:
        # An idle log is not committed again and again.
        for place, position in committed.items():
            if self._handled.get(place) == position:
                del self._handled[place]


def _counted(placed: Sequence[_Placed]) -> list[Increment]:
    return [
        increment_of(each.event, effect, each.position)
        for each in placed
        if isinstance(effect := effect_of(each.event), Count)
    ]


def _decoded(records: Sequence[Record]) -> tuple[list[_Placed], list[tuple[str, bytes]]]:
    """The events, and dead letters for what is none."""
    placed: list[_Placed] = []
    letters: list[tuple[str, bytes]] = []
    for record in records:
        try:
            placed.append(_Placed(decode(InteractionEvent, record.value), record.position))
        except MalformedEvent as error:
            logger.warning("an interaction is poison", extra={"position": str(record.position), "error": str(error)})
            _, key, letter = dead_letter(record, GROUP, error)
            letters.append((key, letter))
    return placed, letters
