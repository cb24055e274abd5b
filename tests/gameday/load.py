"""Steady load: requests at a fixed rate whatever becomes of them, so that a stall shows in every one that was due."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from tests.gameday.people import World, like, read_feed, read_media, read_video, report, upload

Act = Callable[[World, float], Awaitable[None]]
UNDER_WAY_MOST = 400
RATES_HZ: Mapping[Act, float] = {
    read_feed: 30.0,
    report: 10.0,
    read_video: 4.0,
    read_media: 4.0,
    like: 1.0,
    upload: 1 / 10,
}
"""A second, before scaling."""


class Load:
    """Runs between `start` and `stop`."""

    def __init__(self, world: World, scale: float) -> None:
        self._world = world
        self._scale = scale
        self._generators: list[asyncio.Task[None]] = []
        self._under_way: set[asyncio.Task[None]] = set()
        self.failures: list[BaseException] = []
        """Bugs of ours: none is expected."""

    def start(self) -> None:
        self._generators = [
            asyncio.create_task(self._generate(act, rate_hz * self._scale)) for act, rate_hz in RATES_HZ.items()
        ]

    async def stop(self) -> None:
        """Send nothing new and wait for what is under way: clients that retry finish what they began."""
        for each in self._generators:
            each.cancel()
        await asyncio.gather(*self._generators, return_exceptions=True)
        if self._under_way:
            await asyncio.wait(set(self._under_way))

    async def _generate(self, act: Act, rate_hz: float) -> None:
        began_s = time.monotonic()
        number = 0
        while True:
            number += 1
            due_s = began_s + number / rate_hz
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            if len(self._under_way) >= UNDER_WAY_MOST:
                self._world.journal.dropped += 1
                continue
            task = asyncio.create_task(self._run(act, due_s))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _run(self, act: Act, due_s: float) -> None:
        try:
            await act(self._world, due_s)
        except Exception as error:
            self.failures.append(error)
