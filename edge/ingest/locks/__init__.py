"""Upload locks: the port, and the one way to open a backend."""

from __future__ import annotations

import time

from edge.ingest.locks.base import (
    LEASE_MS,
    Claim,
    Granted,
    LockError,
    LockLost,
    Locks,
    LocksUnavailable,
    Superseded,
)

__all__ = [
    "LEASE_MS",
    "Claim",
    "Granted",
    "LockError",
    "LockLost",
    "Locks",
    "LocksUnavailable",
    "Superseded",
    "open_locks",
]


TIMEOUT_S = 0.25
"""For one step; a request takes several, and asks again while there is no answer."""


def open_locks(url: str, lease_ms: int = LEASE_MS, timeout_s: float = TIMEOUT_S) -> Locks:
    """Locks at `memory:`, or in a speed layer by its `Speed.url`.

    Nothing is connected before the first use. Raises ValueError for an ill-formed URL, with what is allowed.
    """
    if url == "memory:":
        from edge.ingest.locks.memory import MemoryLocks

        return MemoryLocks(_monotonic_ms, lease_ms)
    from edge.ingest.locks.redis import RedisLocks

    return RedisLocks(url, _monotonic_ms, lease_ms, timeout_s)


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000
