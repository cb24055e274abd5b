"""One QUIC connection of a client, with HTTP/3 on it."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from aioquic.h3.connection import ErrorCode, H3Connection
from aioquic.h3.events import DataReceived, H3Event, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import (
    ConnectionTerminated,
    HandshakeCompleted,
    QuicEvent,
    StopSendingReceived,
    StreamReset,
)

from edge.http3.client.exchange import Exchange, ExchangeFailed, Fields
from edge.http3.congestion.control import pace_by_model

ROOM_BYTES = 1 << 20
"""Of a body that may be unsent or unacknowledged: more than a fast and far path holds."""
KEEP_ALIVE_S = 3.0
SOCKET_BYTES = 1 << 20


class ClientConnection(asyncio.DatagramProtocol):
    """Made by `dialing`. The socket is not connected to its peer: where this machine's address changes, as from Wi-Fi
    to mobile, packets leave by the new one and the server follows (RFC 9000 section 9)."""

    def __init__(self, configuration: QuicConfiguration, address: tuple[Any, ...]) -> None:
        self._quic = QuicConnection(configuration=configuration)
        pace_by_model(self._quic)
        self._address = address
        self._http: H3Connection | None = None
        self._exchanges: dict[int, Exchange] = {}
        self._transport: asyncio.DatagramTransport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._keeper: asyncio.TimerHandle | None = None
        self._flush_planned = False
        self._ended = ""
        self._loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = self._loop.create_future()
        """Of the handshake. Raises ExchangeFailed."""
        # Who gave up waiting for it does not ask how it ended.
        self.ready.add_done_callback(lambda ready: ready.cancelled() or ready.exception())

    @property
    def usable(self) -> bool:
        return self._http is not None and not self._ended

    def begin(self, fields: Fields, *, end: bool) -> Exchange:
        """Send a request's head; `end`: it has no body. Raises ExchangeFailed."""
        if self._http is None or self._ended:
            raise ExchangeFailed(self._ended or "the connection is not up")
        stream_id = self._quic.get_next_available_stream_id()
        exchange = Exchange(stream_id, self, ROOM_BYTES, whole=end)
        self._exchanges[stream_id] = exchange
        self._http.send_headers(stream_id, fields, end_stream=end)
        self._plan_flush()
        return exchange

    def close(self) -> None:
        self._end("the connection was closed")
        self._quic.close(error_code=ErrorCode.H3_NO_ERROR)
        self._flush()
        for timer in (self._timer, self._keeper):
            if timer is not None:
                timer.cancel()
        self._timer = self._keeper = None
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    # Wire

    def send(self, stream_id: int, data: bytes, *, end: bool) -> None:
        if self._http is not None and not self._ended:
            self._http.send_data(stream_id, data, end)
            self._plan_flush()

    def held(self, stream_id: int) -> int:
        stream = self._quic._streams.get(stream_id)  # noqa: SLF001 - aioquic offers no public figure
        return 0 if stream is None else len(stream.sender._buffer)  # noqa: SLF001

    def abandon(self, stream_id: int) -> None:
        self._exchanges.pop(stream_id, None)
        stream = self._quic._streams.get(stream_id)  # noqa: SLF001 - to ask before it is told
        if stream is None or self._ended:
            return
        # What the server stopped is reset already.
        if not stream.sender.is_finished and stream.sender._reset_error_code is None:  # noqa: SLF001
            self._quic.reset_stream(stream_id, ErrorCode.H3_REQUEST_CANCELLED)
        if not stream.receiver.is_finished:
            self._quic.stop_stream(stream_id, ErrorCode.H3_REQUEST_CANCELLED)
        self._plan_flush()

    # The loop's

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        self._quic.connect(self._address, self._loop.time())
        self._keeper = self._loop.call_later(KEEP_ALIVE_S, self._keep_alive)
        self._flush()

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        self._quic.receive_datagram(data, addr, self._loop.time())
        self._flush()

    def error_received(self, exc: Exception) -> None:
        """An ICMP error of an earlier packet; QUIC's own timers deal with it."""

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(str(exc or "the socket was closed"))

    # Within

    def _plan_flush(self) -> None:
        if not self._flush_planned:
            self._flush_planned = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_planned = False
        while (event := self._quic.next_event()) is not None:
            self._take(event)
        if self._transport is None:
            return
        for data, address in self._quic.datagrams_to_send(self._loop.time()):
            self._transport.sendto(data, address)
        if self._timer is not None:
            self._timer.cancel()
        at = self._quic.get_timer()
        self._timer = None if at is None else self._loop.call_at(at, self._due)
        for exchange in self._exchanges.values():
            exchange.moved()

    def _due(self) -> None:
        self._quic.handle_timer(self._loop.time())
        self._flush()

    def _keep_alive(self) -> None:
        """A server that thinks long about an answer must not look like one that is gone."""
        if self.usable and self._exchanges:
            self._quic.send_ping(0)
            self._flush()
        self._keeper = self._loop.call_later(KEEP_ALIVE_S, self._keep_alive)

    def _take(self, event: QuicEvent) -> None:
        match event:
            case HandshakeCompleted():
                self._http = H3Connection(self._quic)
                if not self.ready.done():
                    self.ready.set_result(None)
            case ConnectionTerminated():
                self._end(event.reason_phrase or f"the connection ended (error {event.error_code:#x})")
            case StreamReset(stream_id=stream_id):
                self._drop(stream_id, f"the server broke the answer off (error {event.error_code:#x})")
            case StopSendingReceived(stream_id=stream_id):
                if exchange := self._exchanges.get(stream_id):
                    exchange.refused()
            case _:
                pass
        if self._http is not None:
            for told in self._http.handle_event(event):
                self._tell(told)

    def _tell(self, event: H3Event) -> None:
        match event:
            case HeadersReceived(stream_id=stream_id):
                if exchange := self._exchanges.get(stream_id):
                    _headed(exchange, event.headers)
                    exchange.received(b"", ended=event.stream_ended)
            case DataReceived(stream_id=stream_id):
                if exchange := self._exchanges.get(stream_id):
                    exchange.received(event.data, ended=event.stream_ended)
            case _:
                return
        if event.stream_ended:
            self._exchanges.pop(stream_id, None)

    def _drop(self, stream_id: int, why: str) -> None:
        if exchange := self._exchanges.pop(stream_id, None):
            exchange.failed(why)

    def _end(self, why: str) -> None:
        self._ended = self._ended or why
        if not self.ready.done():
            self.ready.set_exception(ExchangeFailed(why))
        for stream_id in list(self._exchanges):
            self._drop(stream_id, why)


def _headed(exchange: Exchange, headers: Fields) -> None:
    status = dict(headers).get(b":status", b"")
    if status.isdigit():
        exchange.headed(int(status), [field for field in headers if not field[0].startswith(b":")])
