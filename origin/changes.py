"""Tells watchers of a video in this process that it changed; watchers of other processes poll."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator


class Watch:
    """One watcher's bell."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Callable from any thread."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._rung.set)

    def clear(self) -> None:
        self._rung.clear()

    async def wait(self, timeout_s: float) -> None:
        """Until it rings, or the time is up."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._rung.wait()


class Changes:
    """Give the same one to the videos use cases and to the packaging catalog."""

    def __init__(self) -> None:
        self._watches: dict[int, set[Watch]] = {}

    def announce(self, video_id: int) -> None:
        """The video changed."""
        for watch in tuple(self._watches.get(video_id, ())):
            watch.ring()

    @contextlib.contextmanager
    def watch(self, video_id: int) -> Iterator[Watch]:
        """A bell that rings when the video changes, while the context lasts."""
        watch = Watch()
        self._watches.setdefault(video_id, set()).add(watch)
        try:
            yield watch
        finally:
            self._watches[video_id].discard(watch)
            if not self._watches[video_id]:
                del self._watches[video_id]
