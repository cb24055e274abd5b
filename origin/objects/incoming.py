"""A file being received: bytes gather in memory up to a block and are written and hashed in the store's threads."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

from origin.objects import durable
from origin.offloop import OffLoop

GATHER_BYTES = 1 << 20
HELD_BYTES = 16 << 20
"""In all bodies together; beyond that each is written out in blocks of LEAST_BYTES."""
LEAST_BYTES = 64 << 10


@dataclass(slots=True)
class Held:
    """What all bodies of a store together have in memory."""

    bytes: int = 0


class Incoming:
    """Use as an async context; what was not kept when it ends is gone.

    A body that fits into one block costs one hop to a thread in all.
    """

    def __init__(self, off: OffLoop, scratch: durable.Scratch, held: Held, what: str) -> None:
        self._off = off
        self._held = held
        self._what = what
        self._path = scratch.path()
        self._file: IO[bytes] | None = None
        self._hash = durable.new_hash()
        self._gathered: list[bytes] = []
        self._gathered_bytes = 0
        self.size_bytes = 0
        self.modified_at_ms = 0
        """Known once it is kept."""
        self.failed = False
        """The store, not the sender, ended this: there is nothing to keep."""

    async def __aenter__(self) -> Incoming:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._let_go()
        if self._file is not None:
            await self._off.run(self._discard)

    async def write(self, chunk: bytes) -> None:
        """Take bytes in."""
        self._gathered.append(chunk)
        self._gathered_bytes += len(chunk)
        self._held.bytes += len(chunk)
        self.size_bytes += len(chunk)
        if self._gathered_bytes >= (GATHER_BYTES if self._held.bytes < HELD_BYTES else LEAST_BYTES):
            await self._off.run(self._write_out)
            self._let_go()

    def _let_go(self) -> None:
        """What was gathered is in memory no more."""
        self._held.bytes -= self._gathered_bytes
        self._gathered_bytes = 0

    async def keep(self, target: Path, *, make_folder: bool = True) -> str:
        """Make the bytes durable under a name; returns their etag."""
        return await self._off.run(self._keep, target, make_folder)

    def _write_out(self) -> IO[bytes]:
        blocks, self._gathered = self._gathered, []
        try:
            with durable.store_errors(self._what):
                file = self._file or self._path.open("xb", buffering=0)
                self._file = file
                for block in blocks:
                    self._hash.update(block)
                    _write_all(file.fileno(), block)
        except BaseException:
            self.failed = True
            raise
        return file

    def _keep(self, target: Path, make_folder: bool) -> str:
        file = self._write_out()
        etag = durable.etag_of(self._hash)
        with durable.store_errors(self._what):
            durable.remember_etag(file.fileno(), etag)
            os.fsync(file.fileno())
            self.modified_at_ms = os.fstat(file.fileno()).st_mtime_ns // 1_000_000
            file.close()
            if make_folder:
                durable.move_into_place(self._path, target)
            else:
                self._path.replace(target)
                durable.sync_folder(target.parent)
        return etag

    def _discard(self) -> None:
        if self._file is not None:
            self._file.close()
        self._path.unlink(missing_ok=True)


def _write_all(descriptor: int, block: bytes) -> None:
    rest = memoryview(block)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
