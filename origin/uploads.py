"""Use cases of uploads: their records, and the hand-over to packaging."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from origin.beginning import MAX_LIVE, Beginning
from origin.eventlog.base import EventLog, EventLogError
from origin.finishing import Finishing
from origin.metadata.base import Metadata
from origin.model import ORDINARY, Upload, UploadKind, UploadState, UploadTerms
from origin.objects.abilities import Sweeps
from origin.objects.base import Objects
from origin.views import UploadTicket

logger = logging.getLogger(__name__)
UPLOAD_TTL_MS = 24 * 3600 * 1000


class Uploads:
    """`mint` gives new ids (see `origin.leases`), `clock` epoch milliseconds."""

    def __init__(
        self,
        metadata: Metadata,
        objects: Objects,
        eventlog: EventLog,
        clock: Callable[[], int],
        mint: Callable[[], int],
        ttl_ms: int = UPLOAD_TTL_MS,
    ) -> None:
        self._metadata = metadata
        self._objects = objects
        self._clock = clock
        self._beginning = Beginning(metadata, objects, clock, mint, ttl_ms)
        self._finishing = Finishing(metadata, objects, eventlog, clock)
        self.unannounced = asyncio.Event()
        """Set when an upload is stored and waits for the log."""

    async def begin(
        self,
        user_id: int,
        length: int | None,
        metadata: str,
        description: str,
        now_ms: int,
        terms: UploadTerms = ORDINARY,
    ) -> UploadTicket:
        """See `edge.gateway.ports.UploadCatalog`."""
        return _ticket(await self._beginning.begin(user_id, length, metadata, description, now_ms, terms))

    async def find(self, upload_id: int) -> UploadTicket:
        """Raises NotFound."""
        return _ticket(await self._metadata.upload(upload_id))

    async def fix_length(self, upload_id: int, length: int) -> bool:
        """Fix a deferred length once; False when another one is fixed."""
        return await self._metadata.set_upload_length(upload_id, length)

    async def expect(self, upload_id: int, digest: str) -> None:
        """See `edge.gateway.ports.UploadCatalog`."""
        await self._metadata.set_upload_digest(upload_id, digest)

    async def finish(self, upload_id: int, request_id: str, digest: str = "") -> None:
        """See `edge.gateway.ports.UploadCatalog`.

        A log that is away does not fail it: `origin.reconciling` is told and announces the upload.
        """
        try:
            await self._finishing.settle(upload_id, request_id, digest)
        except EventLogError as error:
            logger.warning("an upload is announced later", extra={"upload_id": upload_id, "error": str(error)})
            self.unannounced.set()

    async def settle(self, upload_id: int, request_id: str, digest: str = "") -> None:
        """Like `finish`, but raises EventLogError, too: when the upload is stored but not announced."""
        await self._finishing.settle(upload_id, request_id, digest)

    async def cancel(self, upload_id: int) -> None:
        """Abort the multipart, delete the upload and its never-finished video; nothing happens to a finished one's.
        The bytes of a partial upload go with it."""
        await self._finishing.cancel(upload_id)

    async def is_complete(self, upload: Upload) -> bool:
        """Every announced byte of a receiving upload is stored."""
        return await self._finishing.is_complete(upload)

    async def live_by(self, user_id: int) -> Sequence[UploadTicket]:
        """See `edge.gateway.ports.UploadCatalog`; none that is expired."""
        receiving = await self._metadata.uploads_of(user_id, UploadState.RECEIVING, MAX_LIVE)
        stored = await self._metadata.uploads_of(user_id, UploadState.STORED, MAX_LIVE)
        pieces = [upload for upload in stored if upload.terms.kind is UploadKind.PARTIAL]
        now_ms = self._clock()
        return [_ticket(upload) for upload in (*receiving, *pieces) if upload.expires_at_ms > now_ms]

    async def sweep(self, before_ms: int, limit: int) -> int:
        """Remove from the object store what was begun before `before_ms` and ended by nobody, at most `limit`
        multiparts; returns how many. Stores that leave nothing have nothing to sweep. Raises ObjectStoreError."""
        if not isinstance(self._objects, Sweeps):
            return 0
        swept = await self._objects.sweep(before_ms, limit)
        return swept.multiparts + swept.orphans


def _ticket(upload: Upload) -> UploadTicket:
    return UploadTicket(
        upload_id=upload.upload_id,
        video_id=upload.video_id,
        user_id=upload.user_id,
        length=upload.length,
        metadata=upload.metadata,
        multipart_id=upload.multipart_id,
        finished=upload.state is not UploadState.RECEIVING,
        expires_at_ms=upload.expires_at_ms,
        terms=upload.terms,
        object_key=upload.object_key,
    )
