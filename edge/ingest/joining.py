"""Final uploads (tus concatenation): the bytes of partial uploads, copied one after the other into one clip.

A copy is an upload like any other: written part by part under the upload's lock, so whoever goes on with it after a
crash goes on from what is stored.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from edge.ingest import refusals
from edge.ingest.body import BodyEnded
from edge.ingest.intake import Rejected
from edge.ingest.locks import LocksUnavailable
from edge.ingest.model import Reject, UploadState
from edge.ingest.uploads import Hold, Uploads
from edge.ingest.writers import Locked, Writers
from origin.metadata.base import NotFound
from origin.model import UploadKind
from origin.objects.base import Objects, ObjectStoreError
from origin.refusals import Refusal
from origin.roles import RoleUnavailable
from origin.views import UploadTicket

logger = logging.getLogger(__name__)
_TEMPORARY = (BodyEnded, Locked, LocksUnavailable, ObjectStoreError, RoleUnavailable, NotFound)
_FOR_GOOD = (Refusal, Rejected)
"""What no other try would change."""


class Pieces:
    """The bytes of stored partial uploads from an offset on: a `body.Source`."""

    def __init__(self, objects: Objects, pieces: Sequence[UploadTicket], offset: int) -> None:
        self._blocks = _blocks(objects, pieces, offset)

    async def block(self) -> bytes | None:
        return await anext(self._blocks, None)

    async def aclose(self) -> None:
        await self._blocks.aclose()


async def _blocks(objects: Objects, pieces: Sequence[UploadTicket], offset: int) -> AsyncGenerator[bytes]:
    for piece in pieces:
        size_bytes = piece.length or 0
        if offset < size_bytes:
            async for block in objects.get(piece.object_key, offset):
                yield block
        offset = max(0, offset - size_bytes)


async def join(uploads: Uploads, ticket: UploadTicket, state: UploadState, hold: Hold, request_id: str) -> UploadState:
    """Join a final upload if every part of it is stored; returns its state. One of which a part was ended waits until
    it expires or is ended itself. Raises Rejected for one that has become too large, and what writing and finishing
    raise."""
    try:
        pieces = await asyncio.gather(*(uploads.catalog.find(each) for each in ticket.terms.partials))
    except NotFound:
        return state
    if not all(piece.finished for piece in pieces):
        return state
    length = sum(piece.length or 0 for piece in pieces)
    if length > uploads.settings.max_bytes:
        await uploads.catalog.cancel(ticket.upload_id)
        raise Rejected(Reject(refusals.too_large(uploads.settings.max_bytes)))
    await uploads.catalog.fix_length(ticket.upload_id, length)
    async with aclosing(Pieces(uploads.objects, pieces, state.offset)) as source:
        offset = await uploads.write(ticket, state, source, _nobody_is_told, hold)
    joined = await uploads.finish(replace(state, offset=offset, length=length), request_id)
    for upload_id in set(ticket.terms.partials):
        await uploads.catalog.cancel(upload_id)
    return joined


async def _nobody_is_told(_offset: int) -> None: ...


async def join_waiting(uploads: Uploads, writers: Writers, piece: UploadTicket, request_id: str) -> None:
    """Join the final uploads that have waited for this partial upload. What fails is tried again when their client asks
    for them; what is refused concerns neither the part nor the others."""
    for ticket in await uploads.catalog.live_by(piece.user_id):
        if ticket.terms.kind is UploadKind.FINAL and piece.upload_id in ticket.terms.partials:
            try:
                async with writers.turn(ticket.upload_id) as turn:
                    await join(uploads, ticket, await uploads.state(ticket, request_id), turn, request_id)
            except _TEMPORARY as error:
                logger.warning("a final upload waits", extra={"upload_id": ticket.upload_id, "error": str(error)})
            except _FOR_GOOD as error:
                logger.info("a final upload is refused", extra={"upload_id": ticket.upload_id, "error": str(error)})
