"""The files of the files backend: plain blocking calls, to be made in a thread.

bodies/ab/<random>   one body, durable before a head names it
heads/cd/<hash>      JSON head; the entry exists when this does
lock                 held by the process that owns the folder
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from edge.cache.model import Stored
from edge.store.base import StoreError
from edge.store.codec import BrokenHead, decode_head, encode_head

SHARDS = tuple(f"{number:02x}" for number in range(256))
_UNFINISHED = ".new"


class Disk:
    """One cache folder. Every method may raise OSError."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock: int | None = None

    def take(self) -> frozenset[str]:
        """Own the folder and list the bodies in it. Raises StoreError when another process owns it."""
        for shard in SHARDS:
            (self.folder / "bodies" / shard).mkdir(parents=True, exist_ok=True)
            (self.folder / "heads" / shard).mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.release()
            raise StoreError(f"another process uses the cache folder {self.folder}") from error
        folder = self.folder / "bodies"
        return frozenset(f"{shard}/{path.name}" for shard in SHARDS for path in (folder / shard).iterdir())

    def release(self) -> None:
        """Give the folder back."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def new_body(self) -> str:
        """A name for a body."""
        name = uuid4().hex
        return f"{name[:2]}/{name}"

    def body_path(self, name: str) -> Path:
        """Where a body of that name is."""
        return self.folder / "bodies" / name

    def write_head(self, stored: Stored, body_name: str) -> None:
        """Make (or replace) an entry: the rename is the moment from which on it exists."""
        path = self._head_path(stored.key, stored.variant)
        fresh = path.with_suffix(_UNFINISHED)
        fresh.write_bytes(encode_head(stored, body_name))
        fresh.replace(path)

    def remove_entry(self, stored: Stored, body_name: str) -> None:
        """Delete an entry: its head first, so that no head ever names a missing body for long."""
        self._head_path(stored.key, stored.variant).unlink(missing_ok=True)
        self.remove_bodies([body_name])

    def remove_bodies(self, names: Iterable[str]) -> None:
        """Delete bodies that no head names."""
        for name in names:
            self.body_path(name).unlink(missing_ok=True)

    def heads(self, shard: str) -> list[tuple[Stored, str]]:
        """Entries of one shard, oldest head first; what is broken or lost its body is deleted."""
        found: list[tuple[float, Stored, str]] = []
        for path in self._paths(shard):
            try:
                stored, body_name = decode_head(path.read_bytes())
                whole = self.body_path(body_name).stat().st_size == stored.length
            except (BrokenHead, FileNotFoundError):
                whole = False
            if whole:
                found.append((path.stat().st_mtime, stored, body_name))
            else:
                with suppress(FileNotFoundError):
                    path.unlink()
        found.sort(key=lambda item: item[0])
        return [(stored, body_name) for _, stored, body_name in found]

    def _paths(self, shard: str) -> Iterator[Path]:
        for path in (self.folder / "heads" / shard).iterdir():
            if path.suffix == _UNFINISHED:
                path.unlink(missing_ok=True)
            else:
                yield path

    def _head_path(self, key: str, variant: str) -> Path:
        name = hashlib.sha256(f"{key}\0{variant}".encode()).hexdigest()[:40]
        return self.folder / "heads" / shard_of(key) / name


def shard_of(key: str) -> str:
    """The shard in which every variant of a key is."""
    return hashlib.sha256(key.encode()).hexdigest()[:2]
