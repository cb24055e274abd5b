"""Ready lists per user in the speed layer."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from feed.ready.base import Entry, Ready, ReadyFeeds, ReadyUnavailable, Update
from feed.settings import ReadySettings

__all__ = ["Entry", "Ready", "ReadyFeeds", "ReadyUnavailable", "Update", "open_ready"]


def open_ready(url: str, clock: Callable[[], int], settings: ReadySettings | None = None) -> ReadyFeeds:
    """The backend for `memory:`, or for `redis://`, `rediss://`, `unix://` (a Redis or Valkey server).
    Connects at the first use. Raises ValueError for another scheme."""
    settings = settings or ReadySettings()
    scheme = urlsplit(url).scheme
    if scheme == "memory":
        from feed.ready.memory import MemoryReady

        return MemoryReady(clock, settings)
    if scheme in {"redis", "rediss", "unix"}:
        from feed.ready.redis import RedisReady

        return RedisReady(url, settings)
    raise ValueError(f"no ready lists for {scheme!r}: allowed are memory, redis, rediss, unix")
