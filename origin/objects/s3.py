"""Objects in a bucket of S3, or of a server that speaks its API.

An object's key is its key in the bucket. Everything of our own is below `!parts/` (see `s3_parts`), which no key can
be. Etags are S3's own. Every body carries a checksum that the server verifies: CRC-32, which it keeps and which is
verified again when the object is read whole, or MD5 for the parts of a multipart.
"""

from __future__ import annotations

import email.utils
from collections.abc import AsyncIterator, Mapping, Sequence

from origin.objects import crc32
from origin.objects.abilities import PresignedPart, Swept
from origin.objects.base import NoSuchObject, ObjectInfo, Part
from origin.objects.keys import check_folder, check_key, check_prefix
from origin.objects.s3_client import PAGE, S3Client
from origin.objects.s3_direct import Direct
from origin.objects.s3_errors import NotAsExpected
from origin.objects.s3_multipart import Multiparts
from origin.objects.s3_objects import bare, delete_below, info_of, info_of_entry, page
from origin.objects.s3_parts import AFTER_PRIVATE
from origin.objects.s3_reading import Readers
from origin.objects.s3_spool import Spool
from origin.objects.s3_sweep import sweep
from origin.objects.s3_url import S3Place


class S3Objects:
    """`Objects`, and the abilities `WriteOnce`, `DirectParts` and `Sweeps`. Opening touches no network."""

    def __init__(self, place: S3Place) -> None:
        self._client = S3Client(place)
        self._multiparts = Multiparts(self._client)
        self._direct = Direct(self._client, self._multiparts)
        self._readers = Readers(self._client)
        self._seen = False
        """The bucket was there once."""

    async def put(self, key: str, body: AsyncIterator[bytes] | bytes) -> ObjectInfo:
        check_key(key)
        if isinstance(body, bytes):
            return await self._client.send(self._put, key, body, None, len(body))
        async with Spool(self._client) as spool:
            async for chunk in body:
                await spool.write(chunk)
            return await self._client.send(self._put_spooled, key, spool)

    def _put_spooled(self, key: str, spool: Spool) -> ObjectInfo:
        file, checksum = spool.behind(b"")
        return self._put(key, file, checksum, spool.size_bytes)

    def _put(self, key: str, body: object, checksum: str | None, size_bytes: int, **conditions: str) -> ObjectInfo:
        if isinstance(body, bytes):
            checksum = crc32.encode(crc32.of(body))
        answer = self._client.do("put_object", Key=key, Body=body, ChecksumCRC32=checksum, **conditions)
        # The answer has no time of its own for the object; that of the answer is at most a moment later.
        date = email.utils.parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
        return ObjectInfo(key, size_bytes, bare(answer["ETag"]), int(date.timestamp()) * 1000)

    async def put_new(self, key: str, body: bytes) -> bool:
        check_key(key)
        try:
            await self._client.send(self._put, key, body, None, len(body), IfNoneMatch="*")
        except NotAsExpected:
            return False
        return True

    async def stat(self, key: str) -> ObjectInfo:
        try:
            answer = await self._client.call("head_object", Key=check_key(key))
        except NoSuchObject:
            # The answer to a HEAD has no body to say that it is the bucket that is missing.
            if not self._seen:
                await self.check()
            raise
        return info_of(key, answer)

    def get(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        return self._readers.blocks(key, start, end)

    async def delete(self, key: str) -> None:
        await self._client.call("delete_object", Key=check_key(key))

    async def delete_prefix(self, prefix: str) -> int:
        return await self._client.run(delete_below, self._client, check_folder(prefix))

    async def list(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        check_prefix(prefix)
        after = "" if prefix else AFTER_PRIVATE
        while entries := await self._client.run(page, self._client, prefix, after):
            for entry in entries:
                yield info_of_entry(entry)
            if len(entries) < PAGE:
                return
            after = entries[-1]["Key"]

    async def create_multipart(self, key: str) -> str:
        return (await self._multiparts.create(check_key(key))).identifier

    async def put_part(self, multipart_id: str, number: int, body: AsyncIterator[bytes]) -> Part:
        return await self._multiparts.put_part(multipart_id, number, body)

    async def list_parts(self, multipart_id: str) -> Sequence[Part]:
        return await self._multiparts.list_parts(multipart_id)

    async def complete(self, multipart_id: str, parts: Sequence[Part]) -> ObjectInfo:
        return await self._multiparts.complete(multipart_id, parts)

    async def abort(self, multipart_id: str) -> None:
        await self._multiparts.abort(multipart_id)

    async def create_direct(self, key: str) -> str:
        return await self._direct.create(check_key(key))

    async def presign_part(self, multipart_id: str, number: int, size_bytes: int, expires_in_s: int) -> PresignedPart:
        return await self._direct.presign(multipart_id, number, size_bytes, expires_in_s)

    async def list_direct(self, multipart_id: str) -> Mapping[int, int]:
        return await self._direct.sizes(multipart_id)

    async def complete_direct(self, multipart_id: str, sizes_bytes: Sequence[int]) -> ObjectInfo:
        return await self._direct.complete(multipart_id, sizes_bytes)

    async def sweep(self, before_ms: int, limit: int) -> Swept:
        return await self._client.send(sweep, self._client, before_ms, limit)

    async def local_path(self, key: str) -> str | None:
        await self.stat(key)
        return None

    async def check(self) -> None:
        # A listing: unlike a HEAD its refusal says why.
        await self._client.call("list_objects_v2", MaxKeys=1)
        self._seen = True

    async def close(self) -> None:
        await self._client.close()
