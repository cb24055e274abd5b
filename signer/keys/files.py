"""Keys in one JSON file of the data folder: mode 0600, replaced atomically, read by any number of processes."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from signer.keys import ring as rules
from signer.keys.base import DEFAULT_OVERLAP_MS, REFRESH_S, KeyRing, KeyStoreError, SigningKey

SCHEMA = 1
SECRET_BYTES = 32


class FileKeyStore:
    """A KeyStore over one file. The first reader of a missing file makes it, with one key.

    `clock` gives epoch milliseconds; it is read only to date the first key.
    """

    def __init__(self, path: Path, clock: Callable[[], int]) -> None:
        self._path = path
        self._clock = clock
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="keys")
        self._ring: KeyRing | None = None
        self._stamp: tuple[int, int, int] | None = None
        self._checked_at = 0.0
        self._reading = asyncio.Lock()

    async def ring(self) -> KeyRing:
        """The ring as the file has it, looked at again once per REFRESH_S."""
        loop = asyncio.get_running_loop()
        if self._ring is not None and loop.time() - self._checked_at < REFRESH_S:
            return self._ring
        async with self._reading:
            if self._ring is None or loop.time() - self._checked_at >= REFRESH_S:
                self._ring = await loop.run_in_executor(self._threads, self._reread)
                self._checked_at = loop.time()
            return self._ring

    async def rotate(self, now_ms: int, overlap_ms: int = DEFAULT_OVERLAP_MS) -> SigningKey:
        """See KeyStore.rotate."""
        kid, secret = _fresh()
        changed = await self._change(lambda ring: rules.rotated(ring, kid, secret, now_ms, overlap_ms))
        return changed.keys[kid]

    async def revoke(self, kid: str, now_ms: int) -> None:
        """See KeyStore.revoke."""
        fresh_kid, fresh_secret = _fresh()
        await self._change(lambda ring: rules.revoked(ring, kid, fresh_kid, fresh_secret, now_ms))

    async def revoke_token(self, cti: bytes, until_ms: int, now_ms: int) -> None:
        """See KeyStore.revoke_token."""
        await self._change(lambda ring: rules.token_revoked(ring, cti, until_ms, now_ms))

    async def close(self) -> None:
        """Stop the thread."""
        self._threads.shutdown(wait=True)

    async def _change(self, change: Callable[[KeyRing], KeyRing]) -> KeyRing:
        async with self._reading:
            loop = asyncio.get_running_loop()
            self._ring = await loop.run_in_executor(self._threads, self._rewrite, change)
            self._checked_at = loop.time()
            return self._ring

    def _reread(self) -> KeyRing:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return self._rewrite(lambda ring: ring)
        except OSError as error:
            raise KeyStoreError(f"cannot read the keys in {self._path}: {error.strerror}") from error
        stamp = (status.st_mtime_ns, status.st_ino, status.st_size)
        if self._ring is None or stamp != self._stamp:
            self._stamp = stamp
            return _load(self._path)
        return self._ring

    def _rewrite(self, change: Callable[[KeyRing], KeyRing]) -> KeyRing:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with _exclusive(self._path.with_suffix(".lock")):
                old = _load(self._path) if self._path.exists() else rules.first(*_fresh(), self._clock())
                ring = change(old)
                _save(self._path, ring)
                return ring
        except OSError as error:
            raise KeyStoreError(f"cannot write the keys in {self._path}: {error.strerror}") from error


def _fresh() -> tuple[str, bytes]:
    return secrets.token_hex(4), secrets.token_bytes(SECRET_BYTES)


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _load(path: Path) -> KeyRing:
    try:
        document = json.loads(path.read_text("utf-8"))
        if document["schema"] != SCHEMA:
            raise KeyStoreError(f"{path} has schema {document['schema']!r}; this version reads {SCHEMA}")
        keys = {
            kid: SigningKey(
                kid,
                bytes.fromhex(entry["secret"]),
                int(entry["created_ms"]),
                int(entry["signs_from_ms"]),
                entry["verifies_until_ms"],
                entry["revoked_ms"],
            )
            for kid, entry in document["keys"].items()
        }
        revoked = {bytes.fromhex(cti): int(until) for cti, until in document["revoked_tokens"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise KeyStoreError(f"{path} is not a file of keys: {error!r}") from error
    except OSError as error:
        raise KeyStoreError(f"cannot read the keys in {path}: {error.strerror}") from error
    return KeyRing(keys, revoked)


def _save(path: Path, ring: KeyRing) -> None:
    document = {
        "schema": SCHEMA,
        "keys": {
            key.kid: {
                "secret": key.secret.hex(),
                "created_ms": key.created_ms,
                "signs_from_ms": key.signs_from_ms,
                "verifies_until_ms": key.verifies_until_ms,
                "revoked_ms": key.revoked_ms,
            }
            for key in ring.keys.values()
        },
        "revoked_tokens": {cti.hex(): until for cti, until in ring.revoked_tokens.items()},
    }
    # mkstemp makes the file with mode 0600 before a byte of a secret is in it.
    descriptor, name = tempfile.mkstemp(prefix=path.name, dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
