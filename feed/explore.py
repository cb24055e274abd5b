"""Which new videos deserve a try: an upper bound on their completion rate. Rules file.

Beta(1 + c, 2 + n − c) after c completions of n impressions: a video nobody saw starts at one third with a wide
bound, and each impression narrows it, so attention moves on by itself. The bound is between one and two deviations
above the mean, by a hash of viewer and video, so that viewers do not all try the same video first.
"""

from __future__ import annotations

import math

_MIX = 0x9E37_79B9_7F4A_7C15
_MASK = (1 << 64) - 1


def bound(impressions: float, completions: float, optimism: float) -> float:
    """Mean plus `optimism` standard deviations of the Beta posterior; 0–1 and a little above."""
    good = 1.0 + max(0.0, min(completions, impressions))
    bad = 2.0 + max(0.0, impressions - completions)
    whole = good + bad
    deviation = math.sqrt(good * bad / (whole * whole * (whole + 1.0)))
    return good / whole + optimism * deviation


def optimism(user_id: int, video_id: int) -> float:
    """1–2, the same for the same pair (splitmix64's finaliser over both ids)."""
    x = (user_id * _MIX + video_id) & _MASK
    x = ((x ^ (x >> 30)) * 0xBF58_476D_1CE4_E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D0_49BB_1331_11EB) & _MASK
    return 1.0 + (x ^ (x >> 31)) / 2.0**64


def is_new(published_at_ms: int, now_ms: int, new_for_ms: int) -> bool:
    return now_ms - published_at_ms < new_for_ms
