"""Short memories of the fetcher, bounded. Rules only: times come in."""

from collections import deque

from edge.cache.invalidation import Purge

REMEMBERED_PURGES = 1024
REMEMBERED_SOLITARY = 4096
SOLITARY_S = 2.0


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


class SolitaryKeys:
    """Keys whose last response could not be shared: their requests do not queue behind each other for
    SOLITARY_S.
    """

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def note(self, key: str, now_s: float) -> None:
        """The response just seen may not be shared. `now_s` is a monotonic time."""
        self._until.pop(key, None)
        self._until[key] = now_s + SOLITARY_S
        while len(self._until) > REMEMBERED_SOLITARY:
            del self._until[next(iter(self._until))]

    def forget(self, key: str) -> None:
        """The response just seen may be shared."""
        self._until.pop(key, None)

    def has(self, key: str, now_s: float) -> bool:
        """Whether a request for the key should go alone."""
        return self._until.get(key, 0.0) > now_s
