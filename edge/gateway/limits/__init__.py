"""Rate limits: the port, and the one way to open a backend."""

from __future__ import annotations

from edge.gateway.limits.base import Limits, Policy, Spent

__all__ = ["Limits", "Policy", "Spent", "open_limits"]


TIMEOUT_S = 0.1
"""For a decision of the shared store, which a request waits for."""


def open_limits(url: str, timeout_s: float = TIMEOUT_S) -> Limits:
    """Limits at `memory:`, or in a speed layer by its `Speed.url`.

    Nothing is connected before the first use. Raises ValueError for an ill-formed URL, with what is allowed.
    """
    if url == "memory:":
        from edge.gateway.limits.memory import MemoryLimits

        return MemoryLimits()
    from edge.gateway.limits.redis import RedisLimits

    return RedisLimits(url, timeout_s)
