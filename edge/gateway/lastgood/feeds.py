"""`Feeds` for a gateway whose feed may be away: a page of the last hot list then. Shell.

A feed from memory ends (no `next_cursor`) where the hot list does. Once the feed is back, a cursor from memory
continues where the client was when the feed went away, without what was shown from memory meanwhile.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Awaitable, Callable

from edge.gateway.lastgood import cursor as cursors
from edge.gateway.lastgood.asking import AWAY, Asking
from edge.gateway.lastgood.cursor import Cursor
from edge.gateway.lastgood.memory import Memory
from edge.gateway.lastgood.model import GLOBAL_HOT, HOT, Item, LastGoodStats, Page
from edge.gateway.ports import FeedPage, Feeds

PAGE_MOST = 50
Ask = Callable[[str | None], Awaitable[FeedPage]]


class LastGoodFeeds:
    """`origin` tells whether documents can be had: while they cannot, only what is remembered makes a page."""

    def __init__(self, inner: Feeds, feed: Asking, origin: Asking, memory: Memory, stats: LastGoodStats) -> None:
        self._inner = inner
        self._feed = feed
        self._origin = origin
        self._memory = memory
        self._stats = stats

    async def read(self, user_id: int, limit: int, cursor: str | None, now_ms: int) -> FeedPage:
        """A For You page from the feed. Raises AWAY."""
        return await self._feed.ask(lambda: self._inner.for_you(user_id, limit, cursor, now_ms))

    async def for_you(self, user_id: int, limit: int, cursor: str | None, now_ms: int) -> FeedPage:
        """Raises ValueError for a cursor that is not of this feed, AWAY when there is nothing to show from memory."""
        return await self._page(lambda at: self._inner.for_you(user_id, limit, at, now_ms), limit, cursor, now_ms)

    async def following(self, user_id: int, limit: int, cursor: str | None, now_ms: int) -> FeedPage:
        """Without the feed: the hot list, as the feed does without its store. Raises as `for_you`."""
        return await self._page(lambda at: self._inner.following(user_id, limit, at, now_ms), limit, cursor, now_ms)

    async def _page(self, ask: Ask, limit: int, cursor: str | None, now_ms: int) -> FeedPage:
        place = _place(cursor)
        try:
            page = await self._feed.ask(lambda: ask(place.resume))
        except AWAY:
            remembered = self._remembered(place, limit, now_ms)
            if remembered is None:
                raise
            return remembered
        if not self._can_be_shown(page, now_ms):
            return self._remembered(place, limit, now_ms) or page
        return _without(page, place.marks)

    def _can_be_shown(self, page: FeedPage, now_ms: int) -> bool:
        """Whether enough of the documents can be had: at least half of them."""
        if not self._origin.away:
            return True
        known = self._memory.recall([item.video_id for item in page.items], now_ms)
        return bool(known) and 2 * len(known) >= len(page.items)

    def _remembered(self, place: Cursor, limit: int, now_ms: int) -> FeedPage | None:
        """The next page of the hot list, empty at its end; None: nothing is remembered at all."""
        hot = self._memory.hot(now_ms)
        if not hot:
            return None
        count = max(1, min(limit, PAGE_MOST))
        left = [video_id for video_id in hot if cursors.mark(video_id) not in place.marks]
        shown = left[:count]
        items = tuple(Item(video_id, HOT, place.position + index) for index, video_id in enumerate(shown))
        marks = place.marks | {cursors.mark(video_id) for video_id in shown}
        after = Cursor(place.feed_id, place.position + len(items), marks, place.resume)
        more = len(left) > len(shown) and len(marks) < cursors.MARKS_MOST
        self._stats.pages += 1
        feed_id = base64.urlsafe_b64encode(place.feed_id).rstrip(b"=").decode()
        return Page(items, cursors.encode(after) if more else None, feed_id, GLOBAL_HOT)


def _place(cursor: str | None) -> Cursor:
    if cursor and cursors.is_ours(cursor):
        return cursors.decode(cursor)
    return Cursor(secrets.token_bytes(8), 0, frozenset(), cursors.resumable(cursor) if cursor else None)


def _without(page: FeedPage, marks: frozenset[int]) -> FeedPage:
    """The page without what was shown from memory, unless nothing were left of it."""
    items = tuple(item for item in page.items if cursors.mark(item.video_id) not in marks)
    if not items or len(items) == len(page.items):
        return page
    return Page(items, page.next_cursor, page.feed_id, page.mode)
