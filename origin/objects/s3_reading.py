"""Objects read in blocks. Shell.

A reader holds a connection while it reads and a thread only while a block is on its way, so a slow viewer holds no
thread. Connections are bounded too: when too many are open, the one that waited longest for its reader is closed, and
its reader begins another where it stopped, which S3 answers only while the object is the same (If-Match).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from origin.objects.base import StoreUnavailable
from origin.objects.keys import check_key
from origin.objects.s3_client import CALL_THREADS, CONNECTIONS, S3Client
from origin.objects.s3_errors import BeyondTheEnd, CannotGoOn, NotAsExpected
from origin.objects.s3_objects import bare

BLOCK_BYTES = 256 << 10
MOST_OPEN = CONNECTIONS - 2 * CALL_THREADS
"""Connections held by readers. More than there are threads, so one of them always waits for its reader."""
ATTEMPTS = 3
"""To go on after a connection broke, without a block in between."""


class Readers:
    """All readers of one store."""

    def __init__(self, client: S3Client, most_open: int = MOST_OPEN) -> None:
        self._client = client
        self._most_open = most_open
        self._waiting: dict[_Reader, None] = {}
        """Those with a connection that no thread reads from, longest waiting first."""

    async def blocks(self, key: str, start: int, end: int | None) -> AsyncIterator[bytes]:
        """See `Objects.get`."""
        reader = _Reader(self._client, check_key(key), start, end)
        try:
            while block := await self._next(reader):
                yield block
        finally:
            self._waiting.pop(reader, None)
            reader.close()

    async def _next(self, reader: _Reader) -> bytes:
        self._waiting.pop(reader, None)
        failures = 0
        while True:
            try:
                block = await self._client.run(reader.read)
            except CannotGoOn:
                raise
            except StoreUnavailable:
                reader.close()
                failures += 1
                if not reader.begun or failures == ATTEMPTS:
                    raise
            else:
                break
        if reader.connected:
            self._waiting[reader] = None
        while len(self._waiting) > self._most_open:
            longest = next(iter(self._waiting))
            del self._waiting[longest]
            longest.close()
        return block


class _Reader:
    """One reader's place in an object. `read` runs in a thread, everything else between reads."""

    def __init__(self, client: S3Client, key: str, start: int, end: int | None) -> None:
        self._client = client
        self._key = key
        self._place = start
        self._end = end
        self._whole = start == 0 and end is None
        self._etag: str | None = None
        self._body: Any = None

    @property
    def begun(self) -> bool:
        """It has an object to go on with."""
        return self._etag is not None

    @property
    def connected(self) -> bool:
        return self._body is not None

    def read(self) -> bytes:
        """The next block; empty at the end. Raises the port's errors; after StoreUnavailable it can go on."""
        if self._body is None and not self._open():
            return b""
        end = self._end or 0
        wanted = min(BLOCK_BYTES, end - self._place)
        with self._client.errors(f"reading {self._key}"):
            block: bytes = self._body.read(wanted) if wanted else b""
            if len(block) < wanted:
                raise StoreUnavailable(f"{self._client.place}: {self._key} ended before byte {end}")
            self._place += wanted
            if self._place == end:
                # The end of the body is where botocore compares the checksum of the whole.
                self._body.read(1)
                self.close()
        return block

    def _open(self) -> bool:
        """Ask for what is left; False when nothing is."""
        if self._end is not None and self._end <= self._place:
            if not self.begun:
                self._etag = self._client.do("head_object", Key=self._key)["ETag"]
            return False
        try:
            answer = self._client.do("get_object", Key=self._key, **self._conditions())
        except BeyondTheEnd:
            self._end = self._place
            return False
        except NotAsExpected as error:
            raise CannotGoOn(f"{self._key} was replaced while it was read; read it again") from error
        self._body = answer["Body"]
        self._etag = f'"{bare(answer["ETag"])}"'
        self._end = self._place + answer["ContentLength"]
        return self._end > self._place

    def _conditions(self) -> dict[str, str]:
        conditions = {} if self._etag is None else {"IfMatch": self._etag}
        if self._whole and self._place == 0:
            return conditions
        last = "" if self._end is None else str(self._end - 1)
        return conditions | {"Range": f"bytes={self._place}-{last}"}

    def close(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None
