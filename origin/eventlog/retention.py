"""Which records may go. Rules file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

DAY_MS = 24 * 3600 * 1000
_WAITING_SUFFIXES = (".dlq", ".review")


@dataclass(frozen=True, slots=True)
class Retention:
    """How long records are kept.

    Age spares what a group of the topic has not committed; size spares nothing, so that a consumer that is gone
    for good cannot fill the disk.
    """

    age_ms: int = 7 * DAY_MS
    waiting_age_ms: int = 30 * DAY_MS
    """For topics that end in `.dlq` or `.review`, which wait for a person."""
    size_bytes: int = 4 << 30
    """Of everything together."""

    def age_of(self, topic: str) -> int:
        return self.waiting_age_ms if topic.endswith(_WAITING_SUFFIXES) else self.age_ms


def expired_before_ms(retention: Retention, topic: str, now_ms: int) -> int:
    """Records of a topic appended before this time are too old."""
    return now_ms - retention.age_of(topic)


def droppable_until(next_offset: int, wanted: Sequence[int]) -> int:
    """Offsets below this are wanted by no group: `wanted` holds each group's committed offset in the topic."""
    return min([next_offset, *wanted])
