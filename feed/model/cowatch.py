"""Which videos are liked together: per video its strongest neighbours, in two arrays. Rules file.

A pair's weight decays lazily (see `feed.model.decay`). A full row forgets its weakest neighbour for a new one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from feed.model.decay import Scale


class CoWatch:
    neighbours: NDArray[np.int32]
    """[slot, k] → slot."""
    weights: NDArray[np.float32]
    """[slot, k], scaled; 0 where there is no neighbour."""

    def __init__(self, most: int, half_life_ms: int) -> None:
        self._most = most
        self.scale = Scale(half_life_ms)
        self.neighbours = np.zeros((64, most), np.int32)
        self.weights = np.zeros((64, most), np.float32)

    def pair(self, slot: int, others: NDArray[np.int64], weights: NDArray[np.float64]) -> None:
        """Add scaled `weights` to the pairs of `slot` and each of `others` (distinct, not `slot`, fewer than a row)."""
        self._make_room(max(slot, int(others.max())) + 1)
        added = weights.astype(np.float32)
        self._from_one(slot, others, added)
        self._from_each(others, slot, added)

    def scores(self, slots: NDArray[np.int64], coefficients: NDArray[np.float64], count: int) -> NDArray[np.float64]:
        """For each of `count` slots the sum over `slots` of coefficient × scaled pair weight."""
        known = slots < len(self.weights)
        rows = slots[known]
        weights = self.weights[rows] * coefficients[known, None]
        sums = np.bincount(self.neighbours[rows].ravel(), weights.ravel(), minlength=count)[:count]
        return sums.astype(np.float64, copy=False)

    def renew_scale(self, now_ms: int) -> float | None:
        factor = self.scale.renew(now_ms)
        if factor is not None:
            self.weights *= np.float32(factor)
        return factor

    def keep(self, slots: NDArray[np.int64], renamed: NDArray[np.int64]) -> None:
        """Forget all but `slots`; `renamed` says the new slot of an old one, −1 for the forgotten."""
        self._make_room(int(slots[-1]) + 1 if len(slots) else 1)
        names = renamed[self.neighbours[slots]]
        weights = np.where(names < 0, np.float32(0), self.weights[slots])
        self.neighbours[: len(slots)] = np.maximum(names, 0)
        self.weights[: len(slots)] = weights
        self.weights[len(slots) :] = 0

    def load(self, neighbours: NDArray[np.int32], weights: NDArray[np.float32]) -> None:
        """Raises ValueError when the arrays are of another shape."""
        if neighbours.shape != weights.shape or neighbours.shape[1:] != (self._most,):
            raise ValueError(f"co-watch arrays are {neighbours.shape} and {weights.shape}")
        self.neighbours = np.zeros((max(64, len(neighbours)), self._most), np.int32)
        self.weights = np.zeros(self.neighbours.shape, np.float32)
        self.neighbours[: len(neighbours)] = neighbours
        self.weights[: len(weights)] = weights

    def _from_one(self, slot: int, others: NDArray[np.int64], added: NDArray[np.float32]) -> None:
        row, weights = self.neighbours[slot], self.weights[slot]
        same = (row[None, :] == others[:, None]) & (weights > 0)[None, :]
        known = same.any(axis=1)
        weights[same.argmax(axis=1)[known]] += added[known]
        missing = np.flatnonzero(~known)
        if len(missing):
            places = np.argsort(weights, kind="stable")[: len(missing)]
            row[places] = others[missing]
            weights[places] = added[missing]

    def _from_each(self, others: NDArray[np.int64], slot: int, added: NDArray[np.float32]) -> None:
        weights = self.weights[others]
        same = (self.neighbours[others] == slot) & (weights > 0)
        known = same.any(axis=1)
        places = np.where(known, same.argmax(axis=1), weights.argmin(axis=1))
        before = np.where(known, weights[np.arange(len(others)), places], np.float32(0))
        self.neighbours[others, places] = slot
        self.weights[others, places] = before + added

    def _make_room(self, rows: int) -> None:
        length = len(self.weights)
        if rows <= length:
            return
        grown = max(rows, 2 * length)
        for name in ("neighbours", "weights"):
            column = getattr(self, name)
            larger = np.zeros((grown, self._most), column.dtype)
            larger[:length] = column
            setattr(self, name, larger)
