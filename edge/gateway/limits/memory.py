"""Buckets in this process's memory: for tests, one-process installations, and while the shared store is away."""

from __future__ import annotations

from collections import OrderedDict

from edge.gateway.limits.base import Policy, Spent
from edge.gateway.limits.bucket import Bucket, spend

MOST_BUCKETS = 100_000
"""About 30 MB; the least recently used bucket is forgotten, which can only let requests pass."""


class MemoryLimits:
    def __init__(self, most_buckets: int = MOST_BUCKETS) -> None:
        self._buckets: OrderedDict[tuple[str, str], Bucket] = OrderedDict()
        self._most = most_buckets

    @property
    def degraded(self) -> int:
        return 0

    async def spend(self, policy: Policy, key: str, now_ms: int) -> Spent:
        name = (policy.name, key)
        bucket, spent = spend(self._buckets.get(name), policy, now_ms)
        self._buckets[name] = bucket
        self._buckets.move_to_end(name)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return spent

    async def close(self) -> None:
        self._buckets.clear()
