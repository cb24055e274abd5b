"""How an upload ends: joined, stored and announced to packaging, or taken back.

Each step can be repeated, and one call at a time works on an upload, so after a crash at any point the same call goes
on from there.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

from origin import direct
from origin.beginning import direct_parts
from origin.eventlog.base import EventLog
from origin.events import Topic, UploadEvent, encode
from origin.metadata.base import Metadata, NotFound
from origin.model import Upload, UploadKind, UploadState, VideoStatus
from origin.objects.base import NoSuchObject, Objects, Part
from origin.parts import counting_parts
from origin.refusals import Refusal, UploadIncomplete
from origin.verifying import verify


class Finishing:
    """`clock` gives epoch milliseconds."""

    def __init__(self, metadata: Metadata, objects: Objects, eventlog: EventLog, clock: Callable[[], int]) -> None:
        self._metadata = metadata
        self._objects = objects
        self._eventlog = eventlog
        self._clock = clock
        self._busy: dict[int, tuple[asyncio.Lock, int]] = {}
        """Per upload that is being finished or cancelled its lock, and how many hold or want it."""

    async def settle(self, upload_id: int, request_id: str, digest: str = "") -> None:
        """Join the parts, mark the upload stored, announce it; what was done before is not done again.

        Raises NotFound, UploadIncomplete, other Refusals of what was joined, NoSuchObject, and EventLogError when the
        upload is stored but not announced.
        """
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
            await direct_parts(self._objects).complete_direct(upload.multipart_id, sizes)
        except NoSuchObject as error:
            raise UploadIncomplete(f"{error}.") from error

    async def _announce(self, upload: Upload, request_id: str) -> None:
        """Raises NotFound for an upload that was ended meanwhile, as by a sweeper of another origin, or whose video was
        deleted."""
        status = (await self._metadata.video(upload.video_id)).status
        if status is VideoStatus.UPLOADING:
            event = UploadEvent(
                video_id=upload.video_id,
                user_id=upload.user_id,
                raw_s3_path=upload.object_key,
                timestamp=self._clock(),
                request_id=request_id,
                size_bytes=upload.length or 0,
            )
            await self._eventlog.append(Topic.UPLOADS, str(upload.video_id), encode(event))
            if not await self._metadata.transition(upload.video_id, {VideoStatus.UPLOADING}, VideoStatus.QUEUED):
                status = (await self._metadata.video(upload.video_id)).status
        if status is VideoStatus.DELETED:
            await self._end(upload)
            raise NotFound(f"the video of upload {upload.upload_id} is deleted")
        await self._metadata.advance_upload(upload.upload_id, UploadState.ANNOUNCED)

    async def cancel(self, upload_id: int) -> None:
        """Take an upload back that has not been finished."""
        async with self._one_at_a_time(upload_id):
            with contextlib.suppress(NotFound):
                await self._end(await self._metadata.upload(upload_id))

    async def _end(self, upload: Upload) -> None:
        await self._objects.abort(upload.multipart_id)
        if upload.terms.kind is UploadKind.PARTIAL or await self._is_withdrawn(upload.video_id):
            # It may be joined already: another process did it, or this one before a crash or for a log that is away.
            await self._objects.delete(upload.object_key)
        await self._metadata.delete_upload(upload.upload_id)

    async def _is_withdrawn(self, video_id: int) -> bool:
        """Take a video back that was not announced: is it one that nobody will watch?"""
        await self._metadata.transition(video_id, {VideoStatus.UPLOADING}, VideoStatus.DELETED)
        try:
            return (await self._metadata.video(video_id)).status is VideoStatus.DELETED
        except NotFound:
            return True

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
            return sum((await direct_parts(self._objects).list_direct(upload.multipart_id)).values())
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
