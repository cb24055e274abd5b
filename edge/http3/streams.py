"""The request streams of one connection: opens exchanges, feeds them, and ends them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from aioquic.h3.connection import ErrorCode
from aioquic.h3.events import DataReceived, H3Event, HeadersReceived

from edge.http3.body import BodyState
from edge.http3.context import FrontContext
from edge.http3.exchange import ClientDisconnected, Exchange, http_scope
from edge.http3.fields import Fields, Malformed, RequestHead, Unacceptable, read_request
from edge.http3.framing import EdgeH3Connection, RequestBroken, SectionTooLarge
from edge.http3.senders import Senders
from edge.http3.transport import EdgeQuicConnection

logger = logging.getLogger(__name__)


class StreamPort:
    """The sending half of a request stream, as its exchange sees it."""

    __slots__ = ("_owner", "_stream_id")

    def __init__(self, owner: RequestStreams, stream_id: int) -> None:
        self._owner = owner
        self._stream_id = stream_id

    def send_fields(self, fields: Fields, *, end: bool) -> None:
        self._owner.write_fields(self._stream_id, fields, end=end)

    def send_bytes(self, data: bytes, *, end: bool) -> None:
        self._owner.write_bytes(self._stream_id, data, end=end)

    async def wait_room(self) -> None:
        await self._owner.senders.wait_room(self._stream_id)

    def body_was_read(self) -> None:
        self._owner.body_was_read(self._stream_id)

    def response_sent(self) -> None:
        self._owner.response_sent(self._stream_id)

    def default_fields(self) -> Fields:
        return self._owner.context.default_fields()


class RequestStreams:
    """Everything that happens on request streams; the connection calls it with events and asks for nothing back
    but `held` and the sets it must look at."""

    def __init__(
        self,
        context: FrontContext,
        quic: EdgeQuicConnection,
        h3: EdgeH3Connection,
        wake: Callable[[], None],
        flooded: Callable[[], None],
    ) -> None:
        self.context = context
        self._quic = quic
        self._h3 = h3
        self._wake = wake
        """Asks for a turn of the connection: there is something to send or to account for."""
        self._count_reset = flooded
        """Called for every request the client breaks off: the connection keeps the budget."""
        self.senders = Senders(context.settings, quic)
        self._exchanges: dict[int, Exchange] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._refused: set[int] = set()
        self._unwanted: set[int] = set()
        """Refused streams whose client was not told yet."""
        self._seen: set[int] = set()
        """Streams whose request head was read: a second head is trailers, even after the response."""
        self.next_request_id = 0
        """One past the highest request stream seen: what GOAWAY announces."""
        self.touched: set[int] = set()
        """Streams whose body the application read since the connection last cleared this."""

    # What the connection asks

    @property
    def running(self) -> int:
        """Application calls that have not ended."""
        return len(self._tasks)

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        return list(self._tasks.values())

    def is_refused(self, stream_id: int) -> bool:
        """Whether the stream's data is to be thrown away unread."""
        return stream_id in self._refused

    def is_open(self, stream_id: int) -> bool:
        return stream_id in self._exchanges

    def held(self, stream_id: int) -> int:
        """Body bytes that the application has not read."""
        exchange = self._exchanges.get(stream_id)
        return 0 if exchange is None else exchange.body.unread

    def body_waits(self) -> list[tuple[int, float]]:
        """(stream, since when) of the applications that wait for body bytes."""
        return [
            (stream_id, exchange.waiting_for_body_since_s)
            for stream_id, exchange in self._exchanges.items()
            if exchange.waiting_for_body_since_s is not None
        ]

    def forget_gone(self) -> None:
        """Drop the marks of streams that QUIC has forgotten."""
        self._refused = {stream_id for stream_id in self._refused if self._quic.knows(stream_id)}
        self._unwanted &= self._refused
        self._seen = {stream_id for stream_id in self._seen if self._quic.knows(stream_id)}

    def client_moved(self, address: tuple[str, int]) -> None:
        """The connection migrated: running requests see the new address."""
        for exchange in self._exchanges.values():
            exchange.scope["client"] = address

    # Events

    def handle(self, event: H3Event, client: tuple[str, int]) -> None:
        """Take an HTTP/3 event of a request stream."""
        match event:
            case HeadersReceived():
                self._headers(event, client)
            case DataReceived():
                self._data(event.stream_id, event.data, ended=event.stream_ended)
            case RequestBroken():
                self._malformed(event.stream_id, event.reason)
            case SectionTooLarge():
                self._answer(event.stream_id, Unacceptable(431, "header section too large"))
            case _:
                pass

    def _headers(self, event: HeadersReceived, client: tuple[str, int]) -> None:
        stream_id = event.stream_id
        if stream_id in self._seen:
            if exchange := self._exchanges.get(stream_id):
                exchange.body.trailers = list(event.headers)
            self._data(stream_id, b"", ended=event.stream_ended)
            return
        self._seen.add(stream_id)
        settings = self.context.settings
        if self.context.draining or self.running >= settings.max_concurrent_streams:
            self.context.stats.refused_requests += 1
            self.reset(stream_id, ErrorCode.H3_REQUEST_REJECTED)
            return
        self.next_request_id = max(self.next_request_id, stream_id + 4)
        verdict = read_request(
            event.headers, max_bytes=settings.max_field_section_bytes, max_count=settings.max_field_count
        )
        match verdict:
            case RequestHead():
                self._open(stream_id, verdict, client)
                if event.stream_ended:
                    self._data(stream_id, b"", ended=True)
            case Malformed(reason):
                self._malformed(stream_id, reason)
            case Unacceptable():
                self._answer(stream_id, verdict)

    def _open(self, stream_id: int, head: RequestHead, client: tuple[str, int]) -> None:
        context = self.context
        exchange = Exchange(
            context.app,
            http_scope(head, client, context.server_address),
            head,
            StreamPort(self, stream_id),
            context.settings.send_chunk_bytes,
        )
        self._exchanges[stream_id] = exchange
        task = asyncio.get_running_loop().create_task(exchange.run())
        self._tasks[stream_id] = task
        context.stats.requests += 1
        context.stats.running_requests += 1
        task.add_done_callback(lambda _: self._finished(stream_id, exchange))

    def _data(self, stream_id: int, data: bytes, *, ended: bool) -> None:
        exchange = self._exchanges.get(stream_id)
        if exchange is None or exchange.body.state is not BodyState.OPEN:
            return
        if not exchange.body.feed(data) or (ended and not exchange.body.end()):
            self._malformed(stream_id, "the body denies its content-length")
            return
        exchange.body_changed()

    def client_reset(self, stream_id: int) -> None:
        """The client reset its side (RESET_STREAM) before the request was complete, or stopped ours."""
        if self.is_refused(stream_id):
            return
        self._count_reset()
        self.context.stats.resets_received += 1
        self._drop(stream_id)
        self._quic.break_sending(stream_id, ErrorCode.H3_REQUEST_CANCELLED)
        self._quic.stop_receiving(stream_id, ErrorCode.H3_REQUEST_CANCELLED)
        self._h3.forget_sending(stream_id)
        self._throw_away(stream_id)

    def disconnect_all(self) -> None:
        """The connection is over: every application hears of it."""
        for stream_id in list(self._exchanges):
            self._drop(stream_id)
        self.senders.wake_all()

    # Ends of a stream

    def reset(self, stream_id: int, error_code: int) -> None:
        """Break off both sides of a stream."""
        self.context.stats.resets_sent += 1
        self._quic.stop_receiving(stream_id, error_code)
        self._quic.break_sending(stream_id, error_code)
        self._h3.forget_sending(stream_id)
        self._drop(stream_id)
        self._throw_away(stream_id)
        self._wake()

    def _malformed(self, stream_id: int, reason: str) -> None:
        logger.info("malformed request", extra={"stream_id": stream_id, "reason": reason})
        self.context.stats.malformed += 1
        self._count_reset()
        self.reset(stream_id, ErrorCode.H3_MESSAGE_ERROR)

    def _answer(self, stream_id: int, verdict: Unacceptable) -> None:
        self.context.stats.refused_requests += 1
        fields = [(b":status", b"%d" % verdict.status), (b"content-length", b"0")]
        try:
            self.write_fields(stream_id, fields + self.context.default_fields(), end=True)
        except ClientDisconnected:
            return
        self._stop_reading(stream_id, under_way=True)

    def _stop_reading(self, stream_id: int, *, under_way: bool) -> None:
        """The response is whole: the rest of the request is not wanted (RFC 9114 4.1).

        STOP_SENDING goes out at once when an upload is under way, else with the first bytes that come: many
        clients end a request a moment after its head, and some take STOP_SENDING for a failure.
        """
        if self._quic.receive_finished(stream_id):
            return
        self._throw_away(stream_id)
        if under_way:
            self._quic.stop_receiving(stream_id, ErrorCode.H3_NO_ERROR)
        else:
            self._unwanted.add(stream_id)

    def late_data(self, stream_id: int) -> None:
        """More of a request came after its response."""
        if stream_id in self._unwanted:
            self._unwanted.discard(stream_id)
            self._quic.stop_receiving(stream_id, ErrorCode.H3_NO_ERROR)

    def _throw_away(self, stream_id: int) -> None:
        self._h3.abandon(stream_id)
        if self._quic.knows(stream_id):
            self._refused.add(stream_id)
        self.touched.add(stream_id)

    def _drop(self, stream_id: int) -> None:
        """Tell a stream's application that its client is gone, and cancel it after the grace."""
        exchange = self._exchanges.pop(stream_id, None)
        if exchange is None:
            return
        exchange.disconnect()
        self.senders.wake_one(stream_id)
        task = self._tasks.get(stream_id)
        if task is not None:
            grace_s = self.context.settings.disconnect_grace_s
            timer = asyncio.get_running_loop().call_later(grace_s, task.cancel)
            task.add_done_callback(lambda _: timer.cancel())

    def _finished(self, stream_id: int, exchange: Exchange) -> None:
        stats = self.context.stats
        stats.running_requests -= 1
        self._tasks.pop(stream_id, None)
        if exchange.failed:
            stats.app_errors += 1
        if self._exchanges.get(stream_id) is exchange:
            self.reset(stream_id, ErrorCode.H3_INTERNAL_ERROR)

    def response_sent(self, stream_id: int) -> None:
        """The application finished its response; its call may go on, but the stream is done."""
        exchange = self._exchanges.pop(stream_id, None)
        if exchange is None:
            return
        self.context.stats.responses += 1
        exchange.body.break_off()
        self._stop_reading(stream_id, under_way=exchange.body.received > 0)
        self.touched.add(stream_id)
        self._wake()

    # Writing, for StreamPort

    def write_fields(self, stream_id: int, fields: Fields, *, end: bool) -> None:
        self.senders.require_open(stream_id)
        self._h3.send_headers(stream_id, fields, end_stream=end)
        self._wake()

    def write_bytes(self, stream_id: int, data: bytes, *, end: bool) -> None:
        self.senders.require_open(stream_id)
        self._h3.send_data(stream_id, data, end_stream=end)
        self._wake()

    def body_was_read(self, stream_id: int) -> None:
        self.touched.add(stream_id)
        self._wake()
