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

    At most one block goes beyond `most_bytes` and the room: a body that has nothing waiting may always read one, so
    those that find no room advance as fast as they are stored.
    """

    def __init__(self, source: Source, room: Room, most_bytes: int) -> None:
        self._source = source
        self._room = room
        self._most_bytes = most_bytes
        self._blocks: deque[bytes] = deque()
        self._held_bytes = 0
        self._came, self._taken = asyncio.Event(), asyncio.Event()

    async def __aenter__(self) -> Ahead:
        self._reading = asyncio.create_task(self._read(), name="upload body")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        self._room.held_bytes -= self._held_bytes
        self._held_bytes = 0
        self._blocks.clear()

    async def block(self) -> bytes | None:
        while not self._blocks:
            if self._reading.done():
                # Raises what ended the body.
                self._reading.result()
                return None
            self._came.clear()
            await self._came.wait()
        block = self._blocks.popleft()
        self._hold(-len(block))
        self._taken.set()
        return block

    async def _read(self) -> None:
        try:
            while (block := await self._source.block()) is not None:
                self._blocks.append(block)
                self._hold(len(block))
                self._came.set()
                while self._is_full():
                    self._taken.clear()
                    await self._taken.wait()
        finally:
            self._came.set()

    def _hold(self, size_bytes: int) -> None:
        self._held_bytes += size_bytes
        self._room.held_bytes += size_bytes

    def _is_full(self) -> bool:
        if not self._blocks:
            return False
        return self._held_bytes >= self._most_bytes or self._room.held_bytes >= self._room.most_bytes
