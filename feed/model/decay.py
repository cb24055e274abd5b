"""Exponential decay without touching what decays: new weights grow by 2^(age of the scale / half-life)
instead. Rules file.

A *scaled* value is worth `value / growth(now)`. Before the growth leaves the number range, the scale is renewed and
all scaled values are multiplied by what `renew` returns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

_MOST_HALF_LIVES = 40.0
"""float32 ends at 2^128; this leaves room for sums."""


@dataclass(slots=True)
class Scale:
    half_life_ms: int
    since_ms: int = 0

    def growth(self, at_ms: int) -> float:
        """What a weight of 1 at `at_ms` adds to a scaled value."""
        return math.exp2((at_ms - self.since_ms) / self.half_life_ms)

    def renew(self, now_ms: int) -> float | None:
        """The factor for all scaled values when the scale had to be renewed."""
        if now_ms - self.since_ms <= _MOST_HALF_LIVES * self.half_life_ms:
            return None
        factor = math.exp2(max(-1000.0, (self.since_ms - now_ms) / self.half_life_ms))
        self.since_ms = now_ms
        return factor
