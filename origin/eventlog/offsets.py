"""Which offset may be committed while records of a partition are worked on side by side. Rules file."""

from __future__ import annotations

from dataclasses import dataclass, field

from origin.eventlog.base import Position


@dataclass(slots=True)
class OffsetTracker:
    """Committing says "everything up to here is done", so the slowest record of a partition holds the others back."""

    _open: dict[tuple[str, int], list[int]] = field(default_factory=dict)
    """Per partition the offsets begun and not yet committed, in order."""
    _done: set[Position] = field(default_factory=set)

    @property
    def open(self) -> int:
        return sum(len(offsets) for offsets in self._open.values())

    def begin(self, position: Position) -> None:
        """Records of a partition must begin in the order of their offsets."""
        self._open.setdefault((position.topic, position.partition), []).append(position.offset)

    def finish(self, position: Position) -> Position | None:
        """Mark one as done; returns the position to commit now, None when an earlier record is still open."""
        self._done.add(position)
        topic, partition = position.topic, position.partition
        offsets = self._open[topic, partition]
        ready: Position | None = None
        while offsets and Position(topic, partition, offsets[0]) in self._done:
            ready = Position(topic, partition, offsets.pop(0))
            self._done.discard(ready)
        return ready
