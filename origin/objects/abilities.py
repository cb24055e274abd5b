"""What only some object stores can do, beside the port. Rules file.

A store has an ability when it is an instance of its protocol: `isinstance(objects, DirectParts)`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from origin.objects.base import ObjectInfo


@dataclass(frozen=True, slots=True)
class PresignedPart:
    """A request that a client may send once or more until it expires."""

    url: str
    method: str
    headers: Mapping[str, str]
    """Signed: the client sends exactly these."""
    expires_in_s: int


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep removed."""

    multiparts: int
    orphans: int
    """Multiparts that had ended, of which stored bytes were left."""


@runtime_checkable
class WriteOnce(Protocol):
    async def put_new(self, key: str, body: bytes) -> bool:
        """Store an object unless the key has one; False when it has. Of many at once, one wins; when an answer got lost
        and the request was repeated, even the winner may hear False."""


@runtime_checkable
class DirectParts(Protocol):
    """Clients send parts straight to the store. Of the methods of `Objects`, only `abort` takes their ids."""

    async def create_direct(self, key: str) -> str:
        """Begin to receive an object from a client; returns the multipart's id."""

    async def presign_part(self, multipart_id: str, number: int, size_bytes: int, expires_in_s: int) -> PresignedPart:
        """Allow one part of exactly that size. Touches no network. Raises ValueError for what the store never takes."""

    async def list_direct(self, multipart_id: str) -> Mapping[int, int]:
        """The sizes in bytes of the parts that have arrived, by number. Raises NoSuchObject for a multipart that is
        completed or aborted."""

    async def complete_direct(self, multipart_id: str, sizes_bytes: Sequence[int]) -> ObjectInfo:
        """Join parts 1, 2, … after verifying that the store holds exactly these sizes; calling again is harmless.

        Raises NoSuchObject, naming the first part that is missing or of another size.
        """


@runtime_checkable
class Sweeps(Protocol):
    async def sweep(self, before_ms: int, limit: int) -> Swept:
        """Remove multiparts begun before `before_ms` (epoch milliseconds) that nobody ended, and bytes left behind by
        ended ones; at most `limit` multiparts in all. Calling again goes on."""
