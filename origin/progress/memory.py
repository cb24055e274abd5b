"""Notes on packaging in this process's memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from origin.progress.base import TTL_S, Packaging


class MemoryProgress:
    """Holds the videos of the last TTL_S that have not ended, so as many as were packaged meanwhile."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._notes: dict[int, tuple[int, Packaging]] = {}
        """video id → when the note ends (epoch ms) and the note, the one that ends first in front."""

    async def note(self, video_id: int, packaging: Packaging) -> None:
        self._drop_old()
        self._notes.pop(video_id, None)
        self._notes[video_id] = (self._clock() + 1000 * TTL_S, packaging)

    async def noted(self, video_ids: Sequence[int]) -> Mapping[int, Packaging]:
        self._drop_old()
        return {video_id: self._notes[video_id][1] for video_id in video_ids if video_id in self._notes}

    async def forget(self, video_id: int) -> None:
        self._notes.pop(video_id, None)

    async def close(self) -> None:
        self._notes.clear()

    def _drop_old(self) -> None:
        now_ms = self._clock()
        while self._notes:
            oldest = next(iter(self._notes))
            if self._notes[oldest][0] > now_ms:
                return
            del self._notes[oldest]
