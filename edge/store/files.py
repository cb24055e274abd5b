"""Entries on disk: a body file and a head file each, bounded in bytes.

An entry exists when its head file does. A body is written under a name of its own, made durable, and only
then named by a head that is renamed into place; so a crash leaves at most a body that nobody names, which the
next start deletes. Heads are kept in memory. After a start they are read in the background, a shard at a
time; until then a key that is not in memory is looked for in its shard. One process owns a folder. Changes
take turns; reading does not wait for them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from io import FileIO
from pathlib import Path
from typing import TypeVar

from edge.cache.model import Stored
from edge.store.base import Entry, StoreError, Usage
from edge.store.disk import SHARDS, Disk, shard_of
from edge.store.filebody import FileEntry, FileWriter
from edge.store.index import Index

THREADS = 4
_T = TypeVar("_T")

logger = logging.getLogger(__name__)


class FileStore:
    """A Store in a folder."""

    def __init__(self, folder: Path, capacity_bytes: int, max_entries: int) -> None:
        self._disk = Disk(folder)
        self._index: Index[FileEntry] = Index(capacity_bytes, max_entries)
        self._threads = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="cache")
        self._unread = set(SHARDS)
        self._turn = asyncio.Lock()
        self._loading: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take the folder and begin to read what is in it. Raises StoreError when another process has it."""
        try:
            bodies = await self._in_thread(self._disk.take)
        except StoreError:
            self._threads.shutdown()
            raise
        self._loading = asyncio.create_task(self._load_all(bodies))

    async def find(self, key: str) -> tuple[Entry, ...]:
        """See Store.find."""
        if self._unread and shard_of(key) in self._unread:
            async with self._turn:
                await self._load(shard_of(key))
        return self._index.find(key)

    def touch(self, entry: Entry) -> None:
        """See Store.touch."""
        if isinstance(entry, FileEntry):
            self._index.touch(entry)

    async def writer(self) -> FileWriter:
        """See Store.writer."""
        name = self._disk.new_body()
        path = self._disk.body_path(name)
        file = await self._in_thread(partial(FileIO, path, "xb"))
        return FileWriter(file, path, self._threads, partial(self._adopt, name))

    async def update(self, entry: Entry, stored: Stored) -> Entry | None:
        """See Store.update."""
        if not isinstance(entry, FileEntry):
            raise TypeError("an entry of another store")
        async with self._turn:
            if not self._index.holds(entry):
                return None
            await self._in_thread(partial(self._disk.write_head, stored, entry.body_name))
            updated = FileEntry(stored, entry.body_name, entry.path, self._threads)
            self._index.replace(entry, updated)
            return updated

    async def remove(self, key: str, variant: str | None = None) -> int:
        """See Store.remove."""
        async with self._turn:
            await self._load(shard_of(key))
            left = self._index.drop(key, variant)
            await self._delete(left)
        return len(left)

    async def tagged(self, tag: str) -> tuple[str, ...]:
        """See Store.tagged.

        Reads what is still unread first, so that a purge right after a start misses nothing.
        """
        await self._load_rest()
        return self._index.tagged(tag)

    async def under(self, prefix: str) -> tuple[str, ...]:
        """See Store.under. Reads what is still unread first, like `tagged`."""
        await self._load_rest()
        return self._index.under(prefix)

    def usage(self) -> Usage:
        """See Store.usage. Right after a start: of what has been read so far."""
        index = self._index
        return Usage(len(index), index.used_bytes, index.capacity_bytes, index.evicted)

    async def close(self) -> None:
        """Stop reading and give the folder back."""
        if self._loading is not None:
            self._loading.cancel()
            with suppress(asyncio.CancelledError):
                await self._loading
        self._threads.shutdown(wait=True)
        self._disk.release()

    async def _adopt(self, body_name: str, stored: Stored) -> Entry | None:
        """Make a finished body an entry in the place of the one of its key and variant."""
        async with self._turn:
            await self._load(shard_of(stored.key))
            entry = FileEntry(stored, body_name, self._disk.body_path(body_name), self._threads)
            replaced = [old for old in self._index.find(stored.key) if old.stored.variant == stored.variant]
            await self._in_thread(partial(self._disk.write_head, stored, body_name))
            left = self._index.put(entry)
            await self._delete(old for old in left if old not in replaced)
            await self._in_thread(partial(self._disk.remove_bodies, [old.body_name for old in replaced]))
            return None if entry in left else entry

    async def _delete(self, entries: Iterable[FileEntry]) -> None:
        for entry in entries:
            await self._in_thread(partial(self._disk.remove_entry, entry.stored, entry.body_name))

    async def _load(self, shard: str) -> None:
        """Read a shard that was not read yet; hold the turn."""
        if shard not in self._unread:
            return
        left: list[FileEntry] = []
        for stored, body_name in await self._in_thread(partial(self._disk.heads, shard)):
            entry = FileEntry(stored, body_name, self._disk.body_path(body_name), self._threads)
            left += self._index.put(entry)
        self._unread.discard(shard)
        await self._delete(left)

    async def _load_rest(self) -> None:
        for shard in SHARDS:
            if shard in self._unread:
                async with self._turn:
                    await self._load(shard)

    async def _load_all(self, bodies_at_start: frozenset[str]) -> None:
        try:
            await self._load_rest()
            async with self._turn:
                orphans = bodies_at_start - {entry.body_name for entry in self._index}
                await self._in_thread(partial(self._disk.remove_bodies, orphans))
        except StoreError:
            logger.exception("the cache folder could not be read back")

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except OSError as error:
            raise StoreError(f"the cache folder {self._disk.folder} failed: {error.strerror}") from error
