"""The store port: cached responses with their bodies.

Words. An *entry* is a stored response (edge.cache.model.Stored) with a whole body. Entries of one key are its
*variants*; a new entry replaces the one of the same key and variant. A *writer* receives a body; the entry
exists from `commit` on and never before, so an unfinished body was never stored, not even across a crash. A
*body* is an opened entry: it stays readable while it is open, even if its entry is evicted, replaced or
removed meanwhile.

Raised: `EntryGone` when an entry left between `find` and `open` (treat it as a miss); `StoreError` when
the store itself fails (serve from upstream, say it in a metric; a retry may help). Not promised: that what
was committed is still there a moment later. A store is a dictionary with losses: it may forget anything at
any time, but what it returns is what was written last.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from edge.cache.model import Stored
from edge.cache.ranges import Span

MAX_VARIANTS = 8
"""More variants of one key push out the oldest: a Vary on a unique field must not fill the store."""


class StoreError(Exception):
    """The store failed."""


class EntryGone(StoreError):
    """The entry is not there any more."""


class Body(Protocol):
    """An opened body. Close it when done."""

    def read(self, span: Span) -> AsyncIterator[bytes]:
        """The bytes of a span in blocks of at most 256 KiB.

        Spans may be read in any order. Raises StoreError.
        """
        ...

    async def aclose(self) -> None:
        """Release it; twice does nothing more."""
        ...


class Entry(Protocol):
    """A response in the store."""

    @property
    def stored(self) -> Stored:
        """Its head; `length` is always known."""
        ...

    async def open(self) -> Body:
        """Open its body. Raises EntryGone."""
        ...


class Writer(Protocol):
    """Receives one body. Exactly one of `commit` and `abort` ends it."""

    async def write(self, block: bytes) -> None:
        """Append a block. Raises StoreError; then abort."""
        ...

    async def commit(self, stored: Stored) -> Entry | None:
        """Store it under this head, whose length must be the number of bytes written.

        None: it did not fit. Raises StoreError.
        """
        ...

    async def abort(self) -> None:
        """Forget what was written."""
        ...


@dataclass(frozen=True, slots=True)
class Usage:
    """What the store holds. Bytes include the heads."""

    entries: int
    used_bytes: int
    capacity_bytes: int
    evicted: int
    """Entries pushed out for room since the start."""


class Store(Protocol):
    """Bounded in bytes and entries; eviction is its own business."""

    async def find(self, key: str) -> tuple[Entry, ...]:
        """Every variant of a key. Raises StoreError."""
        ...

    def touch(self, entry: Entry) -> None:
        """Note that an entry was used, for eviction."""
        ...

    async def writer(self) -> Writer:
        """Begin a body. Raises StoreError."""
        ...

    async def update(self, entry: Entry, stored: Stored) -> Entry | None:
        """Give an entry a new head (same key, variant and length).

        None when the entry has left or was replaced. Raises StoreError.
        """
        ...

    async def remove(self, key: str, variant: str | None = None) -> int:
        """Forget one variant or all of a key; returns how many there were. Raises StoreError."""
        ...

    async def tagged(self, tag: str) -> tuple[str, ...]:
        """Keys of which some variant carries the tag; cost in proportion to the answer. Raises StoreError."""
        ...

    async def under(self, prefix: str) -> tuple[str, ...]:
        """Keys under a path prefix that ends with `/`; cost in proportion to the answer.

        Raises StoreError.
        """
        ...

    def usage(self) -> Usage:
        """How full it is."""
        ...

    async def close(self) -> None:
        """Release files and threads; twice does nothing more."""
        ...
