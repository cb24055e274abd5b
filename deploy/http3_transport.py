"""HTTP/3 for httpx's blocking client: each request crosses to an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any, TypeVar

import httpx

from deploy.alt_svc import Alternative
from edge.http3.client import Exchange, ExchangeFailed, dial
from edge.http3.client.connection import ClientConnection

CONNECT_S = 2.0
"""A network that drops UDP is not waited for longer: TCP stands by."""
DEFAULT_S = 30.0
HTTP3 = "HTTP/3"
"""As httpx names the versions of HTTP."""
R = TypeVar("R")
_OF_CONNECTION = frozenset({b"host", b"connection", b"keep-alive", b"transfer-encoding", b"upgrade", b"te"})
"""HTTP/1.1's own (RFC 9114 section 4.2); `host` goes as `:authority`."""


class NoHttp3(httpx.ConnectError):
    """No connection could be had; nothing of the request was sent."""


class Http3Transport(httpx.BaseTransport):
    """All requests go to one server, over one connection that is made anew when it is lost. Any thread may ask.

    `server` is where the origin on `host` is reached; it must show the origin's certificate (RFC 7838 section 2.1).
    """

    def __init__(self, host: str, server: Alternative, certificate: Path | None) -> None:
        self._host = host
        self._server = server
        self._certificate = certificate
        self._loop = _Loop()
        self._connection: ClientConnection | None = None
        self._dialing = asyncio.Lock()
        self.made = 0
        """Connections that were tried."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Raises NoHttp3 before anything was sent, and httpx's other transport errors."""
        limits = request.extensions.get("timeout", {})
        write_s, read_s = limits.get("write") or DEFAULT_S, limits.get("read") or DEFAULT_S
        exchange = self._loop.run(self._begin(request))
        try:
            self._send(exchange, request.stream, write_s)
            status, fields = self._loop.run(exchange.answer(read_s))
        except BaseException:
            self._loop.soon(exchange.close)
            raise
        body = _Body(self._loop, exchange, read_s)
        return httpx.Response(status, headers=fields, stream=body, extensions={"http_version": HTTP3.encode()})

    def close(self) -> None:
        with contextlib.suppress(httpx.TransportError):
            self._loop.run(self._hang_up())
        self._loop.close()

    def _send(self, exchange: Exchange, body: Any, write_s: float) -> None:
        for block in body:
            if block and not self._loop.run(exchange.send(block, write_s)):
                return
        self._loop.soon(exchange.finish)

    async def _begin(self, request: httpx.Request) -> Exchange:
        url = request.url
        head = [
            (b":method", request.method.encode()),
            (b":scheme", url.raw_scheme),
            (b":authority", url.netloc),
            (b":path", url.raw_path),
        ]
        fields = [(name.lower(), value) for name, value in request.headers.raw]
        sent = {name for name, _ in fields}
        end = not sent & {b"content-length", b"transfer-encoding"} or (b"content-length", b"0") in fields
        connection = await self._connected()
        try:
            return connection.begin(head + [each for each in fields if each[0] not in _OF_CONNECTION], end=end)
        except ExchangeFailed as error:
            raise NoHttp3(str(error)) from error

    async def _connected(self) -> ClientConnection:
        async with self._dialing:
            if self._connection is None or not self._connection.usable:
                if self._connection is not None:
                    self._connection.close()
                self._connection = None
                try:
                    at, self.made = self._server, self.made + 1
                    self._connection = await dial(at.host, at.port, self._host, self._certificate, CONNECT_S)
                except ExchangeFailed as error:
                    raise NoHttp3(str(error)) from error
            return self._connection

    async def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()


class _Loop:
    """An event loop in a thread; any other thread may have it do something."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._closed = False
        self._thread = threading.Thread(target=self._loop.run_forever, name="http3", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, R]) -> R:
        """Its result, and httpx's words for what goes wrong."""
        if self._closed:
            work.close()
            raise httpx.ConnectError("the client is closed")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except CancelledError as error:
            raise httpx.ReadError("the client was closed") from error
        except ExchangeFailed as error:
            raise httpx.RemoteProtocolError(str(error)) from error
        except TimeoutError as error:
            raise httpx.ReadTimeout("the server does not answer over HTTP/3") from error
        except BaseException:
            future.cancel()
            raise

    def soon(self, what: Callable[[], None]) -> None:
        if not self._closed:
            self._loop.call_soon_threadsafe(what)

    def close(self) -> None:
        """Who still waits for something is told so."""
        self._closed = True
        asyncio.run_coroutine_threadsafe(_cancel_others(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


class _Body(httpx.SyncByteStream):
    def __init__(self, loop: _Loop, exchange: Exchange, read_s: float) -> None:
        self._loop, self._exchange, self._read_s = loop, exchange, read_s

    def __iter__(self) -> Iterator[bytes]:
        while block := self._loop.run(self._exchange.read(self._read_s)):
            yield block

    def close(self) -> None:
        self._loop.soon(self._exchange.close)
