"""Locks in this process's memory: for tests and installations of one gateway process."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from edge.ingest.locks import lease
from edge.ingest.locks.base import Claim, Granted

MOST_LOCKS = 100_000
"""The least recently used one is forgotten; about 20 MB."""


class MemoryLocks:
    """`clock` gives milliseconds that never go back."""

    def __init__(self, clock: Callable[[], int], lease_ms: int) -> None:
        self._clock = clock
        self._lease_ms = lease_ms
        self._locks: OrderedDict[int, lease.Lock] = OrderedDict()

    async def claim(self, claim: Claim, *, first: bool) -> Granted | None:
        lock, granted = lease.claimed(
            self._locks.get(claim.upload_id), claim, self._clock(), self._lease_ms, first=first
        )
        self._keep(claim.upload_id, lock)
        return granted

    async def renew(self, upload_id: int, granted: Granted, *, stored: bool) -> bool:
        lock = lease.renewed(self._locks.get(upload_id), granted, self._clock(), self._lease_ms, stored=stored)
        self._keep(upload_id, lock)
        return bool(lock.wanted)

    async def release(self, upload_id: int, granted: Granted) -> None:
        lock = lease.released(self._locks.get(upload_id), granted)
        if lock is not None:
            self._keep(upload_id, lock)

    async def close(self) -> None:
        self._locks.clear()

    def _keep(self, upload_id: int, lock: lease.Lock) -> None:
        self._locks[upload_id] = lock
        self._locks.move_to_end(upload_id)
        if len(self._locks) > MOST_LOCKS:
            self._locks.popitem(last=False)
