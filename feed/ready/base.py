"""The port to the ready lists: what each user is to watch next, made by the scorer, read by the feed.

Words: a *list* is `feed:{user_id}`, video ids best first, with a time to live. An entry's *source* says why it is
there. The *history* is which videos a user was shown or has watched, oldest first, the newest `history_cap` at
least.

Promised: a reader sees the old list or the new one, never a part; an empty list that was written is told from
no list. Not promised: durability, or that the history never forgets (it has a time to live and a cap). So a failover of
the speed layer may bring back an older list or lose one, which is made again at the user's next interaction (until then
the user has the cold start), and may forget what was shown last, which each process that showed it still remembers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

PERSONAL = "personal"


class ReadyUnavailable(Exception):
    """The speed layer did not answer in time. A retry may help."""


@dataclass(frozen=True, slots=True)
class Entry:
    video_id: int
    source: str = PERSONAL


@dataclass(frozen=True, slots=True)
class Ready:
    entries: tuple[Entry, ...] | None
    """None: the user has no list."""
    history: tuple[int, ...]
    """Oldest first; a video may be there more than once."""


@dataclass(frozen=True, slots=True)
class Update:
    """A user's new list, and what was watched since the last one."""

    user_id: int
    entries: tuple[Entry, ...]
    ttl_s: int
    watched: tuple[int, ...] = ()


class ReadyFeeds(Protocol):
    async def read(self, user_id: int) -> Ready:
        """The user's list and history. Raises ReadyUnavailable."""

    async def replace(self, updates: Sequence[Update]) -> None:
        """Put each list in the place of the one before and append to the histories. Raises ReadyUnavailable;
        then some may be written, and writing them again is no error."""

    async def shown(self, shown: Mapping[int, Sequence[int]]) -> None:
        """Append to users' histories; a user who looks is active, so its list, if it has one, lives on for as
        long as an active user's. Raises ReadyUnavailable."""

    async def ttl_s(self, user_id: int) -> int | None:
        """Seconds that the user's list still lives, rounded; None when there is none. Raises ReadyUnavailable."""

    async def close(self) -> None: ...
