"""The port to whoever makes a user's list on demand: the scorer, in this process or in another. Rules file."""

from __future__ import annotations

from typing import Protocol

from feed.ready.base import Entry


class RankerUnavailable(Exception):
    """The scorer did not answer, or has not read its state yet. A retry may help."""


class Ranker(Protocol):
    async def rank(self, user_id: int) -> tuple[Entry, ...] | None:
        """The user's list as of now, best first; it is on its way to the speed layer too. None: the scorer never met
        the user. Raises RankerUnavailable."""
