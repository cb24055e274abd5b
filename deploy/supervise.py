"""Keeps a process's long-running loops alive, and ends them in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

logger = logging.getLogger(__name__)
RESTART_FIRST_S = 0.5
RESTART_MOST_S = 30.0
HEALTHY_AFTER_S = 60.0
"""A loop that ran this long starts its backoff anew."""


@dataclass(slots=True)
class _Loop:
    name: str
    run: Callable[[], Awaitable[None]]
    drain: Callable[[], Awaitable[None]] | None
    task: asyncio.Task[None] | None = None
    restarts: int = 0


class Supervisor:
    """Runs loops that are meant never to end; one that fails is started again with backoff."""

    def __init__(self) -> None:
        self._loops: list[_Loop] = []
        self._draining = False

    def add(
        self, name: str, run: Callable[[], Awaitable[None]], drain: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """Start `run`. At the end `drain` is awaited first (it makes `run` return); without it `run` is cancelled."""
        loop = _Loop(name, run, drain)
        loop.task = asyncio.create_task(self._keep(loop), name=name)
        self._loops.append(loop)

    def restarts(self) -> dict[str, int]:
        """Loop name → how often it had to be started again."""
        return {loop.name: loop.restarts for loop in self._loops}

    async def drain(self, grace_s: float) -> None:
        """End the loops, last added first, each within `grace_s`."""
        self._draining = True
        for loop in reversed(self._loops):
            await self._end(loop, grace_s)

    async def _end(self, loop: _Loop, grace_s: float) -> None:
        assert loop.task is not None  # noqa: S101 - set by add
        try:
            if loop.drain is not None:
                async with asyncio.timeout(grace_s):
                    await loop.drain()
                    await asyncio.wait({loop.task})
        except TimeoutError:
            logger.warning("loop did not end in time", extra={"loop": loop.name, "grace_s": grace_s})
        except Exception:
            logger.exception("loop failed to drain", extra={"loop": loop.name})
        loop.task.cancel()
        await asyncio.wait({loop.task})

    async def _keep(self, loop: _Loop) -> None:
        wait_s = RESTART_FIRST_S
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await loop.run()
            except Exception:
                logger.exception("loop failed; starting it again", extra={"loop": loop.name, "wait_s": wait_s})
            if self._draining:
                return
            loop.restarts += 1
            if asyncio.get_running_loop().time() - began > HEALTHY_AFTER_S:
                wait_s = RESTART_FIRST_S
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, RESTART_MOST_S)
