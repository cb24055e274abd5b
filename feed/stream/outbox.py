"""Lists on their way to the speed layer. Shell.

The newest list per user waits here while the speed layer is away, so many users at most.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import replace

from feed.ready.base import ReadyFeeds, ReadyUnavailable, Update
from feed.settings import WorkerSettings
from feed.stats import ScorerStats
from origin import breaker
from origin.breaker import BreakerSettings

logger = logging.getLogger(__name__)


class Outbox:
    def __init__(
        self, ready: ReadyFeeds, clock: Callable[[], int], settings: WorkerSettings, stats: ScorerStats
    ) -> None:
        self._ready = ready
        self._clock = clock
        self._settings = settings
        self._stats = stats
        self._waiting: OrderedDict[int, Update] = OrderedDict()
        self._breaker: breaker.State = breaker.Closed()
        self._breaker_settings = BreakerSettings(failures=1)

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def users(self) -> Iterable[int]:
        return self._waiting.keys()

    def put(self, update: Update) -> None:
        """Take a user's newest list; what was watched adds up."""
        before = self._waiting.pop(update.user_id, None)
        if before is not None and before.watched:
            update = replace(update, watched=before.watched + update.watched)
        self._waiting[update.user_id] = update
        if len(self._waiting) > self._settings.pending_users:
            self._waiting.popitem(last=False)
            self._stats.pending_dropped += 1
        self._stats.pending = len(self._waiting)

    async def send(self) -> None:
        """Write all that waits, as far as the speed layer takes it."""
        while self._waiting:
            now_ms = self._clock()
            admitted, self._breaker = breaker.admit(self._breaker, now_ms, self._breaker_settings)
            if not admitted:
                return
            sent = await self._send_some()
            self._breaker = breaker.after(self._breaker, sent, self._clock(), self._breaker_settings)
            self._stats.pending = len(self._waiting)
            if not sent:
                return

    async def _send_some(self) -> bool:
        some = list(self._waiting.values())[: self._settings.write_chunk]
        try:
            await self._ready.replace(some)
        except ReadyUnavailable as error:
            self._stats.write_failures += 1
            logger.warning("lists wait", extra={"lists": len(self._waiting), "error": str(error)})
            return False
        for update in some:
            if self._waiting.get(update.user_id) is update:
                del self._waiting[update.user_id]
        self._stats.lists_written += len(some)
        return True
