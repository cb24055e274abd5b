"""aioquic's HTTP/3 connection, with malformed requests as stream errors and bounded header sections."""

from __future__ import annotations

from dataclasses import dataclass

import pylsqpack
from aioquic.buffer import encode_uint_var
from aioquic.h3.connection import (
    ErrorCode,
    FrameType,
    FrameUnexpected,
    H3Connection,
    H3Stream,
    IdError,
    MessageError,
    ProtocolError,
    Setting,
    encode_frame,
)
from aioquic.h3.events import H3Event, Headers
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import StreamDataReceived

from edge.http3.fields import with_authority

QPACK_TABLE_BYTES = 0
"""No dynamic table for requests. With one, each two bytes of a request may stand for an entry as long as the
table (an expansion bomb of 64 MiB per request), and requests may block on each other; a browser saves about
200 bytes a request by it."""

MAX_PEER_TABLE_BYTES = 4096
"""Of the table a client offers for responses, so much is used: it is our memory."""

MAX_CONTROL_FRAME_BYTES = 4096

PRIORITY_UPDATE_FRAMES = (0xF0700, 0xF0701)
"""RFC 9218 7.2: only on the control stream, where they are read over."""


class ExcessiveLoad(ProtocolError):
    error_code = ErrorCode.H3_EXCESSIVE_LOAD


class _SectionAnnouncedTooLarge(Exception):
    """A HEADERS frame over the limit was announced. Never leaves this file."""


@dataclass
class RequestBroken(H3Event):
    """A malformed request: a stream error (RFC 9114 4.1.2), where aioquic would close the connection."""

    stream_id: int
    reason: str


@dataclass
class SectionTooLarge(H3Event):
    """A header section that was refused before it was read; deserves a 431."""

    stream_id: int


class EdgeH3Connection(H3Connection):
    """The server's side. `frames` counts what the client framed on request streams,
    `incomplete` the streams it ended without a request."""

    def __init__(self, quic: QuicConnection, max_field_section_bytes: int) -> None:
        self._max_field_section_bytes = max_field_section_bytes
        self.frames = 0
        self.incomplete = 0
        super().__init__(quic)

    def buffered(self, stream_id: int) -> int:
        """Bytes of a frame that is not complete."""
        stream = self._stream.get(stream_id)
        return 0 if stream is None else len(stream.buffer)

    def started(self, stream_id: int) -> bool:
        """Whether a request's header section was read."""
        stream = self._stream.get(stream_id)
        return stream is not None and stream.headers_recv_state.value > 0

    def abandon(self, stream_id: int) -> None:
        """Read no more of a stream. The caller feeds no more of its data or resets."""
        stream = self._stream.get(stream_id)
        if stream is None:
            return
        stream.buffer = b""
        stream.receiving_ended = True
        if stream.is_ended():
            self._stream.pop(stream_id)

    def forget_sending(self, stream_id: int) -> None:
        """Our side of the stream was reset: drop its state if the client's side is over too."""
        stream = self._stream.get(stream_id)
        if stream is not None:
            stream.sending_ended = True
            if stream.is_ended():
                self._stream.pop(stream_id)

    def send_goaway(self, stream_id: int) -> None:
        """Requests from `stream_id` on will not be served (RFC 9114 5.2)."""
        control = self._local_control_stream_id
        if control is not None:
            self._quic.send_stream_data(control, encode_frame(FrameType.GOAWAY, encode_uint_var(stream_id)))

    # Replaced parts of aioquic

    def _init_connection(self) -> None:
        self._max_table_capacity = QPACK_TABLE_BYTES
        self._blocked_streams = 0
        self._decoder = pylsqpack.Decoder(QPACK_TABLE_BYTES, 0)
        super()._init_connection()

    def _get_local_settings(self) -> dict[int, int]:
        settings = super()._get_local_settings()
        del settings[Setting.ENABLE_CONNECT_PROTOCOL]
        settings[Setting.MAX_FIELD_SECTION_SIZE] = self._max_field_section_bytes
        return settings

    def _validate_settings(self, settings: dict[int, int]) -> None:
        super()._validate_settings(settings)
        table = Setting.QPACK_MAX_TABLE_CAPACITY
        settings[table] = min(settings.get(table, 0), MAX_PEER_TABLE_BYTES)

    def _check_control_frame_type(self, frame_type: int) -> None:
        super()._check_control_frame_type(frame_type)
        if frame_type == FrameType.CANCEL_PUSH:
            # RFC 9114 7.2.3: nothing was ever promised.
            raise IdError("CANCEL_PUSH of a push that was not promised")
        # Only these two are buffered whole by aioquic.
        buffered = frame_type in (FrameType.SETTINGS, FrameType.MAX_PUSH_ID)
        if buffered and self._control_frame_bytes() > MAX_CONTROL_FRAME_BYTES:
            raise ExcessiveLoad("a control frame is too long")

    def _control_frame_bytes(self) -> int:
        control_id = self._peer_control_stream_id
        control = None if control_id is None else self._stream.get(control_id)
        return 0 if control is None else control.frame_size or 0

    def _check_request_or_push_frame_type(self, frame_type: int, stream: H3Stream) -> None:
        self.frames += 1
        if frame_type in PRIORITY_UPDATE_FRAMES:
            raise FrameUnexpected("PRIORITY_UPDATE on a request stream")
        if frame_type == FrameType.WEBTRANSPORT_STREAM:
            # Not negotiated; aioquic would read the rest of the stream as a session's bytes.
            raise FrameUnexpected("WebTransport was not offered")
        super()._check_request_or_push_frame_type(frame_type, stream)
        if frame_type == FrameType.HEADERS and (stream.frame_size or 0) > self._max_field_section_bytes:
            raise _SectionAnnouncedTooLarge

    def _decode_headers(self, stream_id: int, frame_data: bytes | None) -> Headers:
        # aioquic takes no request without :authority.
        return with_authority(super()._decode_headers(stream_id, frame_data))

    def _abort_incomplete_request(self, stream_id: int) -> None:
        self.incomplete += 1
        super()._abort_incomplete_request(stream_id)

    def _receive_stream_data(self, event: StreamDataReceived) -> list[H3Event]:
        try:
            return super()._receive_stream_data(event)
        except MessageError as error:
            self.abandon(event.stream_id)
            return [RequestBroken(event.stream_id, error.reason_phrase)]
        except _SectionAnnouncedTooLarge:
            self.abandon(event.stream_id)
            return [SectionTooLarge(event.stream_id)]
