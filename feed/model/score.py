"""How well candidates fit a user: live co-watching + decayed popularity + affinity to creators and tags. Rules
file.

The blend of Reelway's measurements: a cosine over online co-watch counts with the newest positives weighing
most, plus a small share of the logarithm of decayed popularity, which alone serves a user without positives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from feed.features import UserState
from feed.model.cowatch import CoWatch
from feed.model.videos import VideoTable
from feed.settings import ScorerSettings


@dataclass(frozen=True, slots=True)
class Scores:
    total: NDArray[np.float64]
    personal: NDArray[np.float64]
    """The part that comes from what this user did."""


def together(
    table: VideoTable, pairs: CoWatch, user: UserState, now_ms: int, settings: ScorerSettings
) -> NDArray[np.float64]:
    """Per slot the recency-weighed sum of cosines with the user's newest positives."""
    recent = user.positives[-settings.window :]
    if not recent:
        return np.zeros(table.count)
    growth = pairs.scale.growth(now_ms)
    slots = np.array([slot for slot, _ in recent], np.int64)
    weights = np.array([weight for _, weight in recent])
    faded = weights * settings.gamma ** np.arange(len(recent) - 1, -1, -1.0)
    likers = table.positives[: table.count] / growth
    norm = np.sqrt(likers + settings.shrink)
    return pairs.scores(slots, faded / norm[slots] / growth, table.count) / norm


def score(
    table: VideoTable,
    user: UserState,
    slots: NDArray[np.int64],
    together_by_slot: NDArray[np.float64],
    now_ms: int,
    settings: ScorerSettings,
) -> Scores:
    popularity = np.maximum(table.popularity[slots], 0.0) / table.popularity_scale.growth(now_ms)
    personal = together_by_slot[slots]
    if user.creators:
        lean = _look_up(user.creators, table.creators[slots])
        personal = personal + settings.creator_weight * _bend(lean, settings)
    if user.tags:
        keys = table.tag_keys[slots]
        leans = _look_up(user.tags, keys.ravel()).reshape(keys.shape)
        mean = leans.sum(axis=1) / np.maximum(1, (keys != 0).sum(axis=1))
        personal = personal + settings.tag_weight * _bend(mean, settings)
    return Scores(personal + settings.popularity_weight * np.log1p(popularity), personal)


def _bend(lean: NDArray[np.float64], settings: ScorerSettings) -> NDArray[np.float64]:
    """Liking saturates; disliking weighs more, so that what a viewer refuses sinks at once."""
    bent = np.tanh(lean / 3.0)
    return np.where(bent < 0, settings.dislike_factor * bent, bent)


def _look_up(affinities: dict[int, float], keys: NDArray[np.int64]) -> NDArray[np.float64]:
    known = np.array(sorted(affinities), np.int64)
    values = np.array([affinities[int(key)] for key in known])
    places = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.where(known[places] == keys, values[places], 0.0)
