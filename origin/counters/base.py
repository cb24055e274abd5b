"""The port to the write-back counters: increments gather in the speed layer and are flushed in batches.

Words: an *increment* is ±n of one kind of count of one video, and carries the id of the event it comes from.
A *run* is a piece of one partition of the log as one consumer handled it, without a gap. The *mark* of a partition is
the last offset applied. A *batch* is what one flush moves to the metadata store; its id makes that idempotent there.

Exactness, on which `origin.counting` rests:
- `apply` takes the increments of whole runs, moves the marks to the runs' ends in the same atomic step, and skips
  whatever lies at or below a mark; so a consumer that crashed before its commit repeats harmlessly.
- an event id already seen within DEDUPE_S adds nothing, so a client that sends a batch twice is counted once.
- `begin_flush` moves the gathered increments aside under a batch id in one atomic step, and gives the *same* batch
  again until `end_flush(batch_id)`; so a crash between reading and writing neither loses nor doubles.
- a batch carries the marks of its moment: every increment up to them is in it or in an earlier batch. Offsets are
  committed no further than the marks of batches that are written, so the log can give again what a speed layer lost.

When the speed layer fails over to a replica it goes back in time: to some moment of the lost primary's past, all keys
to the same one, since a replica follows a single stream and every key of the counts lives on one server.
- *What is lost* are runs whose marks the replica had not got. A consumer gives with each run the last offset that it
  applied before (`Run.after`). A mark short of that means a gap, and the step is refused with CountersWentBack before
  it changes anything; then whoever consumes begins again at its committed offsets, which lie at or below every mark
  that was written to metadata. What the replica did get is skipped by its marks. Without traffic the gap is found by
  applying an empty run, as counting does before each flush.
- *What comes back* must not be counted twice: had a replica missed that increments were moved into a batch, they would
  be gathered still, and move again under another id. Therefore `begin_flush` returns only when `wait_replicas` replicas
  have the batch (Redis's WAIT, over the connection of a write that comes after the move), and nothing is written to
  metadata before. A replica that has the batch has all before it. If the loss of `end_flush` brings a batch back, it
  has the id that metadata knows. A primary that was cut off gets no acknowledgement, so it gives no batch.
- *What is left to the operator*: WAIT is kept by the promoted replica if it is among those that acknowledged. Sentinel
  and Cluster promote the one with the most of the stream that they can reach; for a promise that holds when the most
  advanced replica dies together with the primary, let `wait_replicas` be the number of replicas, and let
  `min-replicas-to-write 1` stop a cut-off primary from taking runs that it will lose (they would be found and read
  again, only later). With `wait_replicas=0` a failover can double what was flushed since the replica's moment.
Not promised: survival of all servers' disks. A speed layer that comes back empty is found like one that went back, and
loses nothing; but a batch written and not yet committed is then counted twice.

One slot holds all counts, so that the moves above are atomic. An increment costs its server about 20 µs of CPU
(measured with event ids and the append-only file, on two busy cores), so the ceiling is near 50,000 increments a
second, five times the design's 10,000 interactions; `tests/bench/bench_speed.py` measures it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from origin.eventlog.base import Position
from origin.model import CountKind

DEDUPE_S = 24 * 3600


class CountersUnavailable(Exception):
    """The speed layer did not answer. A retry helps."""


class CountersWentBack(Exception):
    """The speed layer lost runs that it had applied. Begin again at the committed offsets; a retry does not help."""


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
    after: int | None
    """The last offset before the run that this consumer applied; None: it began to read at its committed offset."""
    through: int
    """The run's last offset; equal to `after` when the run is empty."""


@dataclass(frozen=True, slots=True)
class Batch:
    batch_id: str
    deltas: Mapping[tuple[int, CountKind], int]
    """Empty: nothing has gathered, everything up to the marks is written. Such a batch need not be ended."""
    marks: Mapping[tuple[str, str, int], int]
    """(group, topic, partition) → the last offset applied when the batch was made."""


class Counters(Protocol):
    async def apply(self, group: str, runs: Sequence[Run], increments: Sequence[Increment]) -> int:
        """Add the increments of the runs, in order of their positions, and move the marks; returns how many counted.
        Raises CountersUnavailable, and CountersWentBack with nothing changed."""

    async def pending(self, video_ids: Sequence[int]) -> Mapping[tuple[int, CountKind], int]:
        """What is gathered but not yet ended by a flush, for fresher reads. Raises CountersUnavailable."""

    async def begin_flush(self) -> Batch:
        """The batch to write now, safe on as many replicas as were asked for. Raises CountersUnavailable, after which
        there may be a batch: asking again gives it."""

    async def end_flush(self, batch_id: str) -> None:
        """The batch is written; forget it. Ending it again is no error. Raises CountersUnavailable."""

    async def close(self) -> None: ...
