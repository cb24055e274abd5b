"""Upstream in this process: an ASGI application called directly, for `reelway up` and for tests.

Its body streams with backpressure.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from urllib.parse import unquote_to_bytes

from edge.asgi import AsgiApp, Message, Scope
from edge.cache.headers import Headers
from edge.upstream.base import UpstreamBroken, UpstreamRequest, UpstreamTimedOut

HEAD_S = 15.0
READ_S = 10.0
_QUEUED_BLOCKS = 2

logger = logging.getLogger(__name__)


class InProcessResponse:
    """One call of the application; see UpstreamResponse."""

    def __init__(self, app: AsgiApp, request: UpstreamRequest) -> None:
        self.status = 0
        self.headers: Headers = ()
        self._blocks: asyncio.Queue[bytes | None] = asyncio.Queue(_QUEUED_BLOCKS)
        self._head = asyncio.Event()
        self._request_body = request.body
        self._disconnected = asyncio.Event()
        self._failure: BaseException | None = None
        self._ended = False
        self._asked = False
        self._task = asyncio.create_task(self._run(app, _scope(request)))

    async def head(self) -> None:
        """Wait for the head. Raises UpstreamTimedOut, UpstreamBroken."""
        try:
            async with asyncio.timeout(HEAD_S):
                await self._head.wait()
        except TimeoutError as error:
            await self.aclose()
            raise UpstreamTimedOut(f"no answer within {HEAD_S} s") from error
        except asyncio.CancelledError:
            await self.aclose()
            raise
        if self.status == 0:
            await self.aclose()
            raise UpstreamBroken("the application ended without an answer") from self._failure

    async def blocks(self) -> AsyncIterator[bytes]:
        """See UpstreamResponse.blocks."""
        while True:
            try:
                async with asyncio.timeout(READ_S):
                    block = await self._blocks.get()
            except TimeoutError as error:
                raise UpstreamTimedOut(f"no block within {READ_S} s") from error
            if block is None:
                if not self._ended:
                    raise UpstreamBroken("the application broke off its answer") from self._failure
                return
            yield block

    async def aclose(self) -> None:
        """See UpstreamResponse.aclose."""
        self._disconnected.set()
        if not self._task.done():
            self._task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.wait([self._task])

    async def _run(self, app: AsgiApp, scope: Scope) -> None:
        try:
            await app(scope, self._receive, self._send)
        except asyncio.CancelledError:
            raise
        # What an application raises is its own: a server would log it and break the connection.
        except Exception as error:
            self._failure = error
            logger.exception("the in-process upstream failed", extra={"path": scope["path"]})
        finally:
            self._head.set()
            if not self._disconnected.is_set():
                await self._blocks.put(None)

    async def _receive(self) -> Message:
        if self._request_body is not None:
            async for block in self._request_body:
                return {"type": "http.request", "body": block, "more_body": True}
            self._request_body = None
            return {"type": "http.request", "body": b"", "more_body": False}
        if not self._head.is_set() and not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._disconnected.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = tuple((bytes(name).lower(), bytes(value)) for name, value in message["headers"])
        elif message["type"] == "http.response.body":
            self._head.set()
            body = bytes(message.get("body", b""))
            if body:
                await self._blocks.put(body)
            self._ended = not message.get("more_body", False)


class InProcessUpstream:
    """Sends requests to an ASGI application of this process."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app

    async def send(self, request: UpstreamRequest) -> InProcessResponse:
        """See Upstream.send."""
        response = InProcessResponse(self._app, request)
        await response.head()
        return response

    async def close(self) -> None:
        """Nothing is kept between requests."""


def _scope(request: UpstreamRequest) -> Scope:
    raw_path, _, query = request.target.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": unquote_to_bytes(raw_path).decode("utf-8", "replace"),
        "raw_path": raw_path.encode("ascii"),
        "query_string": query.encode("ascii"),
        "root_path": "",
        "headers": list(request.headers),
        "client": None,
        "server": None,
        "extensions": {},
    }
