"""The feeds: For You and Following. Shell; what goes on a page is decided in `feed.page`.

For You comes from the user's list in the speed layer; a list that is missing there is asked of the scorer; for users
whom that never met it is everybody's popularity list (`cold_start`); with the speed layer away it is that list from
memory (`global_hot`). No lost engine and no lost scorer is an error to the caller.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace

from feed import cursor
from feed.cursor import BadCursor, Cursor, Kind
from feed.diversity import Candidate
from feed.facts import VideoFacts
from feed.history import ShownMemory
from feed.page import Choice, Offer, Shown, choose, shown
from feed.pool import Pool
from feed.ranker import Ranker, RankerUnavailable
from feed.ready.base import Entry, Ready, ReadyFeeds, ReadyUnavailable
from feed.settings import FeedSettings
from feed.stats import FeedStats
from feed.views import FeedItem, FeedPage
from origin.breaker import Breaker
from origin.deadline import within
from origin.metadata.base import Metadata, MetadataError

__all__ = ["BadCursor", "FeedItem", "FeedPage", "FeedService"]

logger = logging.getLogger(__name__)
PERSONAL, COLD_START, GLOBAL_HOT = "personal", "cold_start", "global_hot"
FOLLOWING = "following"


class FeedService:
    """Implements the gateway's `Feeds`. Call `start` once before serving and `close` at the end."""

    def __init__(
        self,
        ready: ReadyFeeds,
        metadata: Metadata,
        settings: FeedSettings | None = None,
        new_feed_id: Callable[[], bytes] = lambda: secrets.token_bytes(8),
        ranker: Ranker | None = None,
    ) -> None:
        """`new_feed_id` makes 8 bytes that no other feed has; without a `ranker` a missing list stays missing."""
        self._ready = ready
        self._metadata = metadata
        self._settings = settings or FeedSettings()
        self._new_feed_id = new_feed_id
        self._ranker = ranker
        self._ranker_breaker = Breaker(self._settings.ranker_breaker)
        self.stats = FeedStats()
        self._facts = VideoFacts(metadata, self._settings, self.stats)
        self._pool = Pool(metadata, self._facts, self._settings, self.stats)
        self._memory = ShownMemory(ready, self._settings, self.stats)
        self._breaker = Breaker(self._settings.breaker)

    async def start(self, now_ms: int) -> None:
        """Build the popularity list, so that the first page finds one."""
        await self._pool.current(now_ms)

    async def close(self) -> None:
        await self._pool.close()
        await self._memory.close()

    async def for_you(self, user_id: int, limit: int, cursor: str | None, now_ms: int) -> FeedPage:
        """The next page; `limit` is brought within 1–50. Raises BadCursor."""
        place = self._place(cursor, user_id, Kind.FOR_YOU)
        ready = await self._read_ready(user_id, now_ms)
        if ready is not None and ready.entries is None:
            ready = replace(ready, entries=await self._ranked(user_id, now_ms))
        history = [*(ready.history if ready else ()), *self._memory.of(user_id)]
        seen = shown(history, place.marks)
        offer = await self._offer(ready, seen, now_ms)
        recent = await self._recent(history, place, now_ms)
        count = self._count(limit)
        choices = choose(offer, seen, recent, user_id, place.position, count, self._settings.mix)
        mode = GLOBAL_HOT if ready is None else COLD_START if ready.entries is None else PERSONAL
        self._memory.add(user_id, [c.candidate.video_id for c in choices], write=ready is not None)
        return self._page(choices, place, user_id, mode)

    async def following(self, user_id: int, limit: int, cursor: str | None, now_ms: int) -> FeedPage:
        """Newest first of those one follows. With the metadata store away: everybody's list, as `global_hot`.
        Raises BadCursor."""
        place = self._place(cursor, user_id, Kind.FOLLOWING)
        count = self._count(limit)
        try:
            async with asyncio.timeout(self._settings.metadata_timeout_s):
                ids = await self._metadata.following_feed(user_id, place.before_id or None, count)
        except (MetadataError, TimeoutError) as error:
            self.stats.metadata_failures += 1
            logger.warning("following feed from memory", extra={"error": str(error) or "timeout"})
            return await self._hot_instead(user_id, count, place, now_ms)
        choices = [Choice(Candidate(video_id), FOLLOWING) for video_id in ids]
        page = self._page(choices, place, user_id, PERSONAL)
        if len(ids) < count:
            return replace(page, next_cursor=None)
        return replace(page, next_cursor=self._next(page.items, replace(place, before_id=ids[-1]), user_id))

    async def _hot_instead(self, user_id: int, count: int, place: Cursor, now_ms: int) -> FeedPage:
        offer = await self._offer(None, Shown({}, {}), now_ms)
        seen = shown((), place.marks)
        choices = choose(offer, seen, (), user_id, place.position, count, self._settings.mix)
        return self._page(choices, place, user_id, GLOBAL_HOT)

    def _place(self, text: str | None, user_id: int, kind: Kind) -> Cursor:
        if text:
            return cursor.decode(text, user_id, kind)
        return Cursor(kind, self._new_feed_id(), 0)

    def _count(self, limit: int) -> int:
        return max(1, min(limit, self._settings.page_most))

    async def _read_ready(self, user_id: int, now_ms: int) -> Ready | None:
        """None: the speed layer is away."""
        if not self._breaker.admits(now_ms):
            self.stats.ready_refused += 1
            return None
        try:
            ready = await self._ready.read(user_id)
        except ReadyUnavailable as error:
            self.stats.ready_failures += 1
            self._breaker.ended(False, now_ms)
            logger.warning("feed without the speed layer", extra={"error": str(error)})
            return None
        self._breaker.ended(True, now_ms)
        return ready

    async def _ranked(self, user_id: int, now_ms: int) -> tuple[Entry, ...] | None:
        """The scorer's list for a user who has none in the speed layer; None: it has none either, or is away."""
        if self._ranker is None:
            return None
        settings = self._settings
        if not self._ranker_breaker.admits(now_ms):
            self.stats.ranker_refused += 1
            return None
        try:
            with within(settings.ranker_timeout_s, asyncio.get_running_loop().time()):
                async with asyncio.timeout(settings.ranker_timeout_s):
                    entries = await self._ranker.rank(user_id)
        except (RankerUnavailable, TimeoutError) as error:
            self.stats.ranker_failures += 1
            self._ranker_breaker.ended(False, now_ms)
            logger.warning("feed without the scorer", extra={"error": str(error) or "timeout"})
            return None
        self._ranker_breaker.ended(True, now_ms)
        self.stats.ranked += entries is not None
        return entries

    async def _offer(self, ready: Ready | None, seen: Shown, now_ms: int) -> Offer:
        entries = ready.entries if ready and ready.entries else ()
        unseen = [entry for entry in entries if seen.when(entry.video_id) < 0]
        popular = await self._pool.current(now_ms)
        personal = await self._facts.candidates([entry.video_id for entry in unseen], now_ms)
        return Offer(personal, {e.video_id: e.source for e in unseen}, popular, hot_only=ready is None)

    async def _recent(self, history: Sequence[int], place: Cursor, now_ms: int) -> list[Candidate]:
        """The items before this page, as far as its session goes."""
        count = min(place.position, self._settings.mix.window - 1)
        return await self._facts.candidates(history[-count:], now_ms) if count else []

    def _page(self, choices: Sequence[Choice], place: Cursor, user_id: int, mode: str) -> FeedPage:
        items = tuple(
            FeedItem(choice.candidate.video_id, choice.source, place.position + index)
            for index, choice in enumerate(choices)
        )
        self._count_page(items, mode)
        feed_id = base64.urlsafe_b64encode(place.feed_id).rstrip(b"=").decode()
        return FeedPage(items, self._next(items, place, user_id), feed_id, mode)

    def _next(self, items: Sequence[FeedItem], place: Cursor, user_id: int) -> str | None:
        if not items:
            return None
        marks = (*place.marks, *(cursor.mark(item.video_id) for item in items))
        after = replace(place, position=place.position + len(items), marks=marks[-self._settings.cursor_shown :])
        return cursor.encode(after, user_id)

    def _count_page(self, items: Sequence[FeedItem], mode: str) -> None:
        self.stats.pages[mode] += 1
        self.stats.empty_pages += not items
        for item in items:
            self.stats.items[item.source] = self.stats.items.get(item.source, 0) + 1
