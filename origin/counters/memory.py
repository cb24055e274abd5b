"""Counters in memory: for tests and simulations. Nothing outlives the process."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence, Set

from origin.counters.base import DEDUPE_S, Batch, CountersUnavailable, CountersWentBack, Increment, Run, Written
from origin.eventlog.base import Position
from origin.model import CountKind


class MemoryCounters:
    def __init__(self) -> None:
        self._gathered: Counter[tuple[int, CountKind]] = Counter()
        self._marks: dict[tuple[str, str, int], int] = {}
        self._floors: dict[tuple[str, str, int], int] = {}
        self._seen: dict[str, tuple[float, int]] = {}
        """Event id → when it is forgotten, and its offset."""
        self._batch: Batch | None = None
        self._ended = ""
        self._closed = False

    async def apply(self, group: str, runs: Sequence[Run], increments: Sequence[Increment]) -> int:
        self._refuse_closed()
        self._forget_old()
        self._refuse_gaps(group, runs)
        counted = sum(self._gather(group, increment) for increment in increments)
        for run in runs:
            place = (group, run.topic, run.partition)
            self._marks[place] = max(self._marks.get(place, -1), run.through)
        return counted

    def _refuse_gaps(self, group: str, runs: Sequence[Run]) -> None:
        known = {(run.topic, run.partition): self._marks.get((group, run.topic, run.partition)) for run in runs}
        for run in runs:
            mark = known[run.topic, run.partition]
            if run.after > (-1 if mark is None else mark) and not (run.begins and mark is None):
                marks = {place: each for place, each in known.items() if each is not None}
                raise CountersWentBack(f"these counters do not have what group {group} had applied", marks)

    def _gather(self, group: str, increment: Increment) -> bool:
        """Whether it counted."""
        position, event_id = increment.position, increment.event_id
        place = (group, position.topic, position.partition)
        if position.offset <= self._marks.get(place, -1):
            return False
        if event_id and self._came_before(event_id, position):
            return False
        if position.offset <= self._floors.get(place, -1):
            return False
        self._gathered[increment.video_id, increment.kind] += increment.by
        return True

    def _came_before(self, event_id: str, position: Position) -> bool:
        forgotten_s = asyncio.get_running_loop().time() + DEDUPE_S
        _, first = self._seen.setdefault(event_id, (forgotten_s, position.offset))
        return first != position.offset

    async def repeated(self, events: Sequence[tuple[str, Position]]) -> Set[Position]:
        self._refuse_closed()
        self._forget_old()
        return {position for event_id, position in events if self._came_before(event_id, position)}

    def _forget_old(self) -> None:
        now_s = asyncio.get_running_loop().time()
        # The oldest come first: every event id is remembered for the same time.
        while self._seen and (oldest := next(iter(self._seen))) and self._seen[oldest][0] <= now_s:
            del self._seen[oldest]

    async def pending(self, video_ids: Sequence[int]) -> Mapping[tuple[int, CountKind], int]:
        self._refuse_closed()
        wanted = [(video_id, kind) for video_id in video_ids for kind in CountKind]
        flushing = self._batch.deltas if self._batch else {}
        sums = {field: self._gathered.get(field, 0) + flushing.get(field, 0) for field in wanted}
        return {field: by for field, by in sums.items() if by}

    async def begin_flush(self) -> Batch:
        self._refuse_closed()
        if self._batch is None:
            batch = Batch(uuid.uuid4().hex, dict(self._gathered), dict(self._marks), self._ended)
            if not self._gathered:
                return batch
            self._batch, self._gathered = batch, Counter()
        return self._batch

    async def end_flush(self, batch_id: str) -> None:
        self._refuse_closed()
        if self._batch is not None and self._batch.batch_id == batch_id:
            self._batch, self._ended = None, batch_id

    async def rewind(self, written: Written) -> None:
        self._refuse_closed()
        under_way = self._batch.batch_id if self._batch else ""
        if written.batch_id in {under_way, self._ended}:
            return
        self._batch, self._gathered, self._ended = None, Counter(), written.batch_id
        self._floors = dict(written.marks)
        self._marks = {place: min(self._marks.get(place, mark), mark) for place, mark in written.marks.items()}

    async def close(self) -> None:
        self._closed = True

    def _refuse_closed(self) -> None:
        if self._closed:
            raise CountersUnavailable("the counters are closed")
