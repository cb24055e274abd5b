"""Roles as child processes."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]


@dataclass
class Child:
    process: Process
    target: str

    @property
    def pid(self) -> int:
        return self.process.pid

    async def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)


async def start(module: str, *arguments: str) -> Child:
    """Run a module that says its port in its first line."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    port = int(await process.stdout.readline())
    return Child(process, f"127.0.0.1:{port}")


@contextlib.asynccontextmanager
async def running(module: str, count: int) -> AsyncIterator[list[Child]]:
    """Several at once; killed at the end."""
    children = await asyncio.gather(*(start(module) for _ in range(count)))
    try:
        yield list(children)
    finally:
        for child in children:
            await child.kill()
