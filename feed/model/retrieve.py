"""Which videos are worth scoring for a user, and how well new ones deserve a try. Rules file."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from feed.features import UserState
from feed.model.videos import VideoTable
from feed.settings import ScorerSettings

_CREATORS, _TAGS = 8, 8
_PER_CREATOR, _PER_TAG = 32, 64
_MIX = np.uint64(0x9E37_79B9_7F4A_7C15)


class Shelves:
    """Candidates for everybody. Not all on them may be listed any more."""

    def __init__(self, settings: ScorerSettings) -> None:
        self._settings = settings
        self.trending: NDArray[np.int64] = np.zeros(0, np.int64)
        self.fresh: NDArray[np.int64] = np.zeros(0, np.int64)
        """In the order of publication."""

    def stock(self, table: VideoTable) -> None:
        """Choose the trending ones again."""
        slots = np.flatnonzero(table.eligible())
        best = np.lexsort((-slots, -table.popularity[slots]))
        self.trending = slots[best[: self._settings.trending]]

    def published(self, slot: int) -> None:
        if slot not in self.fresh:
            self.fresh = np.append(self.fresh, slot)[-self._settings.fresh :]

    def rename(self, renamed: NDArray[np.int64]) -> None:
        """Slots were given new numbers; −1 for the forgotten."""
        self.trending = renamed[self.trending]
        self.trending = self.trending[self.trending >= 0]
        self.fresh = renamed[self.fresh]
        self.fresh = self.fresh[self.fresh >= 0]


def candidates(
    table: VideoTable, user: UserState, shelves: Shelves, together: NDArray[np.float64], settings: ScorerSettings
) -> NDArray[np.int64]:
    """Slots that may be listed for the user, growing. `together`: co-watch score per slot."""
    eligible = table.eligible()
    eligible &= ~seen_mask(user, table.count)
    if table.count <= settings.full_scan:
        return np.flatnonzero(eligible)
    liked = [
        slot for key in _favourites(user.creators, _CREATORS) for slot in table.by_creator.get(key, ())[-_PER_CREATOR:]
    ]
    liked += [slot for key in _favourites(user.tags, _TAGS) for slot in table.by_tag.get(key, ())[-_PER_TAG:]]
    parts = (np.flatnonzero(together > 0), shelves.trending, shelves.fresh, np.array(liked, np.int64))
    slots = np.unique(np.concatenate(parts))
    return slots[eligible[slots]]


def seen_mask(user: UserState, count: int) -> NDArray[np.bool_]:
    bits = np.unpackbits(np.frombuffer(user.seen, np.uint8), bitorder="little")[:count]
    mask = np.zeros(count, np.bool_)
    mask[: len(bits)] = bits
    return mask


def explore_bounds(
    impressions: NDArray[np.float64], completions: NDArray[np.float64], user_id: int, ids: NDArray[np.int64]
) -> NDArray[np.float64]:
    """`feed.explore.bound` with `feed.explore.optimism`, for many videos."""
    good = 1.0 + np.minimum(completions, impressions)
    whole = 3.0 + impressions
    deviation = np.sqrt(good * (whole - good) / (whole * whole * (whole + 1.0)))
    with np.errstate(over="ignore"):
        x = np.uint64(user_id) * _MIX + ids.astype(np.uint64)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58_476D_1CE4_E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D0_49BB_1331_11EB)
        x ^= x >> np.uint64(31)
    return np.asarray(good / whole + (1.0 + x.astype(np.float64) / 2.0**64) * deviation)


def _favourites(affinities: dict[int, float], most: int) -> list[int]:
    liked = [key for key, value in affinities.items() if value > 0]
    return sorted(liked, key=lambda key: (-affinities[key], key))[:most]
