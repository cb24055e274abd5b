"""Upstream over HTTP/1.1 with a bounded pool of connections and a deadline for every wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

import httpx

from edge.cache.headers import Headers
from edge.upstream.base import (
    UpstreamBroken,
    UpstreamError,
    UpstreamRequest,
    UpstreamResponse,
    UpstreamTimedOut,
    UpstreamUnreachable,
)
from edge.upstream.connections import Connections

_REPEATABLE = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Bounds on connections and waits."""

    max_connections: int = 64
    connect_s: float = 2.0
    """To open a connection."""
    pool_s: float = 5.0
    """To get a connection from the pool when all are busy."""
    head_s: float = 15.0
    """From sending a request to the head of its response, everything included."""
    answer_s: float = 15.0
    """From a request that is sent to the first byte of its response."""
    turn_s: float = 3.0
    """The same, where another origin can be asked instead."""
    idle_s: float = 4.0
    """To keep an idle connection: less than the 5 s after which common servers close it, so that none dies
    under a request.
    """
    read_s: float = 10.0
    """Between two blocks of a body."""


class HttpResponse:
    """See UpstreamResponse."""

    def __init__(self, response: httpx.Response, give_back: Callable[[], None]) -> None:
        self._response = response
        self._give_back: Callable[[], None] | None = give_back
        self.status = response.status_code
        self.headers: Headers = tuple((name.lower(), value) for name, value in response.headers.raw)

    async def blocks(self) -> AsyncIterator[bytes]:
        """See UpstreamResponse.blocks."""
        try:
            async for block in self._response.aiter_raw():
                if block:
                    yield block
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise _translated(error) from error

    async def aclose(self) -> None:
        """See UpstreamResponse.aclose."""
        try:
            await self._response.aclose()
        finally:
            if self._give_back is not None:
                self._give_back()
                self._give_back = None


class HttpUpstream:
    """An origin, shield or peer at a base URL."""

    def __init__(self, url: str, limits: HttpLimits) -> None:
        parts = urlsplit(url)
        self._base = f"{parts.scheme}://{parts.netloc}"
        self._authority = parts.netloc.rpartition("@")[2].encode()
        self._limits = limits
        self._connections = Connections(limits.max_connections, limits.pool_s, limits.idle_s)

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """See Upstream.send. A GET or HEAD that met a dying kept-alive connection is sent once more."""
        try:
            async with asyncio.timeout(self._limits.head_s):
                try:
                    return await self._exchange(request)
                except UpstreamBroken:
                    if request.method not in _REPEATABLE or request.body is not None:
                        raise
                    return await self._exchange(request)
        except TimeoutError as error:
            raise UpstreamTimedOut(f"no answer within {self._limits.head_s} s") from error

    async def close(self) -> None:
        """See Upstream.close."""
        await self._connections.close()

    async def _exchange(self, request: UpstreamRequest) -> HttpResponse:
        connection = await self._connections.take()
        try:
            response = await self._sent(connection, request)
        except BaseException:
            self._connections.give_back(connection)
            raise
        return HttpResponse(response, partial(self._connections.give_back, connection))

    async def _sent(self, connection: httpx.AsyncHTTPTransport, request: UpstreamRequest) -> httpx.Response:
        headers = [field for field in request.headers if field[0] != b"host"]
        headers.append((b"host", next((v for n, v in request.headers if n == b"host"), self._authority)))
        limits = self._limits
        timeouts = {"connect": limits.connect_s, "read": limits.answer_s, "write": limits.read_s}
        outgoing = httpx.Request(
            request.method,
            self._base + request.target,
            headers=headers,
            content=request.body,
            extensions={"timeout": timeouts},
        )
        try:
            response = await connection.handle_async_request(outgoing)
        except httpx.HTTPError as error:
            raise _translated(error) from error
        response.request = outgoing
        # Looked up anew for the body, which nobody else can go on with.
        timeouts["read"] = limits.read_s
        return response


def _translated(error: Exception) -> UpstreamError:
    if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError | httpx.PoolTimeout):
        return UpstreamUnreachable(str(error) or type(error).__name__)
    if isinstance(error, httpx.TimeoutException):
        return UpstreamTimedOut(str(error) or type(error).__name__)
    return UpstreamBroken(str(error) or type(error).__name__)
