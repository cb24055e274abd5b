"""Entries in memory: blocks of bytes that readers share without copying."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from edge.cache.model import Stored
from edge.cache.ranges import Span
from edge.store.base import Entry, Usage
from edge.store.index import Index

BLOCK_BYTES = 256 * 1024
"""Bodies are kept in blocks of up to this; smaller arrivals are joined."""


@dataclass(frozen=True, slots=True)
class MemoryBody:
    """Blocks in order; reading needs no I/O."""

    blocks: tuple[bytes, ...]

    async def read(self, span: Span) -> AsyncIterator[bytes]:
        """See Body.read. Whole blocks are handed out as they are, parts as copies of the part."""
        begin = 0
        for block in self.blocks:
            if begin >= span.end:
                break
            end = begin + len(block)
            if span.start < end and span.start < span.end:
                whole = span.start <= begin and end <= span.end
                yield block if whole else block[max(0, span.start - begin) : span.end - begin]
            begin = end

    async def aclose(self) -> None:
        """Nothing is held but memory."""


@dataclass(frozen=True, slots=True, eq=False)
class MemoryEntry:
    """A head and its blocks."""

    stored: Stored
    body: MemoryBody

    async def open(self) -> MemoryBody:
        """See Entry.open. Never fails: the blocks live as long as somebody holds them."""
        return self.body


class MemoryWriter:
    """Gathers blocks; see Writer."""

    def __init__(self, index: Index[MemoryEntry]) -> None:
        self._index = index
        self._blocks: list[bytes] = []
        self._loose: list[bytes] = []
        self._loose_bytes = 0

    async def write(self, block: bytes) -> None:
        """See Writer.write."""
        if self._loose_bytes + len(block) > BLOCK_BYTES:
            self._join()
        if len(block) >= BLOCK_BYTES // 2:
            self._join()
            for begin in range(0, len(block), BLOCK_BYTES):
                piece = block if len(block) <= BLOCK_BYTES else block[begin : begin + BLOCK_BYTES]
                self._blocks.append(bytes(piece))
        else:
            self._loose.append(block)
            self._loose_bytes += len(block)

    async def commit(self, stored: Stored) -> Entry | None:
        """See Writer.commit."""
        self._join()
        entry = MemoryEntry(stored, MemoryBody(tuple(self._blocks)))
        return None if entry in self._index.put(entry) else entry

    async def abort(self) -> None:
        """See Writer.abort."""
        self._blocks.clear()
        self._loose.clear()

    def _join(self) -> None:
        if self._loose:
            self._blocks.append(b"".join(self._loose))
            self._loose.clear()
            self._loose_bytes = 0


class MemoryStore:
    """A Store in this process's memory; gone when it ends."""

    def __init__(self, capacity_bytes: int, max_entries: int) -> None:
        self._index: Index[MemoryEntry] = Index(capacity_bytes, max_entries)

    async def find(self, key: str) -> tuple[Entry, ...]:
        """See Store.find."""
        return self._index.find(key)

    def touch(self, entry: Entry) -> None:
        """See Store.touch."""
        if isinstance(entry, MemoryEntry):
            self._index.touch(entry)

    async def writer(self) -> MemoryWriter:
        """See Store.writer."""
        return MemoryWriter(self._index)

    async def update(self, entry: Entry, stored: Stored) -> Entry | None:
        """See Store.update."""
        if not isinstance(entry, MemoryEntry):
            raise TypeError("an entry of another store")
        updated = MemoryEntry(stored, entry.body)
        return updated if self._index.replace(entry, updated) else None

    async def remove(self, key: str, variant: str | None = None) -> int:
        """See Store.remove."""
        return len(self._index.drop(key, variant))

    async def tagged(self, tag: str) -> tuple[str, ...]:
        """See Store.tagged."""
        return self._index.tagged(tag)

    async def under(self, prefix: str) -> tuple[str, ...]:
        """See Store.under."""
        return self._index.under(prefix)

    def usage(self) -> Usage:
        """See Store.usage."""
        index = self._index
        return Usage(len(index), index.used_bytes, index.capacity_bytes, index.evicted)

    async def close(self) -> None:
        """Nothing to release."""
