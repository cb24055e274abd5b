"""The port to the object store: immutable blobs under keys.

Words: a *key* is a relative path of `[A-Za-z0-9._-]` segments joined by `/`, at most 512 bytes, no segment
`.` or `..`. An *object* is written once and never changed; writing a key again replaces it whole, and a
reader sees the old or the new object, never a mixture. A *multipart* is an object being received: numbered
parts from 1, each of any size ≥ 1 byte, durable once `put_part` has returned. Parts are put one at a time with
ascending numbers; only the highest may be put again, because a store may have joined the others already.

Promised: what `put`, `put_part` or `complete` returned for survives a crash of this process.
Not promised: listing order beyond lexical key order; that an aborted multipart's space is free at once; that
one key is at the same time the folder of another.

What only some stores can do is in `abilities`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol


class ObjectStoreError(Exception):
    """The root of this port's errors."""


class NoSuchObject(ObjectStoreError):
    """No object, or no multipart, has that key or id. A retry does not help."""


class InvalidKey(ObjectStoreError):
    """The key breaks the rule above. The caller's fault."""


class StoreFull(ObjectStoreError):
    """The store has no room. A retry helps once an operator made some."""


class TooManyParts(ObjectStoreError):
    """The multipart's part numbers are used up. A retry does not help: begin again with larger parts."""


class StoreUnavailable(ObjectStoreError):
    """The store did not answer or failed on its side. A retry may help."""


class StoreUnprepared(ObjectStoreError):
    """What `prepare_objects` makes is missing. The operator's part: `reelway migrate`."""


class StoreDenied(ObjectStoreError):
    """The store refuses our credentials, or what they may do. The operator's part."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    key: str
    size_bytes: int
    etag: str
    """Strong validator without quotes: other bytes under this key have another one. The same bytes need not have the
    same one, because some stores derive it from how a multipart was cut."""
    modified_at_ms: int
    """By the store's clock, to the second at worst; what `put` tells can be a moment later than what `stat` does."""


@dataclass(frozen=True, slots=True)
class Part:
    number: int
    size_bytes: int
    etag: str


class Objects(Protocol):
    async def put(self, key: str, body: AsyncIterator[bytes] | bytes) -> ObjectInfo:
        """Store an object whole; nothing is visible before the last byte is durable."""

    async def stat(self, key: str) -> ObjectInfo:
        """Raises NoSuchObject."""

    def get(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Bytes `start` (inclusive) to `end` (exclusive; None: to the end) in blocks of up to 256 KiB.

        Raises NoSuchObject at the first block. When the key is written meanwhile, a reader goes on with the bytes it
        began with, or raises StoreUnavailable where the store no longer has them.
        """

    async def delete(self, key: str) -> None:
        """Forget an object; deleting what is not there is no error."""

    async def delete_prefix(self, prefix: str) -> int:
        """Delete every object under a key prefix that ends with `/`; returns how many."""

    def list(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        """Objects whose key begins with `prefix`, in lexical order of the key."""

    async def create_multipart(self, key: str) -> str:
        """Begin to receive an object; returns the multipart's id."""

    async def put_part(self, multipart_id: str, number: int, body: AsyncIterator[bytes]) -> Part:
        """Store one part and return once it is durable; the highest number again replaces that part.

        Raises ValueError for a number below 1, and TooManyParts for one above what the store can count.

        If `body` raises, what had arrived is stored as the part (so that an upload can resume there) and the
        body's exception is raised again; nothing is stored when nothing had arrived.
        """

    async def list_parts(self, multipart_id: str) -> Sequence[Part]:
        """Durable parts by number; raises NoSuchObject for an unknown, completed or aborted multipart.

        A store that takes no small parts may have joined some with a later one and lists them as that one: the sum of
        the sizes is what is stored, and the highest number is the highest that was put.
        """

    async def complete(self, multipart_id: str, parts: Sequence[Part]) -> ObjectInfo:
        """Join the parts into the object. `parts` is all that is stored, ascending: what `list_parts` says or what
        every `put_part` returned. Raises NoSuchObject when that is not what is stored.

        Completing again with the object already in place returns its info, so that a crash after completion is no
        error.
        """

    async def abort(self, multipart_id: str) -> None:
        """Forget a multipart and its parts; aborting what is not there is no error."""

    async def local_path(self, key: str) -> str | None:
        """A path of this machine that holds the object's bytes, for tools that read files; None where the
        store is remote (then copy with `get`). The file must not be written to. Raises NoSuchObject."""

    async def check(self) -> None:
        """Return when the store can be used now. Raises StoreUnavailable, StoreUnprepared or StoreDenied."""

    async def close(self) -> None: ...
