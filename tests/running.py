"""Shells that run for ever, run for as long as a test wants."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Protocol


class Runs(Protocol):
    async def run(self) -> None: ...


@contextlib.asynccontextmanager
async def running(shell: Runs) -> AsyncIterator[None]:
    """It runs in the `with` block, and is cancelled at its end."""
    task = asyncio.create_task(shell.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
