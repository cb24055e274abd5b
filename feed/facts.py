"""Facts of videos that composing a page needs, kept in memory for a few seconds. Shell."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from feed.diversity import Candidate
from feed.settings import FeedSettings
from feed.stats import FeedStats
from origin import breaker
from origin.metadata.base import Metadata, MetadataError
from origin.model import WATCHABLE, Video, Visibility

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Fact:
    candidate: Candidate | None
    """None: not to be shown to others."""
    read_at_ms: int


def is_public(video: Video) -> bool:
    return video.status in WATCHABLE and video.visibility is Visibility.PUBLIC


def candidate_of(video: Video) -> Candidate:
    return Candidate(video.video_id, video.creator_id, frozenset(video.tags))


class VideoFacts:
    """Creator, tags and watchability by video id. While the metadata store is away old facts are used, and a video
    without any is given the benefit of the doubt: the gateway checks again."""

    def __init__(self, metadata: Metadata, settings: FeedSettings, stats: FeedStats) -> None:
        self._metadata = metadata
        self._settings = settings
        self._stats = stats
        self._facts: OrderedDict[int, _Fact] = OrderedDict()
        self._breaker: breaker.State = breaker.Closed()

    def learn(self, videos: Iterable[Video], now_ms: int) -> None:
        for video in videos:
            known = candidate_of(video) if is_public(video) else None
            self._keep(video.video_id, _Fact(known, now_ms))

    async def candidates(self, video_ids: Sequence[int], now_ms: int) -> list[Candidate]:
        """Those that may be shown, in the order asked for."""
        # What is from the future was read before the clock was set back.
        fresh_ms = range(now_ms - self._settings.facts_ttl_ms, now_ms + 1)
        stale = [i for i in video_ids if (fact := self._facts.get(i)) is None or fact.read_at_ms not in fresh_ms]
        if stale:
            await self._read(stale, now_ms)
        found = []
        for video_id in video_ids:
            fact = self._facts.get(video_id)
            candidate = Candidate(video_id) if fact is None else fact.candidate
            if candidate is not None:
                found.append(candidate)
        return found

    async def _read(self, video_ids: Sequence[int], now_ms: int) -> None:
        admitted, self._breaker = breaker.admit(self._breaker, now_ms, self._settings.breaker)
        if not admitted:
            return
        try:
            async with asyncio.timeout(self._settings.metadata_timeout_s):
                videos = await self._metadata.videos(video_ids)
        except (MetadataError, TimeoutError) as error:
            self._stats.metadata_failures += 1
            self._breaker = breaker.after(self._breaker, False, now_ms, self._settings.breaker)
            logger.warning("no facts of videos", extra={"error": str(error) or type(error).__name__})
            return
        self._breaker = breaker.after(self._breaker, True, now_ms, self._settings.breaker)
        self.learn(videos.values(), now_ms)
        for video_id in video_ids:
            if video_id not in videos:
                self._keep(video_id, _Fact(None, now_ms))

    def _keep(self, video_id: int, fact: _Fact) -> None:
        self._facts[video_id] = fact
        self._facts.move_to_end(video_id)
        if len(self._facts) > self._settings.facts_most:
            self._facts.popitem(last=False)
