"""Rate limits: the port, and the one way to open a backend."""

from __future__ import annotations

from edge.gateway.limits.base import Limits, Policy, Spent

__all__ = ["Limits", "Policy", "Spent", "open_limits"]


def open_limits(url: str) -> Limits:
    """Limits at `memory:`, or at a Redis by `redis://`, `rediss://` or `unix://`.

    Nothing is connected before the first use. Raises ValueError for another scheme.
    """
    if url == "memory:":
        from edge.gateway.limits.memory import MemoryLimits

        return MemoryLimits()
    if url.startswith(("redis://", "rediss://", "unix://")):
        from edge.gateway.limits.redis import RedisLimits

        return RedisLimits(url)
    raise ValueError(f"{url!r} is no address of rate limits: use memory:, redis://, rediss:// or unix://")
