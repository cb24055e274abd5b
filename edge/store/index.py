"""What is in a store, by key, tag and path prefix, within a capacity. Rules only; shared by the backends.

Prefixes are tags too: a key is indexed under every `/`-terminated prefix of its path, so that purging a
prefix costs what it affects.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

from edge.cache.eviction import S3Fifo
from edge.cache.model import Stored
from edge.store.base import MAX_VARIANTS

HEAD_BYTES = 1024
"""Charged for an entry besides its body and fields: objects, keys and tags in memory."""


class _HasHead(Protocol):
    @property
    def stored(self) -> Stored: ...


E = TypeVar("E", bound=_HasHead)


class Index(Generic[E]):
    """Entries by key and variant; every change keeps the sum of sizes within `capacity_bytes` and their
    number within `max_entries`.
    """

    def __init__(self, capacity_bytes: int, max_entries: int) -> None:
        self._policy = S3Fifo(capacity_bytes, max_entries)
        self._entries: dict[str, dict[str, E]] = {}
        self._by_label: defaultdict[str, set[str]] = defaultdict(set)
        self.capacity_bytes = capacity_bytes
        self.evicted = 0

    @property
    def used_bytes(self) -> int:
        """Bytes charged for all entries."""
        return self._policy.used

    def __len__(self) -> int:
        return len(self._policy)

    def __iter__(self) -> Iterator[E]:
        for variants in self._entries.values():
            yield from variants.values()

    def find(self, key: str) -> tuple[E, ...]:
        """Every variant of a key."""
        variants = self._entries.get(key)
        return tuple(variants.values()) if variants else ()

    def holds(self, entry: E) -> bool:
        """Whether this very entry is in the index."""
        stored = entry.stored
        return self._entries.get(stored.key, {}).get(stored.variant) is entry

    def touch(self, entry: E) -> None:
        """Note a hit."""
        self._policy.touch(_slot(entry.stored))

    def put(self, entry: E) -> tuple[E, ...]:
        """Add an entry.

        Returns those that left for it: replaced, evicted, surplus variants, or itself if it cannot fit.
        """
        stored = entry.stored
        left = [*self.drop(stored.key, stored.variant)]
        variants = self._entries.setdefault(stored.key, {})
        while len(variants) >= MAX_VARIANTS:
            left += self.drop(stored.key, next(iter(variants)))
            variants = self._entries.setdefault(stored.key, {})
        variants[stored.variant] = entry
        self._label(stored)
        for slot in self._policy.insert(_slot(stored), _size(stored)):
            key, _, variant = slot.partition("\0")
            self.evicted += 1
            left += self._forget(key, variant)
        return tuple(left)

    def replace(self, old: E, new: E) -> bool:
        """Put a new head in the place of an entry of the same key and variant; False if the old one has left."""
        if not self.holds(old):
            return False
        self._unlabel(old.stored)
        self._entries[new.stored.key][new.stored.variant] = new
        self._label(new.stored)
        return True

    def drop(self, key: str, variant: str | None = None) -> tuple[E, ...]:
        """Forget one variant or all; returns what left."""
        names = list(self._entries.get(key, ())) if variant is None else [variant]
        left: list[E] = []
        for name in names:
            self._policy.remove(f"{key}\0{name}")
            left += self._forget(key, name)
        return tuple(left)

    def tagged(self, tag: str) -> tuple[str, ...]:
        """Keys that carry a tag."""
        return tuple(self._by_label.get(f"#{tag}", ()))

    def under(self, prefix: str) -> tuple[str, ...]:
        """Keys under a prefix."""
        return tuple(self._by_label.get(prefix, ()))

    def _forget(self, key: str, variant: str) -> list[E]:
        variants = self._entries.get(key)
        entry = variants.pop(variant, None) if variants else None
        if variants is not None and not variants:
            del self._entries[key]
        if entry is None:
            return []
        self._unlabel(entry.stored)
        return [entry]

    def _label(self, stored: Stored) -> None:
        for label in _labels(stored):
            self._by_label[label].add(stored.key)

    def _unlabel(self, stored: Stored) -> None:
        kept = {
            label for entry in self.find(stored.key) if entry.stored is not stored for label in _labels(entry.stored)
        }
        for label in _labels(stored):
            if label in kept:
                continue
            keys = self._by_label.get(label)
            if keys is not None:
                keys.discard(stored.key)
                if not keys:
                    del self._by_label[label]


def _slot(stored: Stored) -> str:
    return f"{stored.key}\0{stored.variant}"


def _size(stored: Stored) -> int:
    fields = sum(len(name) + len(value) for name, value in stored.headers)
    return (stored.length or 0) + fields + len(stored.key) + HEAD_BYTES


def _labels(stored: Stored) -> list[str]:
    path = stored.key.partition("?")[0]
    ends = [place + 1 for place, character in enumerate(path) if character == "/"]
    return [*(path[:end] for end in ends), *(f"#{tag}" for tag in stored.tags)]
