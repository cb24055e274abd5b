"""How an upload begins: its record, its multipart, and the video that is to come of it."""

from __future__ import annotations

from collections.abc import Callable

from origin.metadata.base import Metadata, NotFound
from origin.model import Upload, UploadKind, UploadState, UploadTerms, Video, VideoStatus, Visibility
from origin.objects.abilities import DirectParts
from origin.objects.base import Objects
from origin.refusals import NoDirectUploads, NoSuchPartial
from origin.text import hashtags

NO_VIDEO = 0
"""Of a partial upload."""
MAX_LIVE = 1_000
"""Uploads of one user that are looked at; limits lie far below."""


class Beginning:
    """`mint` gives new ids (see `origin.leases`), `clock` epoch milliseconds."""

    def __init__(
        self, metadata: Metadata, objects: Objects, clock: Callable[[], int], mint: Callable[[], int], ttl_ms: int
    ) -> None:
        self._metadata = metadata
        self._objects = objects
        self._clock = clock
        self._mint = mint
        self._ttl_ms = ttl_ms

    async def begin(
        self, user_id: int, length: int | None, metadata: str, description: str, now_ms: int, terms: UploadTerms
    ) -> Upload:
        """A new upload, or the one that joins the same parts. Raises NoSuchPartial, NoDirectUploads."""
        if terms.kind is UploadKind.FINAL:
            known = await self._begun(user_id, terms)
            if known is not None:
                return known
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
        return upload

    async def _new(self, user_id: int, length: int | None, metadata: str, now_ms: int, terms: UploadTerms) -> Upload:
        partial = terms.kind is UploadKind.PARTIAL
        video_id, upload_id = NO_VIDEO if partial else self._mint(), self._mint()
        key = f"partial/{upload_id}" if partial else f"raw/{video_id}"
        if terms.kind is UploadKind.DIRECT:
            multipart_id = await direct_parts(self._objects).create_direct(key)
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


def direct_parts(objects: Objects) -> DirectParts:
    """The store as one that takes parts from clients. Raises NoDirectUploads."""
    if not isinstance(objects, DirectParts):
        raise NoDirectUploads("Only an S3 object store takes uploads from clients.")
    return objects
