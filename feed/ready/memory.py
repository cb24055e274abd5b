"""Ready lists in this process's memory: for tests and simulations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from feed.ready.base import Entry, Ready, Update
from feed.settings import ReadySettings


class MemoryReady:
    def __init__(self, clock: Callable[[], int], settings: ReadySettings) -> None:
        self._clock = clock
        self._settings = settings
        self._lists: dict[int, tuple[int, tuple[Entry, ...]]] = {}
        self._histories: dict[int, tuple[int, tuple[int, ...]]] = {}

    async def read(self, user_id: int) -> Ready:
        now_ms = self._clock()
        expires_at_ms, entries = self._lists.get(user_id, (0, ()))
        forgotten_at_ms, history = self._histories.get(user_id, (0, ()))
        return Ready(
            entries if now_ms < expires_at_ms else None,
            history if now_ms < forgotten_at_ms else (),
        )

    async def replace(self, updates: Sequence[Update]) -> None:
        now_ms = self._clock()
        for update in updates:
            self._lists[update.user_id] = (now_ms + 1000 * update.ttl_s, update.entries)
            self._remember(update.user_id, update.watched)

    async def shown(self, shown: Mapping[int, Sequence[int]]) -> None:
        now_ms = self._clock()
        for user_id, video_ids in shown.items():
            self._remember(user_id, video_ids)
            expires_at_ms, entries = self._lists.get(user_id, (0, ()))
            if now_ms < expires_at_ms:
                self._lists[user_id] = (now_ms + 1000 * self._settings.active_ttl_s, entries)

    async def ttl_s(self, user_id: int) -> int | None:
        left_ms = self._lists.get(user_id, (0, ()))[0] - self._clock()
        return round(left_ms / 1000) if left_ms > 0 else None

    async def close(self) -> None:
        self._lists.clear()
        self._histories.clear()

    def _remember(self, user_id: int, video_ids: Sequence[int]) -> None:
        if not video_ids:
            return
        now_ms = self._clock()
        forgotten_at_ms, history = self._histories.get(user_id, (0, ()))
        kept = history if now_ms < forgotten_at_ms else ()
        self._histories[user_id] = (
            now_ms + 1000 * self._settings.history_ttl_s,
            (*kept, *video_ids)[-self._settings.history_cap :],
        )
