"""HTTP/1.1 and HTTP/2 on one TCP socket: Hypercorn's protocol, our accepting and draining.

Hypercorn's own runner waits its whole grace for clients that merely keep a connection open, and ends in an error
when that runs out (0.18). Here an idle connection is closed at once when a drain begins, and one that is busy beyond
the grace is cut.

Nor does Hypercorn look whether a stream of HTTP/2 is still there before it hands it a part of a body: a request that
was answered early (a refused upload) and went on sending ended its connection, with every other request on it.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import suppress
from copy import copy
from typing import Any

from h2.settings import SettingCodes
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config
from hypercorn.events import Event, Updated
from hypercorn.protocol.events import Body
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.h2 import H2Protocol
from hypercorn.utils import wrap_app

from deploy.tcp_requests import extended, keep_trailers
from edge.asgi import AsgiApp

logger = logging.getLogger(__name__)
MOST_CONNECTIONS = 10_000
TLS_SHUTDOWN_S = 1.0
"""For a client's answer to our close_notify; one that never reads would hold the connection for 30 s otherwise."""
LAST_WORDS_S = 0.5
HTTP1_QUEUE = 2
"""Pieces of a request's body, 64 KiB each, that wait for the app. (Over HTTP/2 flow control bounds them; a full queue
would hold up the other requests of the connection.)"""
HTTP2_WINDOW_BYTES = 256 << 10
"""Of a connection, and of each of its streams: what a client may send ahead of what is read. HTTP/2's own 64 KiB hold
an upload at 1 MB/s over a way of 60 ms."""
HTTP2_QUEUE = 32
"""Frames of a window, 16 KiB each, and as many again for a client that cuts them smaller."""
_NO_ERROR = 0
"""RFC 9113 section 7."""


class _Answered:
    """Stands for a stream whose answer is complete: a client that is still sending is asked to stop (RFC 9113 section
    8.1)."""

    def __init__(self, http2: H2Protocol, stream_id: int) -> None:
        self._connection, self._stream_id = http2.connection, stream_id

    async def handle(self, event: StreamEvent) -> None:
        stream = self._connection.streams.get(self._stream_id)
        if isinstance(event, Body) and stream is not None and not stream.closed:
            self._connection.reset_stream(self._stream_id, _NO_ERROR)


class _Streams(dict[int, Any]):
    """The streams of an HTTP/2 connection that wait for an answer; looked up, any other one is an _Answered."""

    def __init__(self, http2: H2Protocol) -> None:
        super().__init__()
        self._http2 = http2

    def __missing__(self, stream_id: int) -> _Answered:
        return _Answered(self._http2, stream_id)


class _Connection(TCPServer):
    async def _read_data(self) -> None:
        protocol = self.protocol.protocol
        protocol.config = copy(protocol.config)
        if isinstance(protocol, H2Protocol):
            protocol.streams = _Streams(protocol)
            protocol.config.max_app_queue_size = HTTP2_QUEUE
            await _widen(protocol)
        else:
            protocol.config.max_app_queue_size = HTTP1_QUEUE
        keep_trailers(protocol)
        await super()._read_data()

    async def protocol_send(self, event: Event) -> None:
        # Hypercorn would start an idle timer in a task group that has ended.
        if not (isinstance(event, Updated) and self.writer.is_closing()):
            await super().protocol_send(event)


async def _widen(protocol: H2Protocol) -> None:
    connection = protocol.connection
    connection.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: HTTP2_WINDOW_BYTES})
    connection.increment_flow_control_window(HTTP2_WINDOW_BYTES - connection.inbound_flow_control_window)
    await protocol._flush()  # noqa: SLF001 - Hypercorn's way to have what the connection holds sent


class TcpServer:
    """Serves an ASGI app on a listening socket. One use: `start`, then `drain`."""

    def __init__(self, app: AsgiApp, config: Config) -> None:
        self._config = config
        self._app = wrap_app(extended(app), config.wsgi_max_body_size, "asgi")
        self._context = WorkerContext(None)
        self._connections: dict[asyncio.Task[object], asyncio.StreamWriter] = {}
        self._server: asyncio.Server | None = None
        self.refused = 0
        """Connections closed at once because there were MOST_CONNECTIONS."""

    async def start(self, listening: socket.socket) -> None:
        """Accept connections; the socket is the server's from here on. TLS if the config names a certificate."""
        context = await asyncio.to_thread(self._config.create_ssl_context)
        self._server = await asyncio.start_server(
            self._connected,
            sock=listening,
            ssl=context,
            backlog=self._config.backlog,
            ssl_handshake_timeout=self._config.ssl_handshake_timeout if context else None,
            ssl_shutdown_timeout=TLS_SHUTDOWN_S if context else None,
        )

    async def drain(self, grace_s: float) -> None:
        """Accept no more, close idle connections, let requests end for `grace_s`, then cut the rest."""
        if self._server is None:
            return
        self._server.close()
        await self._context.terminated.set()
        if self._connections:
            await asyncio.wait(set(self._connections), timeout=grace_s)
        for task, writer in list(self._connections.items()):
            writer.transport.abort()
            task.cancel()
        if self._connections:
            await asyncio.wait(set(self._connections), timeout=LAST_WORDS_S)
        await self._server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._connections) >= MOST_CONNECTIONS:
            self.refused += 1
            writer.transport.abort()
            return
        self._connections[task] = writer
        try:
            # The stream protocol logs a cancelled callback as a failure, so a cut connection returns instead.
            with suppress(asyncio.CancelledError):
                loop = asyncio.get_running_loop()
                await _Connection(self._app, loop, self._config, self._context, {}, reader, writer)
        except OSError as error:
            logger.debug("a connection ended badly", extra={"error": str(error)})
        except Exception:
            logger.exception("a connection failed")
        finally:
            del self._connections[task]
