"""Puts the last good together, and keeps it warm. Shell.

Every few seconds the feed's list without a viewer and its documents are read, so that the first outage finds them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from edge.gateway.lastgood.asking import AWAY, Asking
from edge.gateway.lastgood.feeds import PAGE_MOST, LastGoodFeeds
from edge.gateway.lastgood.memory import Memory
from edge.gateway.lastgood.model import NOBODY, LastGoodSettings, LastGoodStats
from edge.gateway.lastgood.videos import LastGoodVideos
from edge.gateway.ports import Feeds, Videos

logger = logging.getLogger(__name__)


class LastGood:
    """`videos` and `feeds` take the places of those given; `run` never ends. `clock` gives epoch milliseconds."""

    def __init__(self, videos: Videos, feeds: Feeds, settings: LastGoodSettings, clock: Callable[[], int]) -> None:
        self.stats = LastGoodStats()
        self._settings = settings
        self._clock = clock
        self._memory = Memory(settings, self.stats)
        origin = Asking("origin", settings.origin_deadline_s, settings.breaker, clock, self.stats)
        feed = Asking("feed", settings.feed_deadline_s, settings.breaker, clock, self.stats)
        self.videos = LastGoodVideos(videos, origin, self._memory, self.stats, clock)
        self.feeds = LastGoodFeeds(feeds, feed, origin, self._memory, self.stats)

    async def run(self) -> None:
        """Warm at once, and again every `warm_every_s`."""
        while True:
            try:
                await self.warm()
            except AWAY as error:
                self.stats.warm_failures += 1
                logger.info("the hot list stays as it was", extra={"error": str(error)})
            await asyncio.sleep(self._settings.warm_every_s)

    async def warm(self) -> None:
        """Read the hot list and its videos. Raises AWAY, and what was remembered stays."""
        video_ids = await self._hot_ids()
        for start in range(0, len(video_ids), PAGE_MOST):
            await self.videos.read(video_ids[start : start + PAGE_MOST], NOBODY)
        if video_ids:
            self._memory.learn_hot(video_ids)

    async def _hot_ids(self) -> list[int]:
        found: dict[int, None] = {}
        cursor: str | None = None
        while len(found) < self._settings.hot_most:
            page = await self.feeds.read(NOBODY, PAGE_MOST, cursor, self._clock())
            fresh = [item.video_id for item in page.items if item.video_id not in found]
            found |= dict.fromkeys(fresh)
            cursor = page.next_cursor
            if cursor is None or not fresh:
                break
        return list(found)[: self._settings.hot_most]
