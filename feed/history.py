"""What this process has just shown: written behind to the speed layer, and remembered when that is away. Shell."""

from __future__ import annotations

import asyncio
import logging
from array import array
from collections import OrderedDict
from collections.abc import Sequence

from feed.ready.base import ReadyFeeds, ReadyUnavailable
from feed.settings import FeedSettings
from feed.stats import FeedStats

logger = logging.getLogger(__name__)
_GATHER_S = 0.02
_WAITING_MOST = 10_000
_NOBODY = 0
"""The viewer without a token."""


class ShownMemory:
    """The newest showings of the newest users. Writing behind keeps the page at one round trip; what is not
    written yet is answered from here."""

    def __init__(self, ready: ReadyFeeds, settings: FeedSettings, stats: FeedStats) -> None:
        self._ready = ready
        self._settings = settings
        self._stats = stats
        self._users: OrderedDict[int, array[int]] = OrderedDict()
        self._waiting: dict[int, list[int]] = {}
        self._writer: asyncio.Task[None] | None = None

    def of(self, user_id: int) -> Sequence[int]:
        """Oldest first."""
        return self._users.get(user_id, ())

    def add(self, user_id: int, video_ids: Sequence[int], *, write: bool) -> None:
        """Remember; with `write` also in the speed layer, soon. Nobody's showings are not remembered, so that asking
        for nobody gives the head of everybody's list."""
        if user_id == _NOBODY:
            return
        kept = self._users.setdefault(user_id, array("q"))
        self._users.move_to_end(user_id)
        kept.extend(video_ids)
        if len(kept) > 2 * self._settings.memory_each:
            del kept[: -self._settings.memory_each]
        if len(self._users) > self._settings.memory_users:
            self._users.popitem(last=False)
        if write and (user_id in self._waiting or len(self._waiting) < _WAITING_MOST):
            self._waiting.setdefault(user_id, []).extend(video_ids)
            if self._writer is None or self._writer.done():
                self._writer = asyncio.create_task(self._write(), name="feed history")

    async def close(self) -> None:
        """Write what waits."""
        if self._writer is not None:
            await asyncio.gather(self._writer, return_exceptions=True)

    async def _write(self) -> None:
        await asyncio.sleep(_GATHER_S)
        while self._waiting:
            batch, self._waiting = self._waiting, {}
            try:
                await self._ready.shown(batch)
            except ReadyUnavailable as error:
                self._stats.history_lost += sum(map(len, batch.values()))
                logger.warning("history not written", extra={"users": len(batch), "error": str(error)})
