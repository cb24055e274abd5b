"""How far the packaging of a video is, rung by rung. See `base` for the contract."""

from __future__ import annotations

from collections.abc import Callable

from origin.progress.base import Packaging, ProgressNotes, RungProgress, Stage

__all__ = ["Packaging", "ProgressNotes", "RungProgress", "Stage", "open_progress"]


def open_progress(url: str, clock: Callable[[], int]) -> ProgressNotes:
    """The backend for `memory:`, or in a speed layer by its `Speed.url`.

    Connects at the first use. Raises ValueError for an ill-formed URL, with what is allowed."""
    if url == "memory:":
        from origin.progress.memory import MemoryProgress

        return MemoryProgress(clock)
    from origin.progress.redis import RedisProgress

    return RedisProgress(url, clock)
