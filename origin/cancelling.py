"""Ending tasks. Shell."""

from __future__ import annotations

import asyncio


async def cancelled(tasks: set[asyncio.Task[None]]) -> None:
    """Cancel them all and return once each has ended, however it did."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(set(tasks))
