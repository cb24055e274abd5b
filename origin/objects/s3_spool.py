"""A body on its way to S3: gathered in memory up to a block, then in a temporary file, with its checksum.

S3 wants length and checksum before the first byte and may want the bytes again, so a body is held whole before it is
sent. On disk, it costs a block of memory per body however large it is.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import io
import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import IO

from origin.objects import crc32
from origin.objects.base import StoreFull, StoreUnavailable
from origin.objects.s3_client import S3Client

GATHER_BYTES = 256 << 10
_HASH_BYTES = 1 << 20
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class Spool:
    """Use as an async context; its file is gone when it ends.

    `room_bytes` are left free at the file's beginning for what may have to go before the body.
    """

    def __init__(self, client: S3Client, room_bytes: int = 0) -> None:
        self._client = client
        self._room_bytes = room_bytes
        self._file: IO[bytes] | None = None
        self._gathered: list[bytes] = []
        self._gathered_bytes = 0
        self._crc = 0
        self.size_bytes = 0
        self.failed = False
        """The disk, not the sender, ended this: there is nothing to keep."""

    async def __aenter__(self) -> Spool:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    async def write(self, chunk: bytes) -> None:
        """Take bytes in."""
        self._gathered.append(chunk)
        self._gathered_bytes += len(chunk)
        self.size_bytes += len(chunk)
        if self._gathered_bytes >= GATHER_BYTES:
            await self._client.run(self._write_out)

    def alone(self) -> tuple[bytes, str]:
        """The body's bytes and their checksum; for bodies small enough for memory. Blocks."""
        blocks = self._take()
        if self._file is not None:
            with _disk_errors():
                self._file.seek(self._room_bytes)
                blocks.insert(0, self._file.read())
        return b"".join(blocks), crc32.encode(self._crc)

    def behind(self, before: bytes) -> tuple[IO[bytes], str]:
        """A file of `before`, which must fill the room, and the body; and its checksum. Blocks."""
        checksum = crc32.encode(crc32.combine(crc32.of(before), self._crc_so_far(), self.size_bytes))
        if self._file is None:
            return io.BytesIO(before + b"".join(self._take())), checksum
        self._write_out()
        with _disk_errors():
            self._file.seek(0)
            _write_all(self._file, before)
            self._file.seek(0)
        return self._file, checksum

    def part_behind(self, before: bytes) -> tuple[IO[bytes], str]:
        """As `behind`, with the MD5 of what the file holds now, which is verified to be what arrived. Blocks."""
        file, checksum = self.behind(before)
        crc, md5 = 0, hashlib.md5(usedforsecurity=False)
        with _disk_errors():
            while block := file.read(_HASH_BYTES):
                crc = crc32.of(block, crc)
                md5.update(block)
            file.seek(0)
        if crc32.encode(crc) != checksum:
            raise StoreUnavailable(f"a body for S3 was damaged in {tempfile.gettempdir()}")
        return file, _as_field(md5)

    def _crc_so_far(self) -> int:
        crc = self._crc
        for block in self._gathered:
            crc = crc32.of(block, crc)
        return crc

    def _take(self) -> list[bytes]:
        self._crc = self._crc_so_far()
        blocks, self._gathered, self._gathered_bytes = self._gathered, [], 0
        return blocks

    def _write_out(self) -> None:
        try:
            with _disk_errors():
                if self._file is None:
                    self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
                    self._file.seek(self._room_bytes)
                for block in self._take():
                    _write_all(self._file, block)
        except BaseException:
            self.failed = True
            raise


def _write_all(file: IO[bytes], block: bytes) -> None:
    rest = memoryview(block)
    while rest:
        rest = rest[file.write(rest) :]


def md5_of(data: bytes) -> str:
    """As the field Content-MD5 has it."""
    return _as_field(hashlib.md5(data, usedforsecurity=False))


def _as_field(digest: hashlib._Hash) -> str:
    return base64.b64encode(digest.digest()).decode("ascii")


@contextlib.contextmanager
def _disk_errors() -> Iterator[None]:
    folder = tempfile.gettempdir()
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StoreFull(f"no room in {folder} to hold a body back for S3") from error
        raise StoreUnavailable(f"a body for S3 cannot be held back in {folder}: {error.strerror}") from error
