"""Counters in memory: for tests and simulations. Nothing outlives the process."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence

from origin.counters.base import DEDUPE_S, Batch, CountersUnavailable, CountersWentBack, Increment, Run
from origin.model import CountKind


class MemoryCounters:
    """Batch ids are numbered, so simulations repeat."""

    def __init__(self) -> None:
        self._gathered: Counter[tuple[int, CountKind]] = Counter()
        self._marks: dict[tuple[str, str, int], int] = {}
        self._seen: dict[str, float] = {}
        self._batch: Batch | None = None
        self._batches = 0
        self._closed = False

    async def apply(self, group: str, runs: Sequence[Run], increments: Sequence[Increment]) -> int:
        self._refuse_closed()
        self._forget_old()
        marks = {(group, run.topic, run.partition): self._mark(group, run) for run in runs}
        counted = 0
        for increment in increments:
            position = increment.position
            if position.offset <= self._marks.get((group, position.topic, position.partition), -1):
                continue
            if increment.event_id and increment.event_id in self._seen:
                continue
            if increment.event_id:
                self._seen[increment.event_id] = asyncio.get_running_loop().time() + DEDUPE_S
            self._gathered[increment.video_id, increment.kind] += increment.by
            counted += 1
        self._marks |= marks
        return counted

    def _mark(self, group: str, run: Run) -> int:
        """Where the run moves its mark."""
        before = self._marks.get((group, run.topic, run.partition), -1)
        if run.after is not None and before < run.after:
            raise CountersWentBack(f"these counters do not have what group {group} had applied")
        return max(before, run.through)

    def _forget_old(self) -> None:
        now_s = asyncio.get_running_loop().time()
        # The oldest come first: every event id is remembered for the same time.
        while self._seen and (oldest := next(iter(self._seen))) and self._seen[oldest] <= now_s:
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
            self._batches += 1
            batch = Batch(f"memory-{self._batches}", dict(self._gathered), dict(self._marks))
            if not self._gathered:
                return batch
            self._batch, self._gathered = batch, Counter()
        return self._batch

    async def end_flush(self, batch_id: str) -> None:
        self._refuse_closed()
        if self._batch is not None and self._batch.batch_id == batch_id:
            self._batch = None

    async def close(self) -> None:
        self._closed = True

    def _refuse_closed(self) -> None:
        if self._closed:
            raise CountersUnavailable("the counters are closed")
