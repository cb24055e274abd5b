"""Which candidate may come next: at most so many of one creator and of one tag in a window. Rules file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from feed.settings import MixSettings

T = TypeVar("T", int, str)


@dataclass(frozen=True, slots=True)
class Candidate:
    video_id: int
    creator_id: int = 0
    """0: unknown, bound by no limit."""
    tags: frozenset[str] = frozenset()


class Strictness(Enum):
    """What is asked of a candidate; relaxed in this order, and only when all candidates fail."""

    CREATOR_AND_TAG = 0
    CREATOR = 1
    NOTHING = 2


@dataclass(frozen=True, slots=True)
class Window:
    """What the last items forbid of the next one."""

    creators: frozenset[int]
    tags: frozenset[str]


def window_after(recent: Sequence[Candidate], settings: MixSettings) -> Window:
    """What `recent` (oldest first; only its end counts) forbids of the item that follows it."""
    reach = settings.window - 1
    last = recent[-reach:] if reach else ()
    return Window(
        _at_least(settings.per_creator, [c.creator_id for c in last if c.creator_id]),
        _at_least(settings.per_tag, [tag for c in last for tag in c.tags]),
    )


def _at_least(n: int, values: Sequence[T]) -> frozenset[T]:
    """Those that occur `n` times or more."""
    different = frozenset(values)
    if n == 1:
        return different
    if len(different) == len(values):
        return frozenset()
    return frozenset(value for value, times in Counter(values).items() if times >= n)


def first_allowed(queue: Sequence[Candidate], window: Window, strictness: Strictness) -> int | None:
    """The index of the first candidate that may come next, None when none may."""
    if strictness is Strictness.NOTHING:
        return 0 if queue else None
    tags = window.tags if strictness is Strictness.CREATOR_AND_TAG else frozenset[str]()
    for index, candidate in enumerate(queue):
        if candidate.creator_id not in window.creators and tags.isdisjoint(candidate.tags):
            return index
    return None
