"""File-system steps of the file store that survive a crash; each blocks and runs in the store's threads."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from origin.objects.base import InvalidKey, ObjectStoreError, StoreFull, StoreUnavailable

ETAG_ATTRIBUTE = "user.reelway.etag"
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_RANGE_COPY = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM})
_COPY_BYTES = 64 << 20
_HASH_BYTES = 1 << 20


@contextlib.contextmanager
def store_errors(doing: str) -> Iterator[None]:
    """Turn an OSError into the port's own."""
    try:
        yield
    except OSError as error:
        raise as_store_error(error, doing) from error


def as_store_error(error: OSError, doing: str) -> ObjectStoreError:
    """What a failed system call means to a caller."""
    if error.errno in _FULL:
        return StoreFull(f"no room for {doing}: {error.strerror}")
    if error.errno in {errno.ENOTDIR, errno.EISDIR}:
        return InvalidKey(f"{doing}: the key is a folder of another key, or the other way round")
    return StoreUnavailable(f"{doing} failed: {error}")


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder and its parents, durably."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with contextlib.suppress(FileExistsError):
        folder.mkdir()
        sync_folder(folder.parent)


def move_into_place(source: Path, target: Path) -> None:
    """Rename `source`, whose bytes are durable, to `target`, durably."""
    for attempt in range(3):
        make_folder(target.parent)
        try:
            source.replace(target)
        except FileNotFoundError:
            # Someone deleted the folder between the two steps.
            if attempt == 2 or not source.exists():
                raise
            continue
        with contextlib.suppress(FileNotFoundError):
            sync_folder(target.parent)
        return


def remember_etag(descriptor: int, etag: str) -> None:
    """Keep the etag beside the bytes; a file system without extended attributes hashes again on `read_etag`."""
    with contextlib.suppress(OSError):
        os.setxattr(descriptor, ETAG_ATTRIBUTE, etag.encode())


def read_etag(path: Path) -> str:
    """The etag of a file: the remembered one or a hash of the bytes."""
    try:
        return os.getxattr(path, ETAG_ATTRIBUTE).decode("ascii")
    except OSError as error:
        if error.errno not in {errno.ENODATA, errno.EOPNOTSUPP, errno.ENOSYS}:
            raise
    with path.open("rb") as file:
        etag = hash_file(file)
        remember_etag(file.fileno(), etag)
    return etag


def new_hash() -> hashlib._Hash:
    return hashlib.sha256()


def etag_of(digest: hashlib._Hash) -> str:
    """Half of a SHA-256: as a validator of immutable bytes, 128 bits are plenty."""
    return digest.hexdigest()[:32]


def hash_file(file: IO[bytes]) -> str:
    """The etag of an open file's bytes from its beginning."""
    digest = new_hash()
    file.seek(0)
    while block := file.read(_HASH_BYTES):
        digest.update(block)
    return etag_of(digest)


def join(parts: Sequence[Path], target: Path) -> str:
    """Write the bytes of `parts` after one another to `target`, durably; returns the etag."""
    with target.open("xb+") as out:
        for part in parts:
            with part.open("rb") as source:
                _copy(source, out)
        etag = hash_file(out)
        remember_etag(out.fileno(), etag)
        os.fsync(out.fileno())
    return etag


def _copy(source: IO[bytes], out: IO[bytes]) -> None:
    try:
        while os.copy_file_range(source.fileno(), out.fileno(), _COPY_BYTES):
            pass
    except OSError as error:
        if error.errno not in _NO_RANGE_COPY:
            raise
        source.seek(os.lseek(source.fileno(), 0, os.SEEK_CUR))
        shutil.copyfileobj(source, out, _HASH_BYTES)
        out.flush()


class Scratch:
    """A folder of this process for files that nobody may see yet.

    Its lock file is locked while the process lives; whoever opens the store next removes the folders of the
    dead.
    """

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        for lock in root.glob("*.lock"):
            _remove_if_dead(lock)
        self._lock, self._lock_path = _new_lock(root)
        self._folder = self._lock_path.with_suffix("")
        self._folder.mkdir()

    def path(self) -> Path:
        """A name that is not in use."""
        return self._folder / uuid.uuid4().hex

    def discard(self, path: Path) -> None:
        """Remove a file or a folder, in one step as others see it."""
        aside = self.path()
        try:
            path.replace(aside)
        except (FileNotFoundError, NotADirectoryError):
            return
        if aside.is_dir():
            shutil.rmtree(aside, ignore_errors=True)
        else:
            aside.unlink()

    def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._lock_path.unlink(missing_ok=True)
        os.close(self._lock)


def _new_lock(root: Path) -> tuple[int, Path]:
    while True:
        path = root / f"{uuid.uuid4().hex}.lock"
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A cleaner that took it for dead before it was locked has unlinked it.
            if os.fstat(lock).st_nlink:
                return lock, path
        os.close(lock)


def _remove_if_dead(path: Path) -> None:
    try:
        lock = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    else:
        shutil.rmtree(path.with_suffix(""), ignore_errors=True)
        path.unlink(missing_ok=True)
    finally:
        os.close(lock)
