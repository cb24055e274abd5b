"""`Videos` for a gateway whose origin may be away: reads come from memory then. Shell.

From memory a video is as everybody sees it: public, with the counts of when it was read and without the viewer's own
`liked` and `following`. A deletion or an edit through this gateway is known at once; one through another gateway when
the video is read again (the warm list: within seconds), so not before the origin is back. Its media is gone all the
same: edges are purged and the origin serves it no more.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager

from edge.gateway.lastgood.asking import AWAY, Asking
from edge.gateway.lastgood.memory import Memory
from edge.gateway.lastgood.model import LastGoodStats
from edge.gateway.ports import Videos
from origin.metadata.base import NotFound
from origin.model import Visibility
from origin.refusals import Refusal
from origin.views import VideoView


class LastGoodVideos:
    """Listings, edits and event streams pass through, and fail with the origin."""

    def __init__(
        self, inner: Videos, origin: Asking, memory: Memory, stats: LastGoodStats, clock: Callable[[], int]
    ) -> None:
        self._inner = inner
        self._origin = origin
        self._memory = memory
        self._stats = stats
        self._clock = clock

    async def read(self, video_ids: Sequence[int], viewer_id: int) -> Sequence[VideoView]:
        """From the origin and into memory. Raises AWAY."""
        began = self._memory.moment()
        views = await self._origin.ask(lambda: self._inner.views(video_ids, viewer_id))
        self._memory.learn(video_ids, views, began, self._clock())
        return views

    async def views(self, video_ids: Sequence[int], viewer_id: int) -> Sequence[VideoView]:
        """Those that are watchable, in the order asked for. Raises AWAY when nothing of it is remembered."""
        if not video_ids:
            # It would be answered without the origin, and look as if that were back.
            return ()
        try:
            return await self.read(video_ids, viewer_id)
        except AWAY:
            views = self._recalled(video_ids)
            if not views:
                raise
            return views

    async def view(self, video_id: int, viewer_id: int) -> VideoView:
        """Raises NotFound, and AWAY when it is not remembered."""
        began = self._memory.moment()
        try:
            view = await self._origin.ask(lambda: self._inner.view(video_id, viewer_id))
        except NotFound:
            self._memory.forget(video_id)
            raise
        except AWAY:
            views = self._recalled([video_id])
            if not views:
                raise
            return views[0]
        self._memory.learn([video_id], [view], began, self._clock())
        return view

    def _recalled(self, video_ids: Sequence[int]) -> list[VideoView]:
        views = self._memory.recall(video_ids, self._clock())
        self._stats.videos += len(views)
        self._stats.unknown += len(video_ids) - len(views)
        return views

    async def by_creator(
        self, creator_id: int, viewer_id: int, before_id: int | None, limit: int
    ) -> Sequence[VideoView]:
        return await self._inner.by_creator(creator_id, viewer_id, before_id, limit)

    async def edit(
        self, video_id: int, user_id: int, description: str | None, visibility: Visibility | None
    ) -> VideoView:
        with self._changing(video_id):
            return await self._inner.edit(video_id, user_id, description, visibility)

    async def delete(self, video_id: int, user_id: int) -> None:
        with self._changing(video_id):
            await self._inner.delete(video_id, user_id)

    @contextmanager
    def _changing(self, video_id: int) -> Iterator[None]:
        """A change that got no answer may have been made; only one that was refused leaves the memory alone."""
        try:
            yield
        except Refusal:
            raise
        except BaseException:
            self._memory.forget(video_id)
            raise
        self._memory.forget(video_id)

    def changes(self, video_id: int, viewer_id: int) -> AsyncIterator[VideoView]:
        return self._inner.changes(video_id, viewer_id)
