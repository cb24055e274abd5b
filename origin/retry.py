"""When to try again: exponential backoff with full jitter. Rules file.

After Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015): full jitter spreads retries best.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    base_s: float
    """The longest first wait."""
    cap_s: float
    """The longest wait of all."""

    def delay_s(self, attempt: int, chance: float) -> float:
        """How long to wait after the failure number `attempt` (from 0); `chance` is a random number in [0, 1)."""
        # An exponent beyond this only overflows.
        return chance * min(self.cap_s, self.base_s * 2.0 ** min(attempt, 64))
