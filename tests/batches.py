"""Batches of counts as a speed layer gives them."""

from __future__ import annotations

from collections.abc import Mapping

from origin.counters import Batch
from origin.model import CountKind

Deltas = Mapping[tuple[int, CountKind], int]
Marks = Mapping[tuple[str, str, int], int]


def a_batch(batch_id: str, deltas: Deltas, after: str = "", marks: Marks | None = None) -> Batch:
    return Batch(batch_id, deltas, marks or {}, after)
