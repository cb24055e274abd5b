"""Parts that clients send straight to S3: `abilities.DirectParts`. Shell."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence

from origin.objects.abilities import PresignedPart
from origin.objects.base import NoSuchObject, ObjectInfo
from origin.objects.s3_client import S3Client
from origin.objects.s3_multipart import Multiparts
from origin.objects.s3_parts import LEAST_SENT_BYTES, MOST_S3_NUMBER, Upload, upload_of

MOST_PART_BYTES = 5 << 30
MOST_EXPIRES_S = 7 * 24 * 3600
"""S3's own limits."""


class Direct:
    def __init__(self, client: S3Client, multiparts: Multiparts) -> None:
        self._client = client
        self._multiparts = multiparts

    async def create(self, key: str) -> str:
        return (await self._multiparts.create(key, direct=True)).identifier

    async def presign(self, identifier: str, number: int, size_bytes: int, expires_in_s: int) -> PresignedPart:
        upload = upload_of(identifier, direct=True)
        _refuse_impossible(number, size_bytes, expires_in_s)
        url = await self._client.run(
            self._client.presign,
            "upload_part",
            expires_in_s,
            Key=upload.key,
            UploadId=upload.upload_id,
            PartNumber=number,
            ContentLength=size_bytes,
        )
        return PresignedPart(url, "PUT", {"content-length": str(size_bytes)}, expires_in_s)

    async def sizes(self, identifier: str) -> Mapping[int, int]:
        upload = upload_of(identifier, direct=True)
        return {part.s3_number: part.size_bytes for part in await self._client.send(self._multiparts.sent, upload)}

    async def complete(self, identifier: str, sizes_bytes: Sequence[int]) -> ObjectInfo:
        upload = upload_of(identifier, direct=True)
        _refuse_small(sizes_bytes)
        with contextlib.suppress(_Ended):
            await self._client.send(self._verify_and_join, upload, sizes_bytes)
        return await self._multiparts.completed(upload, sum(sizes_bytes))

    def _verify_and_join(self, upload: Upload, sizes_bytes: Sequence[int]) -> None:
        try:
            sent = self._multiparts.sent(upload)
        except NoSuchObject as error:
            raise _Ended from error
        stored = {part.s3_number: part for part in sent}
        for number, size_bytes in enumerate(sizes_bytes, 1):
            if number not in stored or stored[number].size_bytes != size_bytes:
                raise NoSuchObject(f"part {number} of {upload.key} is not there with {size_bytes} bytes")
        if len(stored) != len(sizes_bytes):
            raise NoSuchObject(f"{upload.key} has {len(stored)} parts, not {len(sizes_bytes)}")
        try:
            self._multiparts.join(upload, sent)
        except NoSuchObject as error:
            raise _Ended from error


class _Ended(Exception):
    """The multipart is completed or aborted: the object tells which."""


def _refuse_impossible(number: int, size_bytes: int, expires_in_s: int) -> None:
    if not 1 <= number <= MOST_S3_NUMBER:
        raise ValueError(f"parts are numbered 1 to {MOST_S3_NUMBER}, not {number}")
    if not 1 <= size_bytes <= MOST_PART_BYTES:
        raise ValueError(f"a part has 1 to {MOST_PART_BYTES} bytes, not {size_bytes}")
    if not 1 <= expires_in_s <= MOST_EXPIRES_S:
        raise ValueError(f"a presigned part expires after 1 to {MOST_EXPIRES_S} s, not {expires_in_s}")


def _refuse_small(sizes_bytes: Sequence[int]) -> None:
    for number, size_bytes in enumerate(sizes_bytes[:-1], 1):
        if size_bytes < LEAST_SENT_BYTES:
            raise ValueError(f"part {number} has {size_bytes} bytes: all but the last have {LEAST_SENT_BYTES} or more")
    if not 1 <= len(sizes_bytes) <= MOST_S3_NUMBER:
        raise ValueError(f"a direct multipart has 1 to {MOST_S3_NUMBER} parts, not {len(sizes_bytes)}")
