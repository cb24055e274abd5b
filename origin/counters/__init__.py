"""The write-back counters. See `base` for the contract."""

from __future__ import annotations

from origin.counters.base import Batch, Counters, CountersUnavailable, CountersWentBack, Increment, Run, Written
from origin.counters.memory import MemoryCounters
from origin.counters.redis import RedisCounters

__all__ = [
    "Batch",
    "Counters",
    "CountersUnavailable",
    "CountersWentBack",
    "Increment",
    "Run",
    "Written",
    "open_counters",
]


def open_counters(url: str) -> Counters:
    """Open the counters of a speed layer by its `Speed.url`, or `memory:`.

    Connects at the first call. Raises ValueError for an ill-formed URL, with what is allowed.
    """
    return MemoryCounters() if url == "memory:" else RedisCounters(url)
