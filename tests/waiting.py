"""Waiting for what no event tells."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


async def until(holds: Callable[[], bool], within_s: float = 60) -> None:
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 -- nothing tells
            await asyncio.sleep(0.01)


def until_blocking(holds: Callable[[], bool], within_s: float = 60) -> None:
    """For tests without an event loop."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
