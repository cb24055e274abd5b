"""Which entries leave when there is no room: S3-FIFO over sizes in bytes. Rules only.

After Yang et al., "FIFO queues are all you need for cache eviction" (SOSP 2023). A new entry waits in a small
queue (a tenth of the capacity). If nobody asks for it again it leaves from there, so that one-hit wonders
never displace what is popular; if somebody does, it moves to the main queue, where each hit (up to 3) buys
one more round. Keys that left the small queue are remembered without their bodies: when one comes back soon
it goes to the main queue at once.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

SMALL_FRACTION = 10
MAX_FREQUENCY = 3
GHOST_LIMIT = 65_536


@dataclass(slots=True)
class _Slot:
    size: int
    frequency: int = 0


class S3Fifo:
    """Keeps the sum of sizes within `capacity` bytes and the number of entries within `max_entries`."""

    def __init__(self, capacity: int, max_entries: int) -> None:
        if capacity < 0 or max_entries < 0:
            raise ValueError("a capacity is not negative")
        self._capacity = capacity
        self._max_entries = max_entries
        self._small: OrderedDict[str, _Slot] = OrderedDict()
        self._main: OrderedDict[str, _Slot] = OrderedDict()
        self._ghosts: OrderedDict[str, None] = OrderedDict()
        self._small_bytes = 0
        self._main_bytes = 0

    @property
    def used(self) -> int:
        """Bytes of all entries."""
        return self._small_bytes + self._main_bytes

    def __len__(self) -> int:
        return len(self._small) + len(self._main)

    def __contains__(self, key: str) -> bool:
        return key in self._small or key in self._main

    def touch(self, key: str) -> None:
        """Note a hit."""
        slot = self._small.get(key) or self._main.get(key)
        if slot is not None and slot.frequency < MAX_FREQUENCY:
            slot.frequency += 1

    def insert(self, key: str, size: int) -> tuple[str, ...]:
        """Add an entry, replacing one of the same key.

        Returns the keys that have to leave; the new one itself if it cannot fit.
        """
        known = key in self
        self.remove(key)
        if size > self._capacity or self._max_entries == 0:
            return (key,)
        evicted: list[str] = []
        while self.used + size > self._capacity or len(self) + 1 > self._max_entries:
            evicted.append(self._evict_one())
        if known or self._ghosts.pop(key, key) is None:
            self._main[key] = _Slot(size)
            self._main_bytes += size
        else:
            self._small[key] = _Slot(size)
            self._small_bytes += size
        return tuple(evicted)

    def remove(self, key: str) -> bool:
        """Forget an entry; whether it was there."""
        slot = self._small.pop(key, None)
        if slot is not None:
            self._small_bytes -= slot.size
            return True
        slot = self._main.pop(key, None)
        if slot is not None:
            self._main_bytes -= slot.size
        return slot is not None

    def _evict_one(self) -> str:
        over_its_share = self._small_bytes * SMALL_FRACTION > self._capacity
        if self._small and (over_its_share or not self._main):
            left = self._from_small()
            if left is not None:
                return left
        return self._from_main()

    def _from_small(self) -> str | None:
        """Go through the small queue: what was asked for again moves to the main queue, the first that was
        not leaves.
        """
        while self._small:
            key, slot = self._small.popitem(last=False)
            self._small_bytes -= slot.size
            if slot.frequency == 0:
                self._remember(key)
                return key
            slot.frequency = 0
            self._main[key] = slot
            self._main_bytes += slot.size
        return None

    def _from_main(self) -> str:
        while True:
            key, slot = self._main.popitem(last=False)
            if slot.frequency == 0:
                self._main_bytes -= slot.size
                return key
            slot.frequency -= 1
            self._main[key] = slot

    def _remember(self, key: str) -> None:
        self._ghosts[key] = None
        while len(self._ghosts) > min(GHOST_LIMIT, max(16, len(self))):
            self._ghosts.popitem(last=False)
