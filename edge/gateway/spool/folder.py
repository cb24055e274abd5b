"""The files of the spool: plain blocking calls, made in the spool's one thread.

0000000000000001.segment   records, appended and synced
consumed                   the place up to which records are done, replaced by a rename
lock                       held by the process that owns the folder

After a failed write and after a restart a new segment is begun, so that nothing is ever appended behind a torn record.
"""

from __future__ import annotations

import fcntl
import os
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from edge.gateway.spool.frames import FRAME_MOST, decode_place, encode_place, scan
from edge.gateway.spool.model import Contents, Place, Spooled, SpoolTaken, SpoolUnavailable

_SUFFIX = ".segment"
_READ_BYTES = 2 * FRAME_MOST


class SpoolFolder:
    """One folder of segments. Every method may raise OSError; all but `take` need it taken."""

    def __init__(self, folder: Path, segment_bytes: int) -> None:
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._ends: dict[int, int] = {}
        """Segment → the offset up to which its records are durable and whole, in order of number."""
        self._next = 1
        self._file: int | None = None
        """Descriptor of the segment that is appended to; None: the next append begins one."""
        self._lock: int | None = None

    def take(self) -> Contents:
        """Own the folder and see what waits in it. Raises SpoolTaken when another process owns it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.release()
            raise SpoolTaken(
                f"another process uses the spool folder {self._folder}: give every gateway its own"
            ) from error
        return self._survey(self._read_consumed())

    def _survey(self, consumed: Place) -> Contents:
        keys: Counter[int] = Counter()
        records = size = lost = oldest_at_ms = 0
        for number in self._numbers():
            self._next = max(self._next, number + 1)
            if number < consumed.segment:
                self._path(number).unlink()
                continue
            data = self._path(number).read_bytes()
            end = start = min(consumed.offset, len(data)) if number == consumed.segment else 0
            for frame in scan(data[start:]):
                keys[frame.key] += 1
                records += 1
                size += frame.size_bytes
                oldest_at_ms = oldest_at_ms or frame.at_ms
                end = start + frame.end
            self._ends[number] = end
            lost += len(data) - end
        self._next = max(self._next, consumed.segment + 1)
        return Contents(consumed, keys, records, size, oldest_at_ms, lost)

    def _numbers(self) -> list[int]:
        names = (path.stem for path in self._folder.iterdir() if path.suffix == _SUFFIX)
        return sorted(int(name) for name in names if name.isascii() and name.isdigit())

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:016d}{_SUFFIX}"

    def _read_consumed(self) -> Place:
        with suppress(FileNotFoundError):
            place = decode_place((self._folder / "consumed").read_bytes())
            if place is not None:
                return place
        # Never written, or damaged: everything that is there is forwarded again.
        return Place(0, 0)

    def append(self, data: bytes) -> None:
        """Make records durable. On an error none of them is acknowledged; what was written is cut off again."""
        file = self._file if self._file is not None else self._begin_segment()
        number = self._next - 1
        try:
            _write_all(file, data)
            os.fdatasync(file)
        except OSError:
            self._give_up_segment(file, self._ends[number])
            raise
        self._ends[number] += len(data)
        if self._ends[number] >= self._segment_bytes:
            self._close_segment()

    def _begin_segment(self) -> int:
        number, self._next = self._next, self._next + 1
        file = os.open(self._path(number), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        try:
            _sync_folder(self._folder)
        except OSError:
            os.close(file)
            raise
        self._file, self._ends[number] = file, 0
        return file

    def _give_up_segment(self, file: int, durable: int) -> None:
        with suppress(OSError):
            os.ftruncate(file, durable)
        with suppress(OSError):
            self._close_segment()

    def _close_segment(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def read(self, after: Place, limit: int) -> Sequence[Spooled]:
        """Up to `limit` records behind a place. Raises SpoolUnavailable when one that was whole no longer is."""
        for number, end in self._ends.items():
            start = after.offset if number == after.segment else 0
            if number < after.segment or start >= end:
                continue
            with self._path(number).open("rb") as file:
                file.seek(start)
                data = file.read(min(end - start, _READ_BYTES))
            found = []
            for frame in scan(data):
                place = Place(number, start + frame.end)
                found.append(Spooled(frame.key, frame.at_ms, frame.payload, frame.size_bytes, place))
                if len(found) == limit:
                    break
            if not found:
                raise SpoolUnavailable(f"{self._path(number)} is damaged at byte {start}: start the gateway again")
            return found
        return []

    def consume(self, place: Place) -> None:
        """Everything up to a place is done, durably; segments that are done are deleted."""
        fresh = self._folder / "consumed.new"
        with fresh.open("wb") as file:
            file.write(encode_place(place))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._folder / "consumed")
        _sync_folder(self._folder)
        for number in [number for number in self._ends if number < place.segment]:
            self._path(number).unlink(missing_ok=True)
            del self._ends[number]

    def release(self) -> None:
        """Give the folder back."""
        self._close_segment()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _write_all(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
