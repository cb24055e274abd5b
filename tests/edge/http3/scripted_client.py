"""An aioquic client driven by hand: any bytes on any stream, and a record of all that comes back."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from typing import Any

from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import (
    ConnectionTerminated,
    HandshakeCompleted,
    ProtocolNegotiated,
    QuicEvent,
    StopSendingReceived,
    StreamDataReceived,
    StreamReset,
)

Headers = list[tuple[bytes, bytes]]


@dataclass
class Answer:
    """What came back on one stream."""

    heads: list[Headers] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    ended: bool = False
    reset: int | None = None
    stopped: int | None = None

    @property
    def status(self) -> int:
        """Of the first final head; 0 while there is none."""
        return next((code for code in self.statuses if code >= 200), 0)

    @property
    def statuses(self) -> list[int]:
        heads = [dict(head) for head in self.heads]
        return [int(head[b":status"]) for head in heads if b":status" in head]

    @property
    def headers(self) -> dict[bytes, bytes]:
        return next((dict(h) for h in self.heads if int(dict(h).get(b":status", b"0")) >= 200), {})

    @property
    def over(self) -> bool:
        return self.ended or self.reset is not None


class DeafQuicConnection(QuicConnection):
    """Does not obey STOP_SENDING: goes on sending as if it never came."""

    def _handle_stop_sending_frame(self, context: Any, frame_type: int, buf: Any) -> None:
        buf.pull_uint_var()
        buf.pull_uint_var()


class ScriptedClient(asyncio.DatagramProtocol):
    """Over a real loopback socket. `h3` is None for a client that writes its own frames."""

    def __init__(self, quic: QuicConnection, *, raw: bool = False) -> None:
        self.quic = quic
        self.raw = raw
        self.h3: H3Connection | None = None
        self.answers: dict[int, Answer] = {}
        self.terminated: ConnectionTerminated | None = None
        self.connected = False
        self.resumed = False
        self.reading = True
        self._transport: asyncio.DatagramTransport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._changed = asyncio.Event()
        self.events: list[QuicEvent] = []
        self.noise = False

    # transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if self.reading:
            self.quic.receive_datagram(data, addr, asyncio.get_running_loop().time())
            self.flush()

    async def rebind(self) -> None:
        """Go on from another port, as after a NAT rebinding."""
        assert self._transport is not None
        peer = self._transport.get_extra_info("peername")
        self._transport.close()
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, remote_addr=peer)

    def flush(self) -> None:
        loop = asyncio.get_running_loop()
        while (event := self.quic.next_event()) is not None:
            self._take(event)
        # aioquic tells of the end only after the draining period.
        self.terminated = self.terminated or self.quic._close_event
        assert self._transport is not None
        for data, _ in self.quic.datagrams_to_send(loop.time()):
            self._transport.sendto(data)
        if self._timer is not None:
            self._timer.cancel()
        at = self.quic.get_timer()
        self._timer = None if at is None else loop.call_at(at, self._on_timer)
        self._changed.set()

    def _on_timer(self) -> None:
        self.quic.handle_timer(asyncio.get_running_loop().time())
        self.flush()

    def answer(self, stream_id: int) -> Answer:
        return self.answers.setdefault(stream_id, Answer())

    def _take(self, event: QuicEvent) -> None:
        self.events.append(event)
        match event:
            case ProtocolNegotiated():
                if not self.raw:
                    self.h3 = H3Connection(self.quic)
            case HandshakeCompleted():
                self.connected = True
                self.resumed = event.session_resumed
            case ConnectionTerminated():
                self.terminated = event
            case StreamReset():
                self.answer(event.stream_id).reset = event.error_code
            case StopSendingReceived():
                self.answer(event.stream_id).stopped = event.error_code
            case StreamDataReceived() if self.raw:
                answer = self.answer(event.stream_id)
                answer.body += event.data
                answer.ended |= event.end_stream
            case _:
                pass
        if self.h3 is not None:
            for http in self.h3.handle_event(event):
                self._take_http(http)

    def _take_http(self, event: Any) -> None:
        match event:
            case HeadersReceived():
                answer = self.answer(event.stream_id)
                answer.heads.append(event.headers)
                answer.ended |= event.stream_ended
            case DataReceived():
                answer = self.answer(event.stream_id)
                answer.body += event.data
                answer.ended |= event.stream_ended
            case _:
                pass

    # script

    async def until(self, condition: Any, within_s: float = 30.0) -> None:
        async with asyncio.timeout(within_s):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def begin(
        self, method: str, path: str, headers: Headers | None = None, *, end: bool, authority: bytes = b"localhost"
    ) -> int:
        """Open a request; returns its stream."""
        assert self.h3 is not None
        stream_id = self.quic.get_next_available_stream_id()
        head = [
            (b":method", method.encode()),
            (b":scheme", b"https"),
            (b":authority", authority),
            (b":path", path.encode()),
        ]
        self.h3.send_headers(stream_id, head + (headers or []), end_stream=end)
        self.flush()
        return stream_id

    def send(self, stream_id: int, data: bytes, *, end: bool = False) -> None:
        assert self.h3 is not None
        self.h3.send_data(stream_id, data, end)
        self.flush()

    def write(self, stream_id: int, data: bytes, *, end: bool = False) -> None:
        """Raw bytes on a stream."""
        self.quic.send_stream_data(stream_id, data, end)
        self.flush()

    async def finish(self, stream_id: int, within_s: float = 30.0) -> Answer:
        answer = self.answer(stream_id)
        await self.until(lambda: answer.over or self.terminated is not None, within_s)
        return answer

    async def request(
        self, method: str, path: str, headers: Headers | None = None, body: bytes | None = None
    ) -> Answer:
        stream_id = self.begin(method, path, headers, end=body is None)
        if body is not None:
            self.send(stream_id, body, end=True)
        return await self.finish(stream_id)

    async def close(self) -> None:
        self.quic.close()
        self.flush()
        if self._timer is not None:
            self._timer.cancel()
        assert self._transport is not None
        self._transport.close()
        await asyncio.sleep(0)


async def connect_client(
    port: int,
    *,
    raw: bool = False,
    wait: bool = True,
    configure: Any = None,
    tickets: list[Any] | None = None,
    quic_type: type[QuicConnection] = QuicConnection,
) -> ScriptedClient:
    """Connect to 127.0.0.1:`port`. `configure` may change the QuicConfiguration first."""
    configuration = QuicConfiguration(
        alpn_protocols=H3_ALPN, verify_mode=ssl.CERT_NONE, server_name="localhost", idle_timeout=20.0
    )
    if configure is not None:
        configure(configuration)
    handler = None if tickets is None else tickets.append
    quic = quic_type(configuration=configuration, session_ticket_handler=handler)
    client = ScriptedClient(quic, raw=raw)
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: client, remote_addr=("127.0.0.1", port))
    quic.connect(("127.0.0.1", port), loop.time())
    client.flush()
    if wait:
        await client.until(lambda: client.connected or client.terminated is not None)
    return client
