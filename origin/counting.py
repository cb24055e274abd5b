"""Turns the interactions log into counts: a consumer that gathers increments, and a flusher that writes them.

Offsets are committed only after the flush that holds their increments, so what a speed layer lost is read again: at
once when it turns out to have gone back, as after a failover. See `origin.counters.base` for why nothing is lost or
doubled, and `origin.writeback` for the rules.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from origin.counters.base import Batch, Counters, CountersUnavailable, CountersWentBack, Increment, Run
from origin.deadletters import dead_letter
from origin.eventlog.base import Consumer, EventLog, EventLogError, Position, Record
from origin.events import DEAD_LETTERS, InteractionEvent, MalformedEvent, Topic, decode
from origin.metadata.base import BatchForked, Metadata, MetadataError
from origin.retry import Backoff
from origin.retrying import surely
from origin.social import apply_own_state
from origin.writeback import Count, Like, act_key, effect_of, increment_of, like_increment, sets_state

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
    went_back: int = 0
    """Times that the speed layer had lost what was applied, and the log was read again from the committed offsets."""


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
        self._applied: dict[tuple[str, int], int] = {}
        """Per topic and partition the last offset whose effects are in the counters and the metadata."""
        self._committed: dict[tuple[str, int], int] = {}
        """Per topic and partition the last offset that the group has committed; no older batch takes it back."""
        self._read_behind: dict[tuple[str, int], int] = {}
        """Per topic and partition the last offset that the speed layer knows, where reading begins behind that although
        more is committed."""

    async def run(self) -> None:
        """Consume and flush. Raises nothing but what is a bug: stores that are away are waited for."""
        while True:
            try:
                await self._run_once()
            except* CountersWentBack as lost:
                self.stats.went_back += 1
                logger.warning("counting reads the log again", extra={"error": str(lost.exceptions[0])})

    async def _run_once(self) -> None:
        """From the committed offsets, or behind what the speed layer knows, until cancelled. Raises
        CountersWentBack."""
        start = {place: mark + 1 for place, mark in self._read_behind.items()}
        consumer = await self._surely(lambda: self._eventlog.consumer(GROUP, [Topic.INTERACTIONS], start))
        self._applied.clear()
        self._committed = {place: self._committed[place] for place in start}
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._consume(consumer))
                tasks.create_task(self._flush_for_ever(consumer))
        finally:
            with contextlib.suppress(TimeoutError, CountersWentBack, *_ERRORS):
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
        return await surely(step, _ERRORS, _BACKOFF, self._chance, self._waits)

    def _waits(self, error: Exception, attempt: int) -> None:
        self.stats.retries += 1
        logger.warning("counting waits", extra={"error": str(error), "attempt": attempt})

    async def _handle(self, records: Sequence[Record]) -> None:
        decoded, letters = _decoded(records)
        placed = await self._first_times(decoded)
        await apply_own_state(self._metadata, [each.event for each in placed], self._clock())
        increments = [*_counted(placed), *await self._like_increments(placed)]
        increments.sort(key=lambda increment: increment.position.offset)
        runs = self._runs(records)
        counted = await self._apply(runs, increments)
        self.stats.records += len(records)
        self.stats.increments += counted
        if letters:
            # Last, because whatever fails before makes all of this be done again.
            await self._eventlog.append_many(DEAD_LETTERS[Topic.INTERACTIONS], letters)
            self.stats.poison += len(letters)
        for run in runs:
            self._applied[run.topic, run.partition] = run.through

    async def _first_times(self, placed: Sequence[_Placed]) -> list[_Placed]:
        """Without the acts that set a state and came before under the same event id: in between the user may have
        taken them back. What is counted by event id is told apart where it is counted."""
        acts = [(act_key(each.event), each.position) for each in placed if sets_state(each.event)]
        repeated = await self._counters.repeated([(key, position) for key, position in acts if key])
        return [each for each in placed if each.position not in repeated]

    def _runs(self, records: Sequence[Record]) -> list[Run]:
        offsets: dict[tuple[str, int], list[int]] = {}
        for record in records:
            offsets.setdefault((record.position.topic, record.position.partition), []).append(record.position.offset)
        for place, some in offsets.items():
            # Reading began at the committed offset.
            self._committed.setdefault(place, min(some) - 1)
        return [self._run(place, min(some), max(some)) for place, some in offsets.items()]

    def _run(self, place: tuple[str, int], first: int, last: int) -> Run:
        applied = self._applied.get(place)
        if applied is None:
            return Run(*place, self._read_behind.get(place, first - 1), last, begins=True)
        return Run(*place, applied, last)

    async def _apply(self, runs: Sequence[Run], increments: Sequence[Increment]) -> int:
        """Raises CountersWentBack, with where to begin again noted."""
        try:
            counted = await self._counters.apply(GROUP, runs, increments)
        except CountersWentBack as lost:
            known = {**self._read_behind, **lost.marks}
            self._read_behind = {place: at for place, at in known.items() if at < self._committed.get(place, -1)}
            raise
        for run in runs:
            self._read_behind.pop((run.topic, run.partition), None)
        return counted

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
        """Raises CountersWentBack, and _ERRORS."""
        still_there = [Run(*place, offset, offset) for place, offset in self._applied.items()]
        await self._apply(still_there, [])
        batch = await self._counters.begin_flush()
        if batch.deltas:
            await self._write(batch)
            await self._counters.end_flush(batch.batch_id)
            self.stats.flushes += 1
        for (group, topic, partition), offset in batch.marks.items():
            # Partitions that others read are theirs to commit.
            if group == GROUP and offset > self._committed.get((topic, partition), offset):
                await consumer.commit(Position(topic, partition, offset))
                self._committed[topic, partition] = offset

    async def _write(self, batch: Batch) -> None:
        """Raises CountersWentBack when the speed layer does not know of a batch that was written."""
        try:
            await self._metadata.apply_counts(batch, self._clock())
        except BatchForked as fork:
            await self._counters.rewind(fork.written)
            raise CountersWentBack(str(fork), {}) from fork


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
