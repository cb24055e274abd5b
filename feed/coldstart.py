"""The popularity list: what a viewer gets of whom nothing is known. Rules file.

Decayed popularity plus a bonus for freshness, spread over tags at the head so that a new viewer's first
reactions tell something.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from feed.diversity import Candidate
from feed.explore import bound, is_new
from feed.settings import MixSettings, PoolSettings


@dataclass(frozen=True, slots=True)
class Known:
    """A watchable public video as the metadata store knows it."""

    candidate: Candidate
    published_at_ms: int
    heat: float
    """Decayed views, likes, comments and shares; 0 when it is not hot."""
    views: int
    likes: int


@dataclass(frozen=True, slots=True)
class Popularity:
    """Everybody's list, best first, and the new videos to explore, the most promising first."""

    ranked: tuple[Candidate, ...] = ()
    explore: tuple[Candidate, ...] = ()
    fresh: frozenset[int] = frozenset()
    """Ids that lead by freshness: new videos that are not hot."""


def popularity(videos: Sequence[Known], now_ms: int, pool: PoolSettings, mix: MixSettings) -> Popularity:
    """Rank `videos` (each once) for a viewer of whom nothing is known."""
    scored = [(_score(video, now_ms, pool), video) for video in videos]
    scored.sort(key=lambda pair: (-pair[0], -pair[1].candidate.video_id))
    new = [v for v in videos if is_new(v.published_at_ms, now_ms, mix.new_for_ms)]
    new.sort(key=lambda v: (-bound(v.views, v.likes, 1.0), -v.published_at_ms, -v.candidate.video_id))
    return Popularity(
        tuple(_spread(scored, pool)),
        tuple(video.candidate for video in new),
        frozenset(video.candidate.video_id for video in new if video.heat <= 0.0),
    )


def _score(video: Known, now_ms: int, pool: PoolSettings) -> float:
    age = max(0, now_ms - video.published_at_ms)
    freshness = math.exp2(-age / pool.freshness_half_life_ms)
    return math.log1p(max(0.0, video.heat)) + pool.freshness_weight * freshness


def _spread(scored: Sequence[tuple[float, Known]], pool: PoolSettings) -> list[Candidate]:
    """Take the best after penalties, `tag_spread` times; the rest follow as scored. A score only ever falls, so a
    heap whose head is checked again suffices."""
    heap = [(-score, index, 0) for index, (score, _) in enumerate(scored)]
    used: Counter[str] = Counter()
    placed: list[Candidate] = []
    while heap and len(placed) < pool.tag_spread:
        _, index, seen = heap[0]
        score, video = scored[index]
        uses = max((used[tag] for tag in video.candidate.tags), default=0)
        if uses > seen:
            heapq.heapreplace(heap, (pool.tag_penalty * uses - score, index, uses))
            continue
        heapq.heappop(heap)
        used.update(video.candidate.tags)
        placed.append(video.candidate)
    rest = sorted(index for _, index, _ in heap)
    return placed + [scored[index][1].candidate for index in rest]
