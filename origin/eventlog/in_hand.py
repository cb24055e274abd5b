"""What becomes of the records of an owner that works on them out of order: it releases each that it is given, begins it
when it is chosen, and finishes it. Rules file.

A commit says "everything up to here is done", so what is done waits here for what came before it. Of owners that work
in order there is nothing here, however many records they were given.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import takewhile

from origin.eventlog.base import Position

Partition = tuple[str, int]
"""Topic and number."""


class _State(Enum):
    RELEASED = auto()
    BEGUN = auto()
    DONE = auto()


@dataclass(slots=True)
class InHand:
    _states: dict[Partition, dict[int, _State]] = field(default_factory=dict)
    """By offset, in the order of the offsets."""

    def __len__(self) -> int:
        return sum(map(len, self._states.values()))

    def release(self, position: Position) -> None:
        """Nobody works on it now. Records of a partition are released first in the order of their offsets."""
        self._states.setdefault((position.topic, position.partition), {})[position.offset] = _State.RELEASED

    def begin(self, position: Position) -> bool:
        """Somebody works on it now; False when it is not in hand, or done."""
        if self._state(position) in {None, _State.DONE}:
            return False
        self._of(position)[position.offset] = _State.BEGUN
        return True

    def finish(self, position: Position) -> Position | None:
        """It is done; returns up to where all is done from the first on, None when the first is not."""
        if self._state(position) is None:
            return None
        states = self._of(position)
        states[position.offset] = _State.DONE
        done = list(takewhile(lambda offset: states[offset] is _State.DONE, states))
        return Position(position.topic, position.partition, done[-1]) if done else None

    def commit(self, partition: Partition, next_offset: int) -> None:
        """Everything before `next_offset` is committed."""
        states = self._states.get(partition, {})
        for offset in list(takewhile(lambda offset: offset < next_offset, states)):
            del states[offset]

    def holds(self, partition: Partition) -> bool:
        """Whether anything of a partition is not committed."""
        return bool(self._states.get(partition))

    def keep(self, partitions: Set[Partition]) -> None:
        """Forget all of other partitions."""
        self._states = {partition: states for partition, states in self._states.items() if partition in partitions}

    def busy(self) -> frozenset[Partition]:
        """Partitions with a record that somebody works on."""
        return frozenset(each for each, states in self._states.items() if _State.BEGUN in states.values())

    def _state(self, position: Position) -> _State | None:
        return self._of(position).get(position.offset)

    def _of(self, position: Position) -> dict[int, _State]:
        return self._states.get((position.topic, position.partition), {})
