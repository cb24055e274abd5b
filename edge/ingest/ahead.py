"""Receiving while storing: a body is read on while what came before is written, made durable or sent to S3.

Only the reading runs ahead. A part is still acknowledged when the store has it and not before, so what waits here at a
crash was promised to nobody; and a body that ends badly first gives all that had arrived.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

MOST_BLOCKS = 4096
"""Of one body: a block of few bytes holds tens more than it counts for, and a client chooses its frames."""


class Source(Protocol):
    async def block(self) -> bytes | None:
        """The next non-empty block; None at the end. Raises BodyEnded."""


@dataclass(slots=True)
class Room:
    """For what all bodies of a gateway have waiting."""

    most_bytes: int
    held_bytes: int = 0


class Ahead:
    """A source of the same blocks, read in a task of its own while the context lasts.

    At most one block of each body goes beyond `most_bytes` and the room. A body that finds no room is read when the
    store asks for its next block, as if nothing ran ahead.
    """

    def __init__(self, source: Source, room: Room, most_bytes: int) -> None:
        self._source = source
        self._room = room
        self._most_bytes = most_bytes
        self._blocks: deque[bytes] = deque()
        self._held_bytes = 0
        self._wanted = False
        """The store waits for a block."""
        self._came, self._freed = asyncio.Event(), asyncio.Event()

    async def __aenter__(self) -> Ahead:
        self._reading = asyncio.create_task(self._read(), name="upload body")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reading.cancel()
        try:
            await asyncio.gather(self._reading, return_exceptions=True)
        finally:
            # Also for one that is cancelled once more meanwhile: the room is everybody's.
            self._room.held_bytes -= self._held_bytes
            self._held_bytes = 0
            self._blocks.clear()

    async def block(self) -> bytes | None:
        while not self._blocks:
            if self._reading.done():
                # Raises what ended the body.
                self._reading.result()
                return None
            self._wanted = True
            self._freed.set()
            self._came.clear()
            await self._came.wait()
        self._wanted = False
        block = self._blocks.popleft()
        self._hold(-len(block))
        self._freed.set()
        return block

    async def _read(self) -> None:
        try:
            while (block := await self._next()) is not None:
                self._blocks.append(block)
                self._hold(len(block))
                self._came.set()
        finally:
            self._came.set()

    async def _next(self) -> bytes | None:
        while not self._may_read():
            self._freed.clear()
            await self._freed.wait()
        return await self._source.block()

    def _hold(self, size_bytes: int) -> None:
        self._held_bytes += size_bytes
        self._room.held_bytes += size_bytes

    def _may_read(self) -> bool:
        if not self._blocks and self._wanted:
            return True
        has_room = self._held_bytes < self._most_bytes and self._room.held_bytes < self._room.most_bytes
        return has_room and len(self._blocks) < MOST_BLOCKS
