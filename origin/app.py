"""The HTTP that edges pull published media from: `GET` and `HEAD /v/{video_id}/{name…}`.

A raw ASGI callable: three routes' worth of work, streamed, and callable in process by an edge without a
server between them.

Which object a path means is looked up, never computed from the path's text: a mutable name is a key of the
video's Publication, any other name must be made of plain segments that form an object key
(origin.objects.keys), so no path reaches outside `v/{video_id}/`.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

from origin import delivery
from origin.captions import Rewriting, rewriting
from origin.delivery import Plan, Representation
from origin.ids import MAX_ID
from origin.metadata.base import Metadata, MetadataError, NotFound
from origin.model import WATCHABLE, Video, VideoStatus, Visibility
from origin.objects.base import InvalidKey, NoSuchObject, ObjectInfo, Objects, ObjectStoreError
from origin.trace import request_id

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_SEGMENT = r"(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._-]+"
_PATH = re.compile(rf"/v/(?P<video>[1-9][0-9]{{0,18}})/(?P<name>{_SEGMENT}(?:/{_SEGMENT})*)")
_MAX_NAME = 256

logger = logging.getLogger(__name__)


class _NotHere(Exception):
    """There is nothing to see under that path, or not yet, or not any more: the same to whoever asks."""

    def __init__(self, tag: str | None = None, *, private: bool = False) -> None:
        super().__init__()
        self.tag = tag
        self.private = private
        """For others than the creator."""


class OriginApp:
    """Published media for edges. `clock` gives epoch milliseconds."""

    def __init__(self, metadata: Metadata, objects: Objects, clock: Callable[[], int]) -> None:
        self._metadata = metadata
        self._objects = objects
        self._clock = clock

    async def __call__(self, scope: Message, _receive: Receive, send: Send) -> None:
        """Serve one ASGI scope; other types than `http` are refused."""
        if scope["type"] != "http":
            raise ValueError(f"the origin does not speak {scope['type']}")
        fields = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        token = request_id.set(fields.get("x-request-id", ""))
        try:
            await self._serve(scope["method"], scope["path"], fields, send)
        finally:
            request_id.reset(token)

    async def _serve(self, method: str, path: str, fields: dict[str, str], send: Send) -> None:
        if method not in ("GET", "HEAD"):
            await self._problem(send, method, 405, "method_not_allowed", {"allow": "GET, HEAD"})
            return
        try:
            key, file, body = await self._look_up(path, fields)
        except _NotHere as missing:
            extra = {"cache-control": delivery.MISSING}
            if missing.tag is not None:
                extra["surrogate-key"] = missing.tag
            if missing.private:
                extra["vary"] = delivery.VIEWER
            await self._problem(send, method, 404, "not_found", extra)
        except (MetadataError, ObjectStoreError) as error:
            logger.warning("a store does not answer", extra={"path": path, "error": str(error)})
            await self._problem(send, method, 503, "unavailable", {"retry-after": "1", "cache-control": "no-store"})
        else:
            await self._send_plan(send, method, delivery.plan(file, fields), key, body)

    async def _look_up(self, path: str, fields: dict[str, str]) -> tuple[str, Representation, bytes | None]:
        """Object key, representation, and its bytes where they had to be made (captions, gzip)."""
        match = _PATH.fullmatch(path)
        if match is None or len(match["name"]) > _MAX_NAME or int(match["video"]) > MAX_ID:
            raise _NotHere
        video_id, name = int(match["video"]), match["name"]
        tag = f"video-{video_id}"
        video = await self._watchable(video_id, tag)
        private = video.visibility is Visibility.PRIVATE
        if private and fields.get(delivery.VIEWER) != delivery.CREATOR:
            raise _NotHere(tag, private=True)
        key, cache_control = _resolve(video, name, tag)
        change = rewriting(video, name, key)
        if change is not None:
            key = change.key
        try:
            info = await self._objects.stat(key)
        except (NoSuchObject, InvalidKey) as error:
            raise _NotHere(tag, private=private) from error
        compress = _compress(name, info, fields)
        try:
            body = await self._made(key, change, compress=compress) if change is not None or compress else None
        except NoSuchObject as error:
            raise _NotHere(tag, private=private) from error
        file = Representation(
            name=name,
            size_bytes=info.size_bytes if body is None else len(body),
            # Another coding is another representation, so it has another strong tag (RFC 9110 section
            # 8.8.3.3).
            etag=f'"{info.etag}{f"-{change.mark}" if change else ""}{"-gzip" if compress else ""}"',
            modified_s=info.modified_at_ms // 1000,
            cache_control=cache_control,
            tag=tag,
            gzip=compress,
            private=private,
        )
        return key, file, body

    async def _watchable(self, video_id: int, tag: str) -> Video:
        try:
            video = await self._metadata.video(video_id)
        except NotFound as error:
            raise _NotHere(tag) from error
        if video.status not in WATCHABLE or video.publication is None:
            raise _NotHere(tag)
        return video

    async def _made(self, key: str, change: Rewriting | None, *, compress: bool) -> bytes:
        """The bytes of a representation that is not the object itself."""
        body = b"".join([block async for block in self._objects.get(key)])
        if change is not None:
            body = change.apply(body.decode()).encode()
        # Without a time in it the same text always gives the same bytes, as its strong tag promises.
        return await asyncio.to_thread(gzip.compress, body, 6, mtime=0) if compress else body

    async def _send_plan(self, send: Send, method: str, plan: Plan, key: str, body: bytes | None) -> None:
        await self._head(send, plan.status, dict(plan.fields))
        if method == "GET" and plan.end > plan.start:
            async for block in self._blocks(key, plan, body):
                await send({"type": "http.response.body", "body": block, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _blocks(self, key: str, plan: Plan, body: bytes | None) -> AsyncIterator[bytes]:
        if body is not None:
            yield body[plan.start : plan.end]
            return
        async for block in self._objects.get(key, plan.start, plan.end):
            yield block

    async def _head(self, send: Send, status: int, fields: dict[str, str]) -> None:
        fields["date"] = delivery.http_date(self._clock() // 1000)
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields.items()]
        await send({"type": "http.response.start", "status": status, "headers": headers})

    async def _problem(self, send: Send, method: str, status: int, code: str, fields: dict[str, str]) -> None:
        """RFC 9457, without a word about why a video is not there."""
        titles = {
            "not_found": "There is nothing here",
            "method_not_allowed": "Only GET and HEAD are understood",
            "unavailable": "The origin cannot look it up now",
        }
        document = {"type": "about:blank", "title": titles[code], "status": status, "code": code}
        body = json.dumps(document).encode()
        fields = {"content-type": "application/problem+json", "content-length": str(len(body)), **fields}
        await self._head(send, status, fields)
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})


def _resolve(video: Video, name: str, tag: str) -> tuple[str, str]:
    """Object key and Cache-Control of a public name."""
    publication = video.publication
    if publication is not None and name in publication.files:
        return publication.files[name], delivery.lifetime(name, ready=video.status is VideoStatus.READY)
    # Only what is in a (content-addressed) folder is immutable; any other single name would have been
    # published.
    if "/" not in name:
        raise _NotHere(tag)
    return f"v/{video.video_id}/{name}", delivery.IMMUTABLE


def _compress(name: str, info: ObjectInfo, fields: dict[str, str]) -> bool:
    fits = 0 < info.size_bytes <= delivery.MAX_COMPRESSED_BYTES
    return fits and delivery.compressible(name) and delivery.wants_gzip(fields.get("accept-encoding", ""))
