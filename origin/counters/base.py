"""The port to the write-back counters: increments gather in the speed layer and are flushed in batches.

Words: an *increment* is ±n of one kind of count of one video, and carries the id of the event it comes from.
A *run* is a piece of one partition of the log as one consumer handled it, without a gap. The *mark* of a partition is
the last offset applied. A *batch* is what one flush moves to the metadata store; its id makes that idempotent there.

Exactness, on which `origin.counting` rests:
- `apply` takes the increments of whole runs, moves the marks to the runs' ends in the same atomic step, and skips
  whatever lies at or below a mark; so a consumer that crashed before its commit repeats harmlessly.
- an event id already seen within DEDUPE_S adds nothing, so a client that sends a batch twice is counted once. Of acts
  that set a state, `repeated` tells the same: an append that was given up, and lands after all, sets nothing back.
- `begin_flush` moves the gathered increments aside under a batch id in one atomic step, and gives the *same* batch
  again until `end_flush(batch_id)`; so a crash between reading and writing neither loses nor doubles.
- a batch carries the marks of its moment: every increment up to them is in it or in an earlier batch. Offsets are
  committed no further than the marks of batches that are written, so the log can give again what a speed layer lost.
- a batch names the one that was ended before it, and metadata writes it only `after` that one. So what is written is
  one chain, whatever the speed layer forgot.

When the speed layer fails over to a replica, or comes back from an older file, it goes back in time: to some moment of
the past, all keys to the same one, since a replica follows a single stream and every key lives on one server.
- *What is lost* are runs whose marks it had not got. A consumer gives with each run the last offset that it applied
  before, or before which it began to read (`Run.after`). A mark short of that means a gap, and the step is refused with
  CountersWentBack before it changes anything; then whoever consumes reads again from the mark on. What is still there
  is skipped by its mark. Without traffic the gap is found by applying an empty run, as counting does before each flush.
- *What comes back* must not be counted twice: if it had forgotten that increments were moved into a batch, they would
  be gathered still, and move again under another id. But metadata has another batch at the end of its chain then, and
  refuses (`BatchForked`). `rewind` drops what is gathered and makes the end of the chain the batch ended last. Up to
  its marks, the *floor*, nothing counts again; what lies between mark and floor is read again all the same, so that its
  event ids are known. An event id is kept with its offset: the same record counts when it is read again.
- *A batch half written* is finished from what metadata kept of it, before another is refused.
`begin_flush` returns only when `wait_replicas` replicas have the batch (Redis's WAIT), so that all this is seldom
needed. It cannot be what exactness rests on: Sentinel may promote another replica than the one that acknowledged, and a
frozen primary that thaws may find a replica that still follows it.
Not promised: a speed layer that comes back empty knows no event ids, so what a client sends again then counts again.

One slot holds all counts, so that the moves above are atomic. An increment costs its server about 20 µs of CPU
(measured with event ids and the append-only file, on two busy cores), so the ceiling is near 50,000 increments a
second, five times the design's 10,000 interactions; `tests/bench/bench_speed.py` measures it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Protocol

from origin.eventlog.base import Position
from origin.model import CountKind

DEDUPE_S = 24 * 3600


class CountersUnavailable(Exception):
    """The speed layer did not answer. A retry helps."""


class CountersWentBack(Exception):
    """The speed layer lost runs that it had applied. Read again; a retry does not help."""

    def __init__(self, message: str, marks: Mapping[tuple[str, int], int]) -> None:
        super().__init__(message)
        self.marks = marks
        """(topic, partition) → the last offset applied, where it is known: reading goes on behind it."""


@dataclass(frozen=True, slots=True)
class Increment:
    event_id: str
    """Empty: not de-duplicated."""
    video_id: int
    kind: CountKind
    by: int
    position: Position


@dataclass(frozen=True, slots=True)
class Run:
    """Records of one partition that a consumer has handled, whether or not they count anything."""

    topic: str
    partition: int
    after: int
    """The last offset before the run that this consumer applied, or behind which it began to read."""
    through: int
    """The run's last offset; equal to `after` when the run is empty."""
    begins: bool = False
    """The consumer has applied nothing of the partition yet: counters that know nothing of it take the run."""


@dataclass(frozen=True, slots=True)
class Batch:
    batch_id: str
    deltas: Mapping[tuple[int, CountKind], int]
    """Empty: nothing has gathered, everything up to the marks is written. Such a batch need not be ended."""
    marks: Mapping[tuple[str, str, int], int]
    """(group, topic, partition) → the last offset applied when the batch was made."""
    after: str
    """The batch that was ended last before this one began; empty: none is known."""


@dataclass(frozen=True, slots=True)
class Written:
    """The end of the chain: the batch that metadata wrote last."""

    batch_id: str
    marks: Mapping[tuple[str, str, int], int]


class Counters(Protocol):
    async def apply(self, group: str, runs: Sequence[Run], increments: Sequence[Increment]) -> int:
        """Add the increments of the runs, in order of their positions, and move the marks; returns how many counted.
        Raises CountersUnavailable, and CountersWentBack with nothing changed."""

    async def repeated(self, events: Sequence[tuple[str, Position]]) -> Set[Position]:
        """Which of these event ids, in the order of the log, came at another position before, within DEDUPE_S. All are
        remembered; what is read again at its own position is no repeat. Raises CountersUnavailable."""

    async def pending(self, video_ids: Sequence[int]) -> Mapping[tuple[int, CountKind], int]:
        """What is gathered but not yet ended by a flush, for fresher reads. Raises CountersUnavailable."""

    async def begin_flush(self) -> Batch:
        """The batch to write now, safe on as many replicas as were asked for. Raises CountersUnavailable, after which
        there may be a batch: asking again gives it."""

    async def end_flush(self, batch_id: str) -> None:
        """The batch is written; forget it. Ending it again is no error. Raises CountersUnavailable."""

    async def rewind(self, written: Written) -> None:
        """These counters do not know that `written` was written: drop what is gathered and go on behind it. Nothing
        happens where it is the batch under way or the one ended last. Raises CountersUnavailable."""

    async def close(self) -> None: ...
