"""Bodies of the files backend: an open file to read, an entry that names one, a file being written."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from edge.cache.model import Stored
from edge.cache.ranges import Span
from edge.store.base import Entry, EntryGone, StoreError

BLOCK_BYTES = 256 * 1024


class FileBody:
    """An open body file; it stays readable after its name is gone."""

    def __init__(self, file: FileIO, threads: ThreadPoolExecutor) -> None:
        self._file = file
        self._threads = threads

    async def read(self, span: Span) -> AsyncIterator[bytes]:
        """See Body.read."""
        loop = asyncio.get_running_loop()
        at = span.start
        while at < span.end:
            size = min(BLOCK_BYTES, span.end - at)
            try:
                block = await loop.run_in_executor(self._threads, os.pread, self._file.fileno(), size, at)
            except OSError as error:
                raise StoreError(f"cannot read a cached body: {error.strerror}") from error
            if not block:
                return
            yield block
            at += len(block)

    async def aclose(self) -> None:
        """Close the file."""
        self._file.close()


@dataclass(frozen=True, slots=True, eq=False)
class FileEntry:
    """A head in memory, and the name and path of its body."""

    stored: Stored
    body_name: str
    path: Path
    threads: ThreadPoolExecutor

    async def open(self) -> FileBody:
        """See Entry.open."""
        loop = asyncio.get_running_loop()
        try:
            file = await loop.run_in_executor(self.threads, FileIO, self.path, "rb")
        except FileNotFoundError as error:
            raise EntryGone(self.stored.key) from error
        except OSError as error:
            raise StoreError(f"cannot open a cached body: {error.strerror}") from error
        return FileBody(file, self.threads)


class FileWriter:
    """A body on its way to the disk; see Writer. `adopt` makes the finished file an entry."""

    def __init__(
        self,
        file: FileIO,
        path: Path,
        threads: ThreadPoolExecutor,
        adopt: Callable[[Stored], Awaitable[Entry | None]],
    ) -> None:
        self._file = file
        self._path = path
        self._threads = threads
        self._adopt = adopt
        self._loose: list[bytes] = []
        self._loose_bytes = 0

    async def write(self, block: bytes) -> None:
        """See Writer.write. Goes to the disk a block at a time."""
        self._loose.append(block)
        self._loose_bytes += len(block)
        if self._loose_bytes >= BLOCK_BYTES:
            await self._flush(durable=False)

    async def commit(self, stored: Stored) -> Entry | None:
        """See Writer.commit."""
        await self._flush(durable=True)
        return await self._adopt(stored)

    async def abort(self) -> None:
        """See Writer.abort."""
        self._file.close()
        await asyncio.get_running_loop().run_in_executor(self._threads, self._path.unlink, True)

    async def _flush(self, *, durable: bool) -> None:
        blocks, self._loose, self._loose_bytes = self._loose, [], 0
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._threads, self._append, blocks, durable)
        except OSError as error:
            raise StoreError(f"cannot write a cached body: {error.strerror}") from error

    def _append(self, blocks: list[bytes], durable: bool) -> None:
        data = memoryview(b"".join(blocks))
        while data:
            data = data[self._file.write(data) or 0 :]
        if durable:
            os.fdatasync(self._file.fileno())
            self._file.close()
