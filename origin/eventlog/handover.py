"""What a member of a group holds of each partition, and so what a change of hands repeats. Rules file.

A member gives all its partitions back at each change of its group and gets most of them again (see `sharing`). What was
given to the owner is remembered across that, so reading goes on where it was and nothing comes twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field

Partition = tuple[str, int]
"""Topic and number."""


@dataclass(slots=True)
class Holdings:
    """Offsets are of the next record: one more than that of the last one meant."""

    start: dict[Partition, int]
    """Where the owner asked to begin, each used once."""
    held: frozenset[Partition] = frozenset()
    _given: dict[Partition, int] = field(default_factory=dict)
    _committed: dict[Partition, int] = field(default_factory=dict)

    def give(self, partition: Partition, next_offset: int) -> None:
        """Records up to `next_offset` went to the owner."""
        self._given[partition] = next_offset

    def known(self, partition: Partition) -> bool:
        """Whether it is known how far the group has committed."""
        return partition in self._committed

    def learn(self, partition: Partition, committed: int) -> None:
        """How far the group had committed."""
        self._committed.setdefault(partition, committed)

    def advances(self, partition: Partition, next_offset: int) -> bool:
        """Whether a commit says anything new."""
        return next_offset > self._committed.get(partition, 0)

    def commit(self, partition: Partition, next_offset: int) -> None:
        self._committed[partition] = next_offset

    def busy(self) -> frozenset[Partition]:
        """Where something that was given is not committed yet."""
        return frozenset(
            partition for partition, offset in self._given.items() if self._committed.get(partition, 0) < offset
        )

    def take(self, partitions: Iterable[Partition]) -> frozenset[Partition]:
        """Hold these from now on; returns those that were held before, where reading may go on."""
        self.held = frozenset(partitions)
        self._given = _of(self._given, self.held)
        self._committed = _of(self._committed, self.held)
        return frozenset(self._given)

    def resume(self, committed: Mapping[Partition, int]) -> Mapping[Partition, int]:
        """Where to go on in the partitions that do not begin at the committed offset.

        `committed` is how far the group has committed what was held before: another member may have had it meanwhile.
        What is not in it begins at the committed offset, too.
        """
        self._given = {
            partition: max(offset, committed[partition])
            for partition, offset in self._given.items()
            if partition in committed
        }
        self._committed.update(committed)
        asked = _of(self.start, self.held)
        self.start = {partition: offset for partition, offset in self.start.items() if partition not in asked}
        return {**asked, **self._given}


def _of(offsets: Mapping[Partition, int], partitions: Set[Partition]) -> dict[Partition, int]:
    return {partition: offset for partition, offset in offsets.items() if partition in partitions}
