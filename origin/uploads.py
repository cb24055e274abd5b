"""Use cases of uploads: their records, and the hand-over to packaging."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence

from origin import direct
from origin.eventlog.base import EventLog, EventLogError
from origin.events import Topic, UploadEvent, encode
from origin.metadata.base import Metadata, NotFound
from origin.model import ORDINARY, Upload, UploadKind, UploadState, UploadTerms, Video, VideoStatus, Visibility
from origin.objects.abilities import DirectParts, Sweeps
from origin.objects.base import NoSuchObject, Objects, Part
from origin.parts import counting_parts
from origin.refusals import NoDirectUploads, NoSuchPartial, Refusal, UploadIncomplete
from origin.text import hashtags
from origin.verifying import verify
from origin.views import UploadTicket

logger = logging.getLogger(__name__)
UPLOAD_TTL_MS = 24 * 3600 * 1000
NO_VIDEO = 0
"""Of a partial upload."""
MAX_LIVE = 1_000
"""Uploads of one user that are looked at; limits lie far below."""


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
        self._eventlog = eventlog
        self._clock = clock
        self._mint = mint
        self._ttl_ms = ttl_ms
        self._busy: dict[int, tuple[asyncio.Lock, int]] = {}
        """Per upload that is being finished or cancelled its lock, and how many hold or want it."""
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
        if terms.kind is UploadKind.FINAL:
            known = await self._begun(user_id, terms)
            if known is not None:
                return _ticket(known)
            length = await self._joined_length(user_id, terms)
        upload = await self._new(user_id, length, metadata, now_ms, terms)
        # The upload first: an upload without a video expires, a video without an upload would stay for ever.
        await self._metadata.create_upload(upload)
        if terms.kind is not UploadKind.PARTIAL:
            await self._metadata.create_video(
                Video(
                    video_id=upload.video_id,
                    creator_id=user_id,
                    description=description,
                    status=VideoStatus.UPLOADING,
                    visibility=Visibility.PUBLIC,
                    created_at_ms=now_ms,
                    raw_key=upload.object_key,
                    tags=hashtags(description),
                )
            )
        return _ticket(upload)

    async def _new(self, user_id: int, length: int | None, metadata: str, now_ms: int, terms: UploadTerms) -> Upload:
        partial = terms.kind is UploadKind.PARTIAL
        video_id, upload_id = NO_VIDEO if partial else self._mint(), self._mint()
        key = f"partial/{upload_id}" if partial else f"raw/{video_id}"
        if terms.kind is UploadKind.DIRECT:
            multipart_id = await self._direct().create_direct(key)
        else:
            multipart_id = await self._objects.create_multipart(key)
        return Upload(
            upload_id=upload_id,
            video_id=video_id,
            user_id=user_id,
            state=UploadState.RECEIVING,
            length=length,
            metadata=metadata,
            multipart_id=multipart_id,
            object_key=key,
            created_at_ms=now_ms,
            expires_at_ms=now_ms + self._ttl_ms,
            terms=terms,
        )

    def _direct(self) -> DirectParts:
        if not isinstance(self._objects, DirectParts):
            raise NoDirectUploads("Only an S3 object store takes uploads from clients.")
        return self._objects

    async def _begun(self, user_id: int, terms: UploadTerms) -> Upload | None:
        """The final upload that the same parts were joined to before."""
        for state in UploadState:
            for upload in await self._metadata.uploads_of(user_id, state, MAX_LIVE):
                if upload.terms == terms and upload.expires_at_ms > self._clock():
                    return upload
        return None

    async def _joined_length(self, user_id: int, terms: UploadTerms) -> int | None:
        """None while the length of a part is not known. Raises NoSuchPartial."""
        lengths: list[int | None] = []
        for upload_id in terms.partials:
            try:
                part = await self._metadata.upload(upload_id)
            except NotFound as error:
                raise NoSuchPartial(f"There is no upload {upload_id}.") from error
            if part.user_id != user_id or part.terms.kind is not UploadKind.PARTIAL:
                raise NoSuchPartial(f"Upload {upload_id} is no partial upload of yours.")
            lengths.append(part.length)
        return None if None in lengths else sum(length for length in lengths if length is not None)

    async def find(self, upload_id: int) -> UploadTicket:
        """Raises NotFound."""
        return _ticket(await self._metadata.upload(upload_id))

    async def fix_length(self, upload_id: int, length: int) -> bool:
        """Fix a deferred length once; False when another one is fixed."""
        return await self._metadata.set_upload_length(upload_id, length)

    async def finish(self, upload_id: int, request_id: str, digest: str = "") -> None:
        """See `edge.gateway.ports.UploadCatalog`.

        A log that is away does not fail it: `origin.reconciling` is told and announces the upload.
        """
        try:
            await self.settle(upload_id, request_id, digest)
        except EventLogError as error:
            logger.warning("an upload is announced later", extra={"upload_id": upload_id, "error": str(error)})
            self.unannounced.set()

    async def settle(self, upload_id: int, request_id: str, digest: str = "") -> None:
        """Like `finish`, but raises EventLogError, too: when the upload is stored but not announced."""
        async with self._one_at_a_time(upload_id):
            upload = await self._metadata.upload(upload_id)
            if upload.state is UploadState.RECEIVING:
                await self._store(upload, digest)
            if upload.state is not UploadState.ANNOUNCED and upload.terms.kind is not UploadKind.PARTIAL:
                await self._announce(upload, request_id)

    async def _store(self, upload: Upload, digest: str) -> None:
        await self._join(upload)
        try:
            await verify(self._objects, upload, digest)
        except Refusal:
            await self._end(upload)
            await self._objects.delete(upload.object_key)
            raise
        await self._metadata.advance_upload(upload.upload_id, UploadState.STORED)

    async def _join(self, upload: Upload) -> None:
        if upload.terms.kind is UploadKind.DIRECT:
            await self._join_direct(upload)
            return
        try:
            parts = counting_parts(await self._objects.list_parts(upload.multipart_id))
        except NoSuchObject:
            # Joined before a crash; or else this raises NoSuchObject again.
            await self._objects.stat(upload.object_key)
        else:
            _refuse_incomplete(upload, parts)
            await self._objects.complete(upload.multipart_id, parts)

    async def _join_direct(self, upload: Upload) -> None:
        sizes = direct.sizes(upload.length or 0, upload.terms.part_bytes)
        try:
            await self._direct().complete_direct(upload.multipart_id, sizes)
        except NoSuchObject as error:
            raise UploadIncomplete(f"{error}.") from error

    async def _announce(self, upload: Upload, request_id: str) -> None:
        video = await self._metadata.video(upload.video_id)
        if video.status is VideoStatus.DELETED:
            await self._objects.delete(upload.object_key)
        elif video.status is VideoStatus.UPLOADING:
            event = UploadEvent(
                video_id=upload.video_id,
                user_id=upload.user_id,
                raw_s3_path=upload.object_key,
                timestamp=self._clock(),
                request_id=request_id,
            )
            await self._eventlog.append(Topic.UPLOADS, str(upload.video_id), encode(event))
            await self._metadata.transition(upload.video_id, {VideoStatus.UPLOADING}, VideoStatus.QUEUED)
        await self._metadata.advance_upload(upload.upload_id, UploadState.ANNOUNCED)

    async def cancel(self, upload_id: int) -> None:
        """Abort the multipart, delete the upload and its never-finished video; nothing happens to a finished one's.
        The bytes of a partial upload go with it."""
        async with self._one_at_a_time(upload_id):
            with contextlib.suppress(NotFound):
                await self._end(await self._metadata.upload(upload_id))

    async def _end(self, upload: Upload) -> None:
        await self._objects.abort(upload.multipart_id)
        if upload.terms.kind is UploadKind.PARTIAL:
            await self._objects.delete(upload.object_key)
        else:
            await self._metadata.transition(upload.video_id, {VideoStatus.UPLOADING}, VideoStatus.DELETED)
        await self._metadata.delete_upload(upload.upload_id)

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

    async def is_complete(self, upload: Upload) -> bool:
        """Every announced byte of a receiving upload is stored."""
        try:
            return upload.length is not None and await self._stored_bytes(upload) == upload.length
        except NoSuchObject:
            try:
                return (await self._objects.stat(upload.object_key)).size_bytes == upload.length
            except NoSuchObject:
                return False

    async def _stored_bytes(self, upload: Upload) -> int:
        """Raises NoSuchObject when the multipart has ended."""
        if upload.terms.kind is UploadKind.DIRECT:
            return sum((await self._direct().list_direct(upload.multipart_id)).values())
        return sum(part.size_bytes for part in counting_parts(await self._objects.list_parts(upload.multipart_id)))

    @contextlib.asynccontextmanager
    async def _one_at_a_time(self, upload_id: int) -> AsyncIterator[None]:
        lock, users = self._busy.get(upload_id, (asyncio.Lock(), 0))
        self._busy[upload_id] = lock, users + 1
        try:
            async with lock:
                yield
        finally:
            lock, users = self._busy.pop(upload_id)
            if users > 1:
                self._busy[upload_id] = lock, users - 1


def _refuse_incomplete(upload: Upload, parts: Sequence[Part]) -> None:
    stored = sum(part.size_bytes for part in parts)
    if upload.length is not None and stored != upload.length:
        raise UploadIncomplete(f"{stored} of {upload.length} bytes are stored.")


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
