"""Parts of any size in S3, by the rules of `s3_parts`. Shell.

Nothing is kept in memory between calls: each reads what the store holds first, so any process can go on with what
another began. That is two listings for each part, little beside a part's megabytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any

from origin.objects.base import NoSuchObject, ObjectInfo, ObjectStoreError, Part, StoreUnavailable
from origin.objects.s3_client import BODY_THREADS, PAGE, S3Client
from origin.objects.s3_objects import bare, delete_below, info_of, listing
from origin.objects.s3_parts import (
    TAIL_S3_NUMBER,
    Held,
    Piece,
    Sent,
    Slot,
    Upload,
    held,
    piece_of,
    upload_of,
)
from origin.objects.s3_spool import Spool, md5_of
from origin.offloop import to_the_end

FETCHED_AT_ONCE = 16
TOKEN_FIELD = "reelway-multipart"  # noqa: S105
"""Metadata of an object: the token of the multipart that made it."""
logger = logging.getLogger(__name__)


class Multiparts:
    """The multipart half of `Objects`."""

    def __init__(self, client: S3Client) -> None:
        self._client = client
        self._absorbing = asyncio.Semaphore(BODY_THREADS)
        """Each may hold pieces of up to 5 MiB in memory."""

    async def create(self, key: str, *, direct: bool = False) -> Upload:
        token = uuid.uuid4().hex
        answer = await self._client.call("create_multipart_upload", Key=key, Metadata={TOKEN_FIELD: token})
        return Upload(key, token, answer["UploadId"], direct)

    async def put_part(self, identifier: str, number: int, body: AsyncIterator[bytes]) -> Part:
        upload = upload_of(identifier)
        slot = (await self._client.run(self._held, upload)).slot(number)
        async with Spool(self._client, slot.before_bytes) as spool:
            try:
                async for chunk in body:
                    await spool.write(chunk)
            except BaseException:
                if spool.size_bytes and not spool.failed:
                    await to_the_end(self._keep(upload, slot, spool))
                raise
            etag = await to_the_end(self._keep(upload, slot, spool))
        return Part(number, spool.size_bytes, etag)

    async def _keep(self, upload: Upload, slot: Slot, spool: Spool) -> str:
        """Make a body durable as a part of S3 or as a piece; returns its etag."""
        if not slot.is_sent(spool.size_bytes):
            return await self._client.send(self._put_piece, upload, slot, spool)
        async with self._absorbing:
            before = await self._fetch(upload, slot.before)
            return await self._client.send(self._send_part, upload, slot, before, spool)

    def _put_piece(self, upload: Upload, slot: Slot, spool: Spool) -> str:
        body, checksum = spool.alone()
        place = upload.folder + slot.piece
        answer = self._client.do("put_object", Key=place, Body=body, ChecksumCRC32=checksum)
        try:
            self._client.do("list_parts", Key=upload.key, UploadId=upload.upload_id, MaxParts=1)
        except NoSuchObject:
            # An abort deletes pieces after the multipart, so either it saw this one or we see it.
            self._client.do("delete_object", Key=place)
            raise
        return bare(answer["ETag"])

    def _send_part(self, upload: Upload, slot: Slot, before: bytes, spool: Spool) -> str:
        answer = self._upload(upload, slot.s3_number, *spool.part_behind(before))
        if slot.outdated is not None:
            self._client.do("delete_object", Key=upload.folder + slot.outdated)
        return bare(answer["ETag"])

    def _upload(self, upload: Upload, s3_number: int, body: object, md5: str) -> dict[str, Any]:
        return self._client.do(
            "upload_part",
            Key=upload.key,
            UploadId=upload.upload_id,
            PartNumber=s3_number,
            Body=body,
            ContentMD5=md5,
        )

    async def _fetch(self, upload: Upload, pieces: Sequence[Piece]) -> bytes:
        """The joined bytes of pieces, which are less than one part of S3."""
        blocks: list[bytes] = []
        for begin in range(0, len(pieces), FETCHED_AT_ONCE):
            some = pieces[begin : begin + FETCHED_AT_ONCE]
            blocks += await asyncio.gather(*(self._client.run(self._read, upload.folder + p.name) for p in some))
        if [len(block) for block in blocks] != [piece.size_bytes for piece in pieces]:
            raise StoreUnavailable(f"a part of {upload.key} was replaced while it was joined with a later one")
        return b"".join(blocks)

    def _read(self, key: str) -> bytes:
        answer = self._client.do("get_object", Key=key)
        with self._client.errors(f"reading {key}"), contextlib.closing(answer["Body"]) as body:
            data: bytes = body.read()
            return data

    async def list_parts(self, identifier: str) -> Sequence[Part]:
        return (await self._client.run(self._held, upload_of(identifier))).parts()

    def _held(self, upload: Upload) -> Held:
        sent = self.sent(upload)
        entries = listing(self._client, upload.folder)
        begin = len(upload.folder)
        pieces = [piece_of(e["Key"][begin:], e["Size"], bare(e["ETag"])) for e in entries]
        return held(sent, [piece for piece in pieces if piece is not None])

    def sent(self, upload: Upload) -> list[Sent]:
        """All parts that S3 has. Blocks; raises NoSuchObject when the multipart has ended."""
        sent: list[Sent] = []
        marker = 0
        while True:
            page = self._client.do(
                "list_parts", Key=upload.key, UploadId=upload.upload_id, PartNumberMarker=marker, MaxParts=PAGE
            )
            sent += [Sent(part["PartNumber"], part["Size"], bare(part["ETag"])) for part in page.get("Parts", ())]
            if not page.get("IsTruncated"):
                return sent
            marker = page["NextPartNumberMarker"]

    async def complete(self, identifier: str, parts: Sequence[Part]) -> ObjectInfo:
        upload = upload_of(identifier)
        size_bytes = sum(part.size_bytes for part in parts)
        try:
            state = await self._client.run(self._held, upload)
        except NoSuchObject:
            return await self.completed(upload, size_bytes)
        state.refuse_other(parts, upload.key)
        async with self._absorbing:
            tail = await self._fetch(upload, state.tail)
            with contextlib.suppress(NoSuchObject):
                # Gone only when another call has completed or aborted it meanwhile: the object tells.
                await self._client.send(self._join, upload, state, tail)
        await self._forget_pieces(upload)
        return await self.completed(upload, size_bytes)

    def _join(self, upload: Upload, state: Held, tail: bytes) -> None:
        sent = [*state.sent]
        if state.tail or not sent:
            answer = self._upload(upload, TAIL_S3_NUMBER, tail, md5_of(tail))
            sent.append(Sent(TAIL_S3_NUMBER, len(tail), bare(answer["ETag"])))
        self.join(upload, sent)

    def join(self, upload: Upload, sent: Sequence[Sent]) -> None:
        """Complete with parts as S3 has them. Blocks."""
        named = [{"PartNumber": part.s3_number, "ETag": f'"{part.etag}"'} for part in sent]
        self._client.do(
            "complete_multipart_upload",
            Key=upload.key,
            UploadId=upload.upload_id,
            MultipartUpload={"Parts": named},
        )

    async def completed(self, upload: Upload, size_bytes: int) -> ObjectInfo:
        """The object that this multipart became. Raises NoSuchObject when another, or none, is there."""
        answer = await self._client.call("head_object", Key=upload.key)
        if answer.get("Metadata", {}).get(TOKEN_FIELD) != upload.token:
            raise NoSuchObject(f"no multipart of {upload.key}, and the object there is not of this one")
        if answer["ContentLength"] != size_bytes:
            raise NoSuchObject(f"no multipart of {upload.key}, and the object there has another size")
        return info_of(upload.key, answer)

    async def abort(self, identifier: str) -> None:
        upload = upload_of(identifier, direct=None)
        with contextlib.suppress(NoSuchObject):
            await self._client.call("abort_multipart_upload", Key=upload.key, UploadId=upload.upload_id)
        # After the multipart, so that a piece put meanwhile is seen here or sees that the multipart is gone.
        await self._client.run(delete_below, self._client, upload.folder)

    async def _forget_pieces(self, upload: Upload) -> None:
        try:
            await self._client.run(delete_below, self._client, upload.folder)
        except ObjectStoreError as error:
            logger.warning("pieces of a completed multipart are left for the sweep: %s", error)
