"""Ready lists per user in the speed layer."""

from __future__ import annotations

from collections.abc import Callable

from feed.ready.base import Entry, Ready, ReadyFeeds, ReadyUnavailable, Update
from feed.settings import ReadySettings

__all__ = ["Entry", "Ready", "ReadyFeeds", "ReadyUnavailable", "Update", "open_ready"]


def open_ready(url: str, clock: Callable[[], int], settings: ReadySettings | None = None) -> ReadyFeeds:
    """The backend for `memory:`, or in a speed layer by its `Speed.url`.
    Connects at the first use. Raises ValueError for an ill-formed URL, with what is allowed."""
    settings = settings or ReadySettings()
    if url == "memory:":
        from feed.ready.memory import MemoryReady

        return MemoryReady(clock, settings)
    from feed.ready.redis import RedisReady

    return RedisReady(url, settings)
