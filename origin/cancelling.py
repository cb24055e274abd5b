"""Ending tasks. Shell."""

from __future__ import annotations

import asyncio
from collections.abc import Set
from typing import Any


async def cancelled(tasks: Set[asyncio.Task[Any]]) -> None:
    """Cancel them all and return once each has ended, however it did."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(set(tasks))
