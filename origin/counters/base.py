"""The port to the write-back counters: increments gather in the speed layer and are flushed in batches.

Words: an *increment* is ±n of one kind of count of one video, and carries the id of the event it comes from.
A *batch* is what one flush moves to the metadata store; its id makes the move idempotent there.

Exactness, on which `origin.writeback` rests:
- `apply` takes all increments of one event-log record run, marks the last offset applied in the same atomic
  step, and skips whatever lies at or below the mark; so a consumer that crashed before its commit repeats harmlessly.
- an event id already seen within DEDUPE_S adds nothing, so a client that sends a batch twice is counted once.
- `begin_flush` moves the gathered increments aside under a batch id in one atomic step, and gives the *same* batch
  again until `end_flush(batch_id)`; so a crash between reading and writing neither loses nor doubles.
- a batch carries the marks of its moment: every increment up to them is in it or in an earlier batch. Who commits log
  offsets no further than the marks of ended batches can read again what a speed layer lost.
Not promised: survival of the speed layer's disk; that is the operator's replication.
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


@dataclass(frozen=True, slots=True)
class Increment:
    event_id: str
    """Empty: not de-duplicated."""
    video_id: int
    kind: CountKind
    by: int
    position: Position


@dataclass(frozen=True, slots=True)
class Batch:
    batch_id: str
    deltas: Mapping[tuple[int, CountKind], int]
    marks: Mapping[tuple[str, str, int], int]
    """(group, topic, partition) → the last offset applied when the batch was made."""


class Counters(Protocol):
    async def apply(self, group: str, increments: Sequence[Increment]) -> int:
        """Add increments in order of their positions; returns how many counted. Raises CountersUnavailable."""

    async def pending(self, video_ids: Sequence[int]) -> Mapping[tuple[int, CountKind], int]:
        """What is gathered but not yet ended by a flush, for fresher reads."""

    async def begin_flush(self) -> Batch | None:
        """The batch to write now; None when nothing has gathered."""

    async def end_flush(self, batch_id: str) -> None:
        """The batch is written; forget it. Ending it again is no error."""

    async def close(self) -> None: ...
