"""How many attempts of one webhook and of one user run at once, and how many of all that may well fail. Rules file.

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
    """Of one whose last message did not; a test gets no more either, as nothing says that its receiver answers."""
    failing_all: int = 32
    """Of all those together."""
    user: int = 8
    """Of all webhooks of one user: where all but one of them fail, that one still has all its room."""


@dataclass(slots=True)
class Rooms:
    settings: RoomSettings
    _of_webhooks: Counter[int] = field(default_factory=Counter)
    """Places taken, while any is."""
    _of_users: Counter[int] = field(default_factory=Counter)
    _failing: int = 0

    def enter(self, webhook_id: int, user_id: int, *, failing: bool) -> bool:
        """Take a place; False when there is none. Whoever entered leaves, and says what it said then."""
        most = self.settings.failing_each if failing else self.settings.each
        full = (
            self._of_webhooks.get(webhook_id, 0) >= most
            or self._of_users.get(user_id, 0) >= self.settings.user
            or (failing and self._failing >= self.settings.failing_all)
        )
        if not full:
            self._of_webhooks[webhook_id] += 1
            self._of_users[user_id] += 1
            self._failing += failing
        return not full

    def leave(self, webhook_id: int, user_id: int, *, failing: bool) -> None:
        for taken, key in ((self._of_webhooks, webhook_id), (self._of_users, user_id)):
            taken[key] -= 1
            if not taken[key]:
                del taken[key]
        self._failing -= failing
