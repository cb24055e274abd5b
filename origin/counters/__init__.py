"""The write-back counters. See `base` for the contract."""

from __future__ import annotations

from urllib.parse import urlsplit

from origin.counters.base import Batch, Counters, CountersUnavailable, Increment
from origin.counters.memory import MemoryCounters
from origin.counters.redis import RedisCounters

__all__ = ["Batch", "Counters", "CountersUnavailable", "Increment", "open_counters"]


def open_counters(url: str) -> Counters:
    """Open the counters of a speed layer by its `Speed.url`: `unix://…`, `redis://…`, `rediss://…`, or `memory:`.

    Connects at the first call. Raises ValueError for another scheme.
    """
    if url == "memory:":
        return MemoryCounters()
    if urlsplit(url).scheme in {"unix", "redis", "rediss"}:
        return RedisCounters(url)
    raise ValueError(f"{url!r} holds no counters: give unix://…, redis://…, rediss://… or memory:")
