"""Uploads as the stores have them: read the state, begin, write a body's parts, finish, end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from edge.gateway.ports import UploadCatalog
from edge.ingest.ahead import Room, Source
from edge.ingest.body import Cutter
from edge.ingest.model import UploadState
from edge.ingest.settings import IngestSettings
from edge.ingest.stats import IngestStats
from edge.ingest.watches import Watches
from origin.metadata.base import NotFound
from origin.model import UploadKind
from origin.objects.base import NoSuchObject, Objects
from origin.parts import STRAY_NUMBERS, counting_parts
from origin.views import UploadTicket

Progress = Callable[[int], Awaitable[None]]
"""Told the offset after each durable part."""


class Hold(Protocol):
    """What a request has of its turn with an upload (`edge.ingest.writers.Turn`)."""

    @property
    def strays(self) -> int:
        """Writers before this one that may each still bring a part."""

    async def stored(self) -> None:
        """Return when the upload is still this request's. Raises Interrupted, LocksUnavailable."""


@dataclass(frozen=True, slots=True)
class Uploads:
    catalog: UploadCatalog
    objects: Objects
    settings: IngestSettings
    stats: IngestStats
    room: Room
    watches: Watches = field(default_factory=Watches)

    async def state(self, ticket: UploadTicket, request_id: str) -> UploadState:
        """Where an upload stands: its offset is what the object store holds.

        A multipart that was joined before a crash is finished now. Raises metadata NotFound, ObjectStoreError.
        """
        if ticket.finished:
            return _state(ticket, ticket.length or 0, finished=True)
        if ticket.terms.kind is UploadKind.DIRECT:
            # Its bytes are the client's and the store's affair until it is complete.
            return _state(ticket, 0, finished=False)
        try:
            stored = await self.objects.list_parts(ticket.multipart_id)
        except NoSuchObject:
            return await self._joined(ticket, request_id)
        parts = counting_parts(stored)
        state = _state(ticket, sum(part.size_bytes for part in parts), finished=False)
        return replace(state, parts=max((part.number for part in parts), default=0))

    async def _joined(self, ticket: UploadTicket, request_id: str) -> UploadState:
        try:
            await self.catalog.finish(ticket.upload_id, request_id)
        except NoSuchObject as error:
            raise NotFound(f"the bytes of upload {ticket.upload_id} are gone") from error
        ticket = await self.catalog.find(ticket.upload_id)
        return _state(ticket, ticket.length or 0, finished=True)

    async def write(
        self, ticket: UploadTicket, state: UploadState, source: Source, progress: Progress, hold: Hold
    ) -> int:
        """Store a body behind what the upload has, one part after the other; returns the new offset.

        Raises BodyEnded, when what had arrived is stored all the same, ObjectStoreError and LocksUnavailable.
        """
        cutter = Cutter(source, self.settings.part_bytes)
        offset, number = state.offset, state.parts + STRAY_NUMBERS * hold.strays
        while await cutter.more():
            number += 1
            part = await self.objects.put_part(ticket.multipart_id, number, cutter.part())
            await hold.stored()
            offset += part.size_bytes
            self.stats.stored_bytes += part.size_bytes
            await progress(offset)
        return offset

    async def finish(self, state: UploadState, request_id: str, digest: str = "") -> UploadState:
        """Hand the upload over to packaging. Raises what the catalog raises; calling again is harmless."""
        await self.catalog.finish(state.upload_id, request_id, digest)
        self.stats.finished += 1
        return replace(state, finished=True, length=state.offset)


def _state(ticket: UploadTicket, offset: int, *, finished: bool) -> UploadState:
    return UploadState(
        upload_id=ticket.upload_id,
        video_id=ticket.video_id,
        offset=offset,
        length=ticket.length,
        metadata=ticket.metadata,
        finished=finished,
        expires_at_ms=ticket.expires_at_ms,
        terms=ticket.terms,
    )
