"""Everybody's list: popular and new videos, built from the metadata store and kept in this process. Shell.

The last list that could be built is served for as long as the process lives, so that the feed answers with
every engine away. It is refreshed behind the requests that use it; only a request that finds it old waits a moment.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from feed.coldstart import Known, Popularity, popularity
from feed.facts import VideoFacts, candidate_of, is_public
from feed.settings import FeedSettings
from feed.stats import FeedStats
from origin.metadata.base import Metadata, MetadataError
from origin.model import Video

logger = logging.getLogger(__name__)


class Pool:
    def __init__(self, metadata: Metadata, facts: VideoFacts, settings: FeedSettings, stats: FeedStats) -> None:
        self._metadata = metadata
        self._facts = facts
        self._settings = settings
        self._stats = stats
        self._popular = Popularity()
        self._built_at_ms: int | None = None
        self._tried_at_ms: int | None = None
        self._deep: list[Video] = []
        self._deep_at_ms: int | None = None
        self._refreshing: asyncio.Task[None] | None = None

    async def current(self, now_ms: int) -> Popularity:
        """The list; empty only when there are no videos or none could be read yet."""
        pool = self._settings.pool
        # A list from the future was built before the clock was set back: of what age, nobody knows.
        known = self._built_at_ms is not None and self._built_at_ms <= now_ms
        age = now_ms - self._built_at_ms if known and self._built_at_ms is not None else None
        if age is None or age >= pool.refresh_ms:
            task = self._refresh_soon(now_ms)
            if task is not None and (age is None or age >= pool.wait_from_ms):
                await asyncio.wait([task], timeout=pool.wait_s)
        return self._popular

    async def close(self) -> None:
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.gather(self._refreshing, return_exceptions=True)

    def _refresh_soon(self, now_ms: int) -> asyncio.Task[None] | None:
        """The refresh under way, or a new one unless the last try was just now."""
        if self._refreshing is not None and not self._refreshing.done():
            return self._refreshing
        if self._tried_at_ms is not None and 0 <= now_ms - self._tried_at_ms < self._settings.pool.refresh_ms:
            return None
        self._tried_at_ms = now_ms
        self._refreshing = asyncio.create_task(self._refresh(now_ms), name="feed popularity list")
        return self._refreshing

    async def _refresh(self, now_ms: int) -> None:
        try:
            async with asyncio.timeout(self._settings.pool.give_up_s):
                videos, heat = await self._read(now_ms)
        except (MetadataError, TimeoutError) as error:
            self._stats.metadata_failures += 1
            problem = str(error) or "timeout"
            logger.warning("popularity list not refreshed", extra={"error": problem})
            return
        self._facts.learn(videos.values(), now_ms)
        known = [_known(video, heat.get(video.video_id, 0.0)) for video in videos.values()]
        self._popular = popularity(known, now_ms, self._settings.pool, self._settings.mix)
        self._built_at_ms = now_ms
        self._stats.pool_videos = len(known)
        self._stats.pool_refreshed_ms = now_ms

    async def _read(self, now_ms: int) -> tuple[dict[int, Video], dict[int, float]]:
        pool = self._settings.pool
        newest = await self._metadata.newest_public(None, pool.newest_limit)
        heats = await self._metadata.hot(now_ms, pool.hot_hours, pool.hot_limit)
        heat = {h.video_id: h.score for h in heats}
        await self._read_deep(newest, now_ms)
        videos = {v.video_id: v for v in (*self._deep, *newest)}
        unknown = [h.video_id for h in heats if h.video_id not in videos]
        if unknown:
            videos.update(await self._metadata.videos(unknown))
        return {i: v for i, v in videos.items() if is_public(v)}, heat

    async def _read_deep(self, newest: Sequence[Video], now_ms: int) -> None:
        """Older videos than the newest, for viewers who have seen those; they change seldom."""
        pool = self._settings.pool
        if len(newest) < pool.newest_limit:
            self._deep = []
            return
        if self._deep_at_ms is not None and 0 <= now_ms - self._deep_at_ms < pool.deep_refresh_ms:
            return
        deep: list[Video] = []
        page = newest
        while page and len(deep) + pool.newest_limit < pool.deep_limit:
            page = await self._metadata.newest_public(page[-1].video_id, pool.newest_limit)
            deep += page
        self._deep, self._deep_at_ms = deep, now_ms


def _known(video: Video, heat: float) -> Known:
    published_at_ms = video.published_at_ms if video.published_at_ms is not None else video.created_at_ms
    return Known(candidate_of(video), published_at_ms, heat, video.counts.views, video.counts.likes)
