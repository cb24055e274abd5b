"""How many attempts of one webhook run at once, and how many of all that are failing. Rules file.

So a receiver that hangs holds a few places, and all that are known to fail hold half of them: the rest is for others.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RoomSettings:
    each: int = 4
    """Attempts at once of a webhook whose last message arrived."""
    failing_each: int = 1
    """Of one whose last message did not."""
    failing_all: int = 32
    """Of all those together."""


@dataclass(slots=True)
class Rooms:
    settings: RoomSettings
    _taken: Counter[int] = field(default_factory=Counter)
    """Per webhook, while any attempt runs."""
    _failing: int = 0

    def enter(self, webhook_id: int, *, failing: bool) -> bool:
        """Take a place; False when there is none. Whoever entered leaves, and says `failing` as it did."""
        most = self.settings.failing_each if failing else self.settings.each
        if self._taken[webhook_id] >= most or (failing and self._failing >= self.settings.failing_all):
            self._forget(webhook_id)
            return False
        self._taken[webhook_id] += 1
        self._failing += failing
        return True

    def leave(self, webhook_id: int, *, failing: bool) -> None:
        self._taken[webhook_id] -= 1
        self._failing -= failing
        self._forget(webhook_id)

    def _forget(self, webhook_id: int) -> None:
        if not self._taken[webhook_id]:
            del self._taken[webhook_id]
