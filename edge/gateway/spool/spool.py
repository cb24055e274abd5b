"""The spool: a durable, bounded queue on this machine's disk. Shell.

Promised: a record whose `append` returned survives a crash of the process and of the machine, and is given by `peek`
until it is consumed; records come in the order in which `append` was called. After a crash records that were forwarded
may be given again. Not promised: that a record whose `append` failed or was cancelled is not kept.
"""

from __future__ import annotations

import asyncio
import errno
import logging
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.gateway.spool.folder import SpoolFolder
from edge.gateway.spool.frames import encode
from edge.gateway.spool.model import (
    Contents,
    Spooled,
    SpoolError,
    SpoolFull,
    SpoolSettings,
    SpoolStats,
    SpoolUnavailable,
)
from origin.offloop import OffLoop

logger = logging.getLogger(__name__)
_WRITE_BYTES = 4 << 20
"""Made durable by one sync at most."""
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True, slots=True)
class _Waiting:
    key: int
    at_ms: int
    frame: bytes
    done: asyncio.Future[None]


class Spool:
    """Made by `open_spool`. Appends that come while another one is being synced share the next sync."""

    def __init__(
        self,
        folder: SpoolFolder,
        thread: OffLoop,
        contents: Contents,
        settings: SpoolSettings,
        clock: Callable[[], int],
    ) -> None:
        self.stats = SpoolStats(lost_bytes=contents.lost_bytes)
        self._folder = folder
        self._thread = thread
        self._settings = settings
        self._clock = clock
        self._consumed = contents.consumed
        self._keys = Counter(contents.keys)
        self._records, self._bytes = contents.records, contents.size_bytes
        self._oldest_at_ms = contents.oldest_at_ms
        self._waiting: deque[_Waiting] = deque()
        self._writer: asyncio.Task[None] | None = None
        self._filled = asyncio.Event()
        self._closed = False
        if contents.records:
            self._filled.set()
        self.measure()

    def holds(self, key: int) -> bool:
        """Whether a record of this key waits, or is about to."""
        return key in self._keys

    def __len__(self) -> int:
        return self._records

    async def append(self, key: int, payload: bytes) -> None:
        """Keep a record; durable on return. Raises SpoolFull and SpoolUnavailable."""
        if self._closed:
            raise SpoolUnavailable("the spool is closed")
        now_ms = self._clock()
        waiting = _Waiting(key, now_ms, encode(key, now_ms, payload), asyncio.get_running_loop().create_future())
        if self._records >= self._settings.records_most or self._bytes + len(waiting.frame) > self._settings.bytes_most:
            self.stats.full += 1
            raise SpoolFull("the spool is full: the origin has been away for too long")
        self._add(waiting)
        self._waiting.append(waiting)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write(), name="spool writer")
        await asyncio.shield(waiting.done)

    async def _write(self) -> None:
        while self._waiting:
            batch = self._next_batch()
            try:
                await self._thread.run(self._folder.append, b"".join(each.frame for each in batch))
            except OSError as error:
                logger.exception("the spool cannot be written")
                self._fail(batch, error)
                continue
            self.stats.syncs += 1
            for each in batch:
                each.done.set_result(None)
            self._filled.set()

    def _next_batch(self) -> list[_Waiting]:
        batch, size = [self._waiting.popleft()], 0
        while self._waiting and (size := size + len(batch[-1].frame)) < _WRITE_BYTES:
            batch.append(self._waiting.popleft())
        return batch

    def _fail(self, batch: Sequence[_Waiting], error: OSError) -> None:
        self.stats.full += len(batch) if error.errno in _NO_ROOM else 0
        for each in batch:
            self._take_away(each.key, len(each.frame))
            each.done.set_exception(_spool_error(error))
        self.measure()

    def _add(self, waiting: _Waiting) -> None:
        self._oldest_at_ms = self._oldest_at_ms or waiting.at_ms
        self._keys[waiting.key] += 1
        self._records += 1
        self._bytes += len(waiting.frame)
        self.measure()

    def _take_away(self, key: int, size_bytes: int) -> None:
        self._keys[key] -= 1
        if not self._keys[key]:
            del self._keys[key]
        self._records -= 1
        self._bytes -= size_bytes
        if not self._records:
            self._oldest_at_ms = 0

    async def filled(self) -> None:
        """Wait until `peek` has something to give."""
        await self._filled.wait()

    async def peek(self, limit: int) -> Sequence[Spooled]:
        """Up to `limit` of the oldest durable records, oldest first; empty when there is none.
        Raises SpoolUnavailable."""
        # Before reading: what becomes durable meanwhile sets it again.
        self._filled.clear()
        records: Sequence[Spooled] | None = None
        try:
            records = await self._thread.run(self._folder.read, self._consumed, limit)
        except (OSError, SpoolUnavailable) as error:
            raise _spool_error(error) from error
        finally:
            # Unless there is nothing; also when the read failed or was cancelled.
            if records is None or records:
                self._filled.set()
        if records:
            self._oldest_at_ms = records[0].at_ms
        self.measure()
        return records

    async def consume(self, records: Sequence[Spooled]) -> None:
        """These, the oldest ones, are done; durable on return. Raises SpoolUnavailable and SpoolFull, and they are
        given again."""
        place, durable = records[-1].end, False

        def write() -> None:
            nonlocal durable
            self._folder.consume(place)
            durable = True

        try:
            await self._thread.run(write)
        except OSError as error:
            raise _spool_error(error) from error
        finally:
            # Also when the caller was cancelled while the thread went on.
            if durable:
                self._done(records)

    def _done(self, records: Sequence[Spooled]) -> None:
        self._consumed = records[-1].end
        # What comes next is not older than the last of these.
        self._oldest_at_ms = records[-1].at_ms
        for each in records:
            self._take_away(each.key, each.size_bytes)
        self.measure()

    def measure(self) -> None:
        """Bring the gauges of `stats` up to date."""
        self.stats.pending, self.stats.pending_bytes = self._records, self._bytes
        self.stats.oldest_age_ms = max(0, self._clock() - self._oldest_at_ms) if self._oldest_at_ms else 0

    async def close(self) -> None:
        """Make durable what is being appended, and give the folder back."""
        self._closed = True
        if self._writer is not None:
            await self._writer
        await self._thread.run(self._folder.release)
        await self._thread.close()


def _spool_error(error: OSError | SpoolUnavailable) -> SpoolError:
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return SpoolFull(f"no room for the spool: {error.strerror}")
    return SpoolUnavailable(f"the spool's folder cannot be used: {error}")


async def open_spool(folder: Path, settings: SpoolSettings, clock: Callable[[], int]) -> Spool:
    """Open a folder, made if it is not there, with what waits in it. `clock` gives epoch milliseconds.

    Raises SpoolTaken when another process has it, and SpoolUnavailable.
    """
    files = SpoolFolder(folder, settings.segment_bytes)
    thread = OffLoop("spool", threads=1)
    try:
        contents = await thread.run(files.take)
    except (OSError, SpoolError) as error:
        await thread.close()
        if isinstance(error, OSError):
            raise SpoolUnavailable(f"the spool folder {folder} cannot be used: {error}") from error
        raise
    if contents.lost_bytes:
        logger.warning(
            "the spool ends in what a crash cut off", extra={"folder": str(folder), "bytes": contents.lost_bytes}
        )
    return Spool(files, thread, contents, settings, clock)
