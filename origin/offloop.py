"""Blocking calls of one store, kept off the event loop in threads that the store owns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class OffLoop:
    """A bounded pool of threads for one store."""

    def __init__(self, name: str, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call `work` in a thread.

        A cancelled caller still waits for the call to end, so that a file is never closed or removed while
        a thread writes to it.
        """
        loop = asyncio.get_running_loop()
        running = loop.run_in_executor(self._threads, lambda: work(*args, **kwargs))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await _outlast(running)
            raise

    async def close(self) -> None:
        """Wait for the calls under way and end the threads."""
        await asyncio.get_running_loop().run_in_executor(None, self._threads.shutdown)


async def to_the_end(work: Coroutine[Any, Any, R]) -> R:
    """Await work of several steps that must not be left half done: a cancelled caller still waits for its end."""
    running = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await _outlast(running)
        raise


async def _outlast(running: asyncio.Future[R]) -> None:
    while not running.done():
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError:
            continue
    if not running.cancelled():
        running.exception()
