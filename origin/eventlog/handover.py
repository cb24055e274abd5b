"""What a member of a group holds of each partition, and so what a change of hands repeats. Rules file.

A member gives all its partitions back at each change of its group and gets most of them again (see `sharing`). What was
given to the owner is remembered across that, so reading goes on where it was and nothing comes twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field

from origin.eventlog.in_hand import InHand, Partition


@dataclass(slots=True)
class Holdings:
    """Offsets are of the next record: one more than that of the last one meant."""

    start: dict[Partition, int]
    """Where the owner asked to begin, each used once."""
    held: frozenset[Partition] = frozenset()
    owed: Mapping[str, int] = field(default_factory=dict)
    """By topic how many of the held partitions others ought to have: they were worked on when they were shared out."""
    in_hand: InHand = field(default_factory=InHand)
    _given: dict[Partition, int] = field(default_factory=dict)
    _committed: dict[Partition, int] = field(default_factory=dict)
    _untold: frozenset[Partition] = frozenset()
    """Of which another member may have committed more than we know."""

    def give(self, partition: Partition, next_offset: int) -> None:
        """Records up to `next_offset` went to the owner."""
        self._given[partition] = next_offset

    def known(self, partition: Partition) -> bool:
        """Whether it is known how far the group has committed."""
        return partition in self._committed and partition not in self._untold

    def learn(self, partition: Partition, committed: int) -> None:
        """How far the group has committed."""
        self._untold -= {partition}
        self.commit(partition, max(committed, self._committed.get(partition, 0)))

    def advances(self, partition: Partition, next_offset: int) -> bool:
        """Whether a commit says anything new."""
        return next_offset > self._committed.get(partition, 0)

    def commit(self, partition: Partition, next_offset: int) -> None:
        self._committed[partition] = next_offset
        self.in_hand.commit(partition, next_offset)

    def busy(self) -> frozenset[Partition]:
        """Where the owner works: on what it has begun or, if it releases nothing, on all that it has not committed."""
        in_order = {
            partition
            for partition, offset in self._given.items()
            if not self.in_hand.holds(partition) and self._committed.get(partition, 0) < offset
        }
        return self.in_hand.busy() | in_order

    def can_hand_over(self) -> bool:
        """Whether a partition that others ought to have is worked on no more."""
        busy = self.busy()
        return any(self.owed.get(topic) for topic, number in self.held if (topic, number) not in busy)

    def take(self, partitions: Iterable[Partition]) -> frozenset[Partition]:
        """Hold these from now on; returns those that were held before, where reading may go on."""
        self.held = frozenset(partitions)
        self._given = _of(self._given, self.held)
        self._committed = _of(self._committed, self.held)
        self.in_hand.keep(self.held)
        return frozenset(self._given)

    def resume(self, committed: Mapping[Partition, int]) -> Mapping[Partition, int]:
        """Where to go on in the partitions that do not begin at the committed offset.

        `committed` is how far the group has committed what was held before: another member may have had it meanwhile.
        What is not in it could not be told, and stays as it was: work on it may be under way.
        """
        self._untold = frozenset(self._given.keys() - committed.keys())
        for partition, offset in committed.items():
            self._given[partition] = max(self._given[partition], offset)
            self.commit(partition, offset)
        asked = _of(self.start, self.held)
        self.start = {partition: offset for partition, offset in self.start.items() if partition not in asked}
        return {**asked, **self._given}


def _of(offsets: Mapping[Partition, int], partitions: Set[Partition]) -> dict[Partition, int]:
    return {partition: offset for partition, offset in offsets.items() if partition in partitions}
