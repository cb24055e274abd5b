"""aioquic's QUIC connection, with flow-control credit that follows the application and bounded bookkeeping.

aioquic 1.7 doubles MAX_DATA and MAX_STREAM_DATA as bytes *arrive* (`_write_connection_limits`,
`_write_stream_limits`). Both are replaced here: a limit moves only when `grant_*` raises it. These are private
names, so tests/edge/http3/test_transport.py pins the version and the behaviour.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from aioquic._buffer import Buffer
from aioquic.h3.connection import H3_ALPN, ErrorCode
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import (
    END_STATES,
    Limit,
    QuicConnection,
    QuicConnectionError,
    QuicReceiveContext,
    stream_is_client_initiated,
    stream_is_unidirectional,
)
from aioquic.quic.packet import QuicErrorCode, QuicFrameType, pull_quic_transport_parameters
from aioquic.quic.packet_builder import QuicPacketBuilder
from aioquic.quic.recovery import QuicPacketSpace
from aioquic.quic.stream import QuicStream
from aioquic.tls import CipherSuite, Direction, Epoch

if TYPE_CHECKING:
    from aioquic.tls import SessionTicketFetcher, SessionTicketHandler

    from edge.http3.settings import Http3Settings

LIMIT_FRAME_BYTES = 9
STREAM_LIMIT_FRAME_BYTES = 17
MAX_REASSEMBLY_RANGES = 512
"""Gaps a peer may leave in one stream: each costs time on every later frame (aioquic keeps a sorted list)."""


def quic_configuration(settings: Http3Settings) -> QuicConfiguration:
    """The server configuration of every connection. Raises OSError or ValueError for unusable key files."""
    configuration = QuicConfiguration(
        is_client=False,
        alpn_protocols=H3_ALPN,
        congestion_control_algorithm=settings.congestion_control,
        idle_timeout=settings.idle_timeout_s,
        max_data=settings.connection_window_bytes,
        max_stream_data=settings.stream_window_bytes,
        max_datagram_size=settings.max_datagram_bytes,
        verify_mode=ssl.CERT_NONE,
    )
    configuration.load_cert_chain(settings.certificate_path, settings.private_key_path)
    return configuration


class EdgeQuicConnection(QuicConnection):
    """A server's connection. Everything the front needs from aioquic's insides is a method here."""

    def __init__(
        self,
        settings: Http3Settings,
        configuration: QuicConfiguration,
        *,
        original_destination_cid: bytes,
        retry_source_cid: bytes | None,
        ticket_fetcher: SessionTicketFetcher,
        ticket_handler: SessionTicketHandler,
    ) -> None:
        super().__init__(
            configuration=configuration,
            original_destination_connection_id=original_destination_cid,
            retry_source_connection_id=retry_source_cid,
            session_ticket_fetcher=ticket_fetcher,
            session_ticket_handler=ticket_handler,
        )
        self._local_max_stream_data_uni = settings.uni_stream_window_bytes
        for limit, value in (
            (self._local_max_streams_bidi, settings.max_concurrent_streams),
            (self._local_max_streams_uni, settings.max_uni_streams),
        ):
            limit.value = limit.sent = value
        self.touched: set[int] = set()
        """Streams whose receiving side changed since the owner last cleared this."""
        self.control_frames = 0
        """PING, PATH_CHALLENGE and connection-ID frames received, ever."""

    # What the front asks

    @property
    def closing(self) -> bool:
        """Whether the connection is being closed, by either side."""
        return self._close_pending or self._state in END_STATES

    @property
    def received_total(self) -> int:
        """Sum over all streams, past ones too, of the highest offset received."""
        return self._local_max_data.used

    @property
    def granted_total(self) -> int:
        """The connection's announced limit, in the same measure."""
        return self._local_max_data.value

    def receiving(self, stream_id: int) -> tuple[int, int, int] | None:
        """(highest offset, bytes in reassembly, granted limit), or None once the stream is gone."""
        stream = self._streams.get(stream_id)
        if stream is None:
            return None
        receiver = stream.receiver
        gap = 0 if receiver.is_finished else receiver.highest_offset - receiver.starting_offset()
        return receiver.highest_offset, gap, stream.max_stream_data_local

    def receive_finished(self, stream_id: int) -> bool:
        """Whether the client ended or reset its side."""
        stream = self._streams.get(stream_id)
        return stream is None or stream.receiver.is_finished

    def can_send(self, stream_id: int) -> bool:
        """Whether bytes may still be written: neither ended, reset nor stopped by the client."""
        stream = self._streams.get(stream_id)
        if stream is None or self.closing:
            return False
        sender = stream.sender
        return sender._reset_error_code is None and sender._buffer_fin is None  # noqa: SLF001 - no public name

    def send_held(self, stream_id: int) -> int:
        """Bytes of one stream that are unsent or unacknowledged."""
        stream = self._streams.get(stream_id)
        return 0 if stream is None else _held(stream)

    def send_held_total(self) -> int:
        """The same over all streams."""
        return sum(_held(stream) for stream in self._streams.values())

    def open_requests(self) -> list[int]:
        """Client-opened request streams whose receiving side is not finished."""
        return [
            stream_id
            for stream_id, stream in self._streams.items()
            if stream_id % 4 == 0 and not stream.receiver.is_finished
        ]

    def unfinished_sends(self) -> list[tuple[int, int]]:
        """(request stream, bytes acknowledged) where something is unsent or unacknowledged."""
        return [
            (stream_id, stream.sender._buffer_start)  # noqa: SLF001 - no public name
            for stream_id, stream in self._streams.items()
            if stream_id % 4 == 0 and _held(stream)
        ]

    def knows(self, stream_id: int) -> bool:
        """Whether any state of the stream is left."""
        return stream_id in self._streams

    # What the front decides

    def grant_stream(self, stream_id: int, limit: int) -> None:
        """Let the client send up to `limit` bytes on a stream."""
        stream = self._streams[stream_id]
        stream.max_stream_data_local = max(stream.max_stream_data_local, limit)

    def grant_connection(self, limit: int) -> None:
        """Let the client send up to `limit` bytes over all streams."""
        self._local_max_data.value = max(self._local_max_data.value, limit)

    def stop_receiving(self, stream_id: int, error_code: int) -> None:
        """Ask the client to send no more on a stream (STOP_SENDING); nothing if it already finished."""
        if not self.receive_finished(stream_id):
            self.stop_stream(stream_id, error_code)

    def break_sending(self, stream_id: int, error_code: int) -> None:
        """Reset our side and free its buffer; nothing if the stream is gone."""
        stream = self._streams.get(stream_id)
        if stream is not None:
            stream.sender.reset(error_code)
            # A reset never sends these bytes, but aioquic keeps them until the client acknowledges it.
            stream.sender._buffer.clear()  # noqa: SLF001 - no public name

    # Replaced parts of aioquic

    def _initialize(self, peer_cid: bytes) -> None:
        super()._initialize(peer_cid)
        # No 0-RTT: its data can be replayed by anyone (RFC 8470), and signed one-time URLs and uploads pass
        # through this front. Tickets then shorten the handshake's work, not its round trips.
        self.tls._max_early_data = None  # noqa: SLF001 - aioquic offers no setting for it

    def _update_traffic_key(self, direction: Direction, epoch: Epoch, cipher_suite: CipherSuite, secret: bytes) -> None:
        # A client may send early data although its ticket does not allow it: without the key it stays unread.
        if epoch is not Epoch.ZERO_RTT:
            super()._update_traffic_key(direction, epoch, cipher_suite, secret)

    def _parse_transport_parameters(self, data: bytes, from_session_ticket: bool = False) -> None:
        super()._parse_transport_parameters(data, from_session_ticket)
        # aioquic ignores the client's max_udp_payload_size (RFC 9000 18.2).
        largest = pull_quic_transport_parameters(Buffer(data=data)).max_udp_payload_size
        if largest is not None:
            self._max_datagram_size = min(self._max_datagram_size, largest)

    def _write_connection_limits(
        self,
        builder: QuicPacketBuilder,
        space: QuicPacketSpace,  # noqa: ARG002 - aioquic's signature
    ) -> None:
        data = self._local_max_data
        if data.value != data.sent:
            self._write_limit(builder, data)
        for streams in (self._local_max_streams_bidi, self._local_max_streams_uni):
            # Announced once it grants at least as many streams as the client still has left.
            if streams.value != streams.sent and streams.value - streams.sent > streams.sent - streams.used:
                self._write_limit(builder, streams)

    def _write_limit(self, builder: QuicPacketBuilder, limit: Limit) -> None:
        frame = builder.start_frame(
            limit.frame_type,
            capacity=LIMIT_FRAME_BYTES,
            handler=self._on_connection_limit_delivery,
            handler_args=(limit,),
        )
        frame.push_uint_var(limit.value)
        limit.sent = limit.value

    def _write_stream_limits(
        self,
        builder: QuicPacketBuilder,
        space: QuicPacketSpace,  # noqa: ARG002 - aioquic's signature
        stream: QuicStream,
    ) -> None:
        if stream.max_stream_data_local_sent == stream.max_stream_data_local or stream.receiver.is_finished:
            return
        frame = builder.start_frame(
            QuicFrameType.MAX_STREAM_DATA,
            capacity=STREAM_LIMIT_FRAME_BYTES,
            handler=self._on_max_stream_data_delivery,
            handler_args=(stream,),
        )
        frame.push_uint_var(stream.stream_id or 0)
        frame.push_uint_var(stream.max_stream_data_local)
        stream.max_stream_data_local_sent = stream.max_stream_data_local

    def _handle_stream_frame(self, context: QuicReceiveContext, frame_type: int, buf: Buffer) -> None:
        start = buf.tell()
        stream_id = buf.pull_uint_var()
        buf.seek(start)
        self.touched.add(stream_id)
        super()._handle_stream_frame(context, frame_type, buf)
        stream = self._streams.get(stream_id)
        # An unread private name again: aioquic bounds the bytes of a reassembly buffer, not its pieces.
        if stream is not None and len(stream.receiver._ranges) > MAX_REASSEMBLY_RANGES:  # noqa: SLF001
            raise QuicConnectionError(
                error_code=ErrorCode.H3_EXCESSIVE_LOAD,
                frame_type=frame_type,
                reason_phrase="Too many gaps in a stream",
            )

    def _handle_ack_frame(self, context: QuicReceiveContext, frame_type: int, buf: Buffer) -> None:
        start = buf.tell()
        largest = buf.pull_uint_var()
        buf.seek(start)
        if largest >= self._packet_number:
            # RFC 9000 13.1; aioquic would take an optimistic acknowledgement silently.
            raise QuicConnectionError(
                error_code=QuicErrorCode.PROTOCOL_VIOLATION,
                frame_type=frame_type,
                reason_phrase="Acknowledged a packet that was not sent",
            )
        super()._handle_ack_frame(context, frame_type, buf)

    def _handle_ping_frame(self, context: QuicReceiveContext, frame_type: int, buf: Buffer) -> None:
        self.control_frames += 1
        super()._handle_ping_frame(context, frame_type, buf)

    def _handle_path_challenge_frame(self, context: QuicReceiveContext, frame_type: int, buf: Buffer) -> None:
        self.control_frames += 1
        super()._handle_path_challenge_frame(context, frame_type, buf)

    def _handle_new_connection_id_frame(self, context: QuicReceiveContext, frame_type: int, buf: Buffer) -> None:
        self.control_frames += 1
        super()._handle_new_connection_id_frame(context, frame_type, buf)

    def _handle_retire_connection_id_frame(self, context: QuicReceiveContext, frame_type: int, buf: Buffer) -> None:
        self.control_frames += 1
        super()._handle_retire_connection_id_frame(context, frame_type, buf)


def _held(stream: QuicStream) -> int:
    return len(stream.sender._buffer)  # noqa: SLF001 - the memory itself; aioquic offers no public figure


def is_request_stream(stream_id: int) -> bool:
    """Client-initiated and bidirectional (RFC 9114 6.1)."""
    return stream_is_client_initiated(stream_id) and not stream_is_unidirectional(stream_id)
