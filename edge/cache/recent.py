"""Short memories of the fetcher, bounded. Rules only: times come in."""

from __future__ import annotations

from collections import deque

from edge.cache.invalidation import Purge

REMEMBERED_PURGES = 1024
REMEMBERED_KEYS = 4096


class PurgeLog:
    """The latest purges in order, so that a fetch which began before one can tell that its result is not to
    be stored.
    """

    def __init__(self) -> None:
        self._purges: deque[Purge] = deque(maxlen=REMEMBERED_PURGES)
        self.count = 0

    def note(self, purge: Purge) -> None:
        """A purge happened now."""
        self.count += 1
        self._purges.append(purge)

    def since(self, count: int, key: str, tags: tuple[str, ...]) -> bool:
        """Whether a purge after the first `count` covers the key or the tags; if that is forgotten, yes to be
        safe.
        """
        missed = self.count - count
        if missed > len(self._purges):
            return True
        return any(self._purges[-place].matches(key, tags) for place in range(1, missed + 1))


class RecentKeys:
    """Keys of which something was noted within the last `lifetime_s` seconds; of too many the oldest are
    forgotten.
    """

    def __init__(self, lifetime_s: float) -> None:
        self._lifetime_s = lifetime_s
        self._until: dict[str, float] = {}

    def note(self, key: str, now_s: float) -> None:
        """It is so now. `now_s` is a monotonic time."""
        self._until.pop(key, None)
        self._until[key] = now_s + self._lifetime_s
        while len(self._until) > REMEMBERED_KEYS:
            del self._until[next(iter(self._until))]

    def forget(self, key: str) -> None:
        """It is not so any more."""
        self._until.pop(key, None)

    def has(self, key: str, now_s: float) -> bool:
        """Whether it was so recently."""
        return self._until.get(key, 0.0) > now_s
