"""Which event streams are open and whose, so that nobody takes the places of everybody. Rules file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from edge.gateway.problems import ApiProblem, unavailable
from edge.gateway.settings import GatewaySettings
from edge.gateway.stats import GatewayStats


class OpenStreams:
    """Keys are those of rate limits: a user, or an address without a token."""

    def __init__(self, settings: GatewaySettings, stats: GatewayStats) -> None:
        self._most, self._most_each = settings.event_streams, settings.event_streams_each
        self._stats = stats
        self._by_key: Counter[str] = Counter()

    def are_full(self, key: str) -> bool:
        """Would one more stream of this key be too many?"""
        return self._stats.event_streams >= self._most or self._by_key[key] >= self._most_each

    def refuse_beyond_bounds(self, key: str) -> None:
        """Raises ApiProblem 503 when one more stream of this key would be too many."""
        if self.are_full(key):
            raise ApiProblem(unavailable("Too many event streams are open; ask for the video itself instead."))

    @contextmanager
    def one_more(self, key: str) -> Iterator[None]:
        """Counts a stream while it is open."""
        self._stats.event_streams += 1
        self._by_key[key] += 1
        try:
            yield
        finally:
            self._stats.event_streams -= 1
            self._by_key[key] -= 1
            if not self._by_key[key]:
                del self._by_key[key]
