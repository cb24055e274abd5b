"""How hot a video is: counts per hour bucket, weighed by kind and by age. Rules file."""

from __future__ import annotations

from origin.model import CountKind

HOUR_MS = 3_600_000
HALF_LIFE_HOURS = 24
HOT_HOURS_KEPT = 14 * 24
"""Older buckets are forgotten."""
HEAT_OF = {CountKind.VIEWS: 1, CountKind.LIKES: 4, CountKind.COMMENTS: 6, CountKind.SHARES: 8}
"""Acts that cost a viewer more say more."""


def hour_of(now_ms: int) -> int:
    """The bucket of a time: hours since 1970."""
    return now_ms // HOUR_MS


def weights(now_ms: int, hours: int) -> list[tuple[int, float]]:
    """(bucket, weight) of the last `hours` buckets, the present one first."""
    newest = hour_of(now_ms)
    count = min(hours, HOT_HOURS_KEPT)
    return [(newest - age, 0.5 ** (age / HALF_LIFE_HOURS)) for age in range(count)]
