"""Uploads straight to the object store: begun and completed here, their parts sent by the client with addresses that
are signed for it. Which parts have arrived is asked of the store, so a client may go on after any break."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from edge.gateway.ports import DirectAsked, DirectPart, DirectUpload, UploadCatalog
from edge.gateway.problems import ApiProblem
from edge.ingest import checksums, refusals
from edge.ingest.beginning import begin_within_quota
from edge.ingest.settings import IngestSettings
from edge.ingest.stats import IngestStats
from edge.ingest.wire import BadField
from origin import direct
from origin.metadata.base import NotFound
from origin.model import UploadKind, UploadTerms
from origin.objects.abilities import DirectParts
from origin.objects.base import NoSuchObject, Objects
from origin.views import UploadTicket


def create_direct(
    catalog: UploadCatalog, objects: Objects, settings: IngestSettings, clock: Callable[[], int], stats: IngestStats
) -> Direct | None:
    """For `create_gateway`; None where the object store takes nothing from clients."""
    return Direct(catalog, objects, settings, clock, stats) if isinstance(objects, DirectParts) else None


@dataclass(frozen=True, slots=True)
class Direct:
    """`edge.gateway.ports.DirectUploads`."""

    catalog: UploadCatalog
    objects: DirectParts
    settings: IngestSettings
    clock: Callable[[], int]
    stats: IngestStats

    async def begin(self, user_id: int, asked: DirectAsked) -> DirectUpload:
        settings = self.settings
        if asked.length > settings.max_bytes:
            raise ApiProblem(refusals.too_large(settings.max_bytes))
        try:
            digest = checksums.of_whole({"repr-digest": asked.digest} if asked.digest else {})
        except BadField as error:
            raise ApiProblem(refusals.bad_field(error)) from error
        terms = UploadTerms(UploadKind.DIRECT, digest=digest, part_bytes=direct.PART_BYTES)
        begin = partial(self.catalog.begin, user_id, asked.length, "", asked.description, self.clock(), terms)
        ticket = await begin_within_quota(self.catalog, settings, user_id, asked.length, begin)
        self.stats.created["direct"] += 1
        return await self._standing(ticket, {})

    async def standing(self, user_id: int, upload_id: int) -> DirectUpload:
        ticket = await self._ticket(user_id, upload_id)
        if ticket.finished:
            return DirectUpload(ticket, _sizes(ticket), ())
        self._refuse_expired(ticket)
        try:
            stored = await self.objects.list_direct(ticket.multipart_id)
        except NoSuchObject:
            # Joined before a crash: completing it again does the rest.
            return DirectUpload(ticket, _sizes(ticket), ())
        return await self._standing(ticket, stored)

    async def complete(self, user_id: int, upload_id: int, request_id: str) -> int:
        ticket = await self._ticket(user_id, upload_id)
        if not ticket.finished:
            self._refuse_expired(ticket)
            await self.catalog.finish(upload_id, request_id)
            self.stats.finished += 1
        return ticket.video_id

    async def _ticket(self, user_id: int, upload_id: int) -> UploadTicket:
        try:
            ticket = await self.catalog.find(upload_id)
        except NotFound as error:
            raise ApiProblem(refusals.UNKNOWN) from error
        if ticket.user_id != user_id:
            raise ApiProblem(refusals.FOREIGN)
        if ticket.terms.kind is not UploadKind.DIRECT:
            raise ApiProblem(refusals.NOT_DIRECT)
        return ticket

    def _refuse_expired(self, ticket: UploadTicket) -> None:
        if ticket.expires_at_ms <= self.clock():
            raise ApiProblem(refusals.GONE)

    async def _standing(self, ticket: UploadTicket, stored: Mapping[int, int]) -> DirectUpload:
        sizes = _sizes(ticket)
        arrived = {number: size_bytes for number, size_bytes in sizes.items() if stored.get(number) == size_bytes}
        left_s = (ticket.expires_at_ms - self.clock()) // 1000
        expires_in_s = max(1, min(self.settings.presigned_s, left_s))
        parts = [
            DirectPart(
                number,
                (number - 1) * ticket.terms.part_bytes,
                await self.objects.presign_part(ticket.multipart_id, number, size_bytes, expires_in_s),
            )
            for number, size_bytes in sizes.items()
            if number not in arrived
        ]
        return DirectUpload(ticket, arrived, parts)


def _sizes(ticket: UploadTicket) -> dict[int, int]:
    return dict(enumerate(direct.sizes(ticket.length or 0, ticket.terms.part_bytes), 1))
