"""One request at a time per upload: a newer request makes the older give way (IETF draft, section Concurrency).

In this process only: gateways that share an upload will need a lease in the speed layer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


class Locked(Exception):
    """The older request did not give way in time."""


@dataclass(slots=True)
class Turn:
    """A request's turn with an upload."""

    superseded: bool = False
    _interrupt: Callable[[], None] | None = None

    def on_interrupt(self, interrupt: Callable[[], None]) -> None:
        """Call `interrupt` when a newer request comes; at once when one has come."""
        self._interrupt = interrupt
        if self.superseded:
            interrupt()

    def supersede(self) -> None:
        self.superseded = True
        if self._interrupt is not None:
            self._interrupt()


@dataclass(slots=True)
class _Upload:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    turns: list[Turn] = field(default_factory=list)
    """The holder's and those that wait."""


class Writers:
    def __init__(self, wait_s: float) -> None:
        self._wait_s = wait_s
        self._uploads: dict[int, _Upload] = {}

    @asynccontextmanager
    async def turn(self, upload_id: int) -> AsyncIterator[Turn]:
        """Wait until older requests for the upload are done. Raises Locked."""
        upload = self._uploads.setdefault(upload_id, _Upload())
        for older in upload.turns:
            older.supersede()
        turn = Turn()
        upload.turns.append(turn)
        try:
            try:
                async with asyncio.timeout(self._wait_s):
                    await upload.lock.acquire()
            except TimeoutError as error:
                raise Locked from error
            try:
                yield turn
            finally:
                upload.lock.release()
        finally:
            upload.turns.remove(turn)
            if not upload.turns:
                del self._uploads[upload_id]
