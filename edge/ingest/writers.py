"""One request at a time per upload: a newer request makes the older give way (IETF draft, section Concurrency).

In this process a queue decides; between processes a lease of `edge.ingest.locks`. The holder of a lease learns within
RENEW_S that another process waits, or that the lease is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from edge.ingest.body import Interrupted
from edge.ingest.locks.base import LEASE_MS, Claim, Granted, LockLost, Locks, LocksUnavailable, Superseded

RENEW_S = 0.5
ASK_AGAIN_S = 0.05


class Locked(Exception):
    """The older request did not give way in time."""


class Turn:
    """A request's turn with an upload. Made by `Writers`."""

    def __init__(self, locks: Locks, claim: Claim) -> None:
        self._locks = locks
        self._claim = claim
        self._granted: Granted | None = None
        self._interrupt: Callable[[], None] | None = None
        self.superseded = False

    @property
    def strays(self) -> int:
        """Writers before this one that may each still bring a part."""
        return self._lease.strays

    def on_interrupt(self, interrupt: Callable[[], None]) -> None:
        """Call `interrupt` when a newer request comes; at once when one has come."""
        self._interrupt = interrupt
        if self.superseded:
            interrupt()

    def supersede(self) -> None:
        self.superseded = True
        if self._interrupt is not None:
            self._interrupt()

    async def stored(self) -> None:
        """A part is stored: return when this turn still holds the upload, so that the part may be acknowledged.

        Raises Interrupted when another request has it, LocksUnavailable when that cannot be told for as long as a
        lease lasts."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + LEASE_MS / 1000
        while True:
            try:
                return await self._renew(stored=True)
            except LockLost as error:
                raise Interrupted from error
            except LocksUnavailable:
                if loop.time() > until_s:
                    raise
            await asyncio.sleep(ASK_AGAIN_S)

    async def take(self, wait_s: float) -> None:
        """Raises Locked, Interrupted, LocksUnavailable."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + wait_s
        first = True
        while self._granted is None:
            try:
                self._granted = await self._locks.claim(self._claim, first=first)
                first = False
            except Superseded as error:
                raise Interrupted from error
            except LocksUnavailable:
                # As during a failover, which takes less.
                if loop.time() > until_s:
                    raise
            if self._granted is None:
                if loop.time() > until_s:
                    raise Locked
                await asyncio.sleep(ASK_AGAIN_S)

    async def keep(self) -> None:
        """Renew the lease until cancelled, or until another request has it or waits for it."""
        loop = asyncio.get_running_loop()
        renewed_s = loop.time()
        while not self.superseded and loop.time() - renewed_s < LEASE_MS / 1000:
            await asyncio.sleep(RENEW_S)
            try:
                await self._renew(stored=False)
                renewed_s = loop.time()
            except LockLost:
                break
            except LocksUnavailable:
                continue
        self.supersede()

    async def give_back(self) -> None:
        with contextlib.suppress(LocksUnavailable):
            await self._locks.release(self._claim.upload_id, self._lease)

    async def _renew(self, *, stored: bool) -> None:
        if await self._locks.renew(self._claim.upload_id, self._lease, stored=stored):
            self.supersede()

    @property
    def _lease(self) -> Granted:
        if self._granted is None:
            raise RuntimeError("the turn has not begun")
        return self._granted


@dataclass(slots=True)
class _Upload:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    turns: list[Turn] = field(default_factory=list)
    """The holder's and those that wait."""


class Writers:
    def __init__(self, wait_s: float, locks: Locks) -> None:
        self._wait_s = wait_s
        self._locks = locks
        self._uploads: dict[int, _Upload] = {}

    @asynccontextmanager
    async def turn(self, upload_id: int, *, new: bool = False) -> AsyncIterator[Turn]:
        """Wait until older requests for the upload are done. `new`: this request made it.

        Raises Locked, Interrupted when a newer request came meanwhile, LocksUnavailable."""
        upload = self._uploads.setdefault(upload_id, _Upload())
        for older in upload.turns:
            older.supersede()
        turn = Turn(self._locks, Claim(upload_id, uuid.uuid4().hex, new))
        upload.turns.append(turn)
        try:
            async with self._held(upload, turn):
                yield turn
        finally:
            upload.turns.remove(turn)
            if not upload.turns:
                del self._uploads[upload_id]

    @asynccontextmanager
    async def _held(self, upload: _Upload, turn: Turn) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._wait_s):
                await upload.lock.acquire()
        except TimeoutError as error:
            raise Locked from error
        try:
            await turn.take(self._wait_s)
            keeper = asyncio.create_task(turn.keep(), name="upload lease")
            try:
                yield
            finally:
                keeper.cancel()
                await asyncio.gather(keeper, return_exceptions=True)
                await turn.give_back()
        finally:
            upload.lock.release()
