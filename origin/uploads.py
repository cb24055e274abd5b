"""Use cases of uploads: their records, and the hand-over to packaging."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence, Set

from origin.eventlog.base import EventLog, EventLogError
from origin.events import Topic, UploadEvent, encode
from origin.metadata.base import Metadata, NotFound
from origin.model import Upload, UploadState, Video, VideoStatus, Visibility
from origin.objects.base import NoSuchObject, Objects, Part
from origin.parts import counting_parts
from origin.refusals import UploadIncomplete
from origin.text import hashtags
from origin.views import UploadTicket

logger = logging.getLogger(__name__)
UPLOAD_TTL_MS = 24 * 3600 * 1000
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
        self, user_id: int, length: int | None, metadata: str, description: str, now_ms: int
    ) -> UploadTicket:
        """A video in status `uploading`, an upload and its multipart in the object store."""
        video_id, upload_id = self._mint(), self._mint()
        key = f"raw/{video_id}"
        multipart_id = await self._objects.create_multipart(key)
        upload = Upload(
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
        )
        # The upload first: an upload without a video expires, a video without an upload would stay for ever.
        await self._metadata.create_upload(upload)
        await self._metadata.create_video(
            Video(
                video_id=video_id,
                creator_id=user_id,
                description=description,
                status=VideoStatus.UPLOADING,
                visibility=Visibility.PUBLIC,
                created_at_ms=now_ms,
                raw_key=key,
                tags=hashtags(description),
            )
        )
        return _ticket(upload)

    async def find(self, upload_id: int) -> UploadTicket:
        """Raises NotFound."""
        return _ticket(await self._metadata.upload(upload_id))

    async def fix_length(self, upload_id: int, length: int) -> bool:
        """Fix a deferred length once; False when another one is fixed."""
        return await self._metadata.set_upload_length(upload_id, length)

    async def finish(self, upload_id: int, request_id: str) -> None:
        """Join the parts and mark the upload stored; append the UploadEvent and queue the video.

        A log that is away does not fail it: `origin.reconciling` is told and announces the upload. Called again after
        a crash at any point it does what is missing. Raises NotFound and UploadIncomplete.
        """
        try:
            await self.settle(upload_id, request_id)
        except EventLogError as error:
            logger.warning("an upload is announced later", extra={"upload_id": upload_id, "error": str(error)})
            self.unannounced.set()

    async def settle(self, upload_id: int, request_id: str) -> None:
        """Like `finish`, but raises EventLogError, too: when the upload is stored but not announced."""
        async with self._one_at_a_time(upload_id):
            upload = await self._metadata.upload(upload_id)
            if upload.state is UploadState.RECEIVING:
                await self._store(upload)
            if upload.state is not UploadState.ANNOUNCED:
                await self._announce(upload, request_id)

    async def _store(self, upload: Upload) -> None:
        try:
            parts = counting_parts(await self._objects.list_parts(upload.multipart_id))
        except NoSuchObject:
            # Joined before a crash; or else this raises NoSuchObject again.
            await self._objects.stat(upload.object_key)
        else:
            _refuse_incomplete(upload, parts)
            await self._objects.complete(upload.multipart_id, parts)
        await self._metadata.advance_upload(upload.upload_id, UploadState.STORED)

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
        """Abort the multipart, delete the upload and its never-finished video; nothing happens to a finished one's."""
        async with self._one_at_a_time(upload_id):
            with contextlib.suppress(NotFound):
                upload = await self._metadata.upload(upload_id)
                await self._objects.abort(upload.multipart_id)
                await self._metadata.transition(upload.video_id, {VideoStatus.UPLOADING}, VideoStatus.DELETED)
                await self._metadata.delete_upload(upload_id)

    async def live_by(self, user_id: int) -> Set[int]:
        """Uploads of a user still receiving and not expired."""
        uploads = await self._metadata.uploads_of(user_id, UploadState.RECEIVING, MAX_LIVE)
        now_ms = self._clock()
        return {upload.upload_id for upload in uploads if upload.expires_at_ms > now_ms}

    async def is_complete(self, upload: Upload) -> bool:
        """Every announced byte of a receiving upload is stored."""
        try:
            parts = counting_parts(await self._objects.list_parts(upload.multipart_id))
        except NoSuchObject:
            try:
                return (await self._objects.stat(upload.object_key)).size_bytes == upload.length
            except NoSuchObject:
                return False
        return upload.length is not None and sum(part.size_bytes for part in parts) == upload.length

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
    )
