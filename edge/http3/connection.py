"""One QUIC connection: packets and timers in, packets out, flow-control credit and limits in between.

Nothing here awaits. Applications run in tasks of their own (see `exchange`) and only ask for a *turn*: one pass
over events, credit, waiting senders and packets, made once per loop iteration however many asked.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from aioquic.h3.connection import ErrorCode
from aioquic.quic.events import (
    ConnectionIdIssued,
    ConnectionIdRetired,
    ConnectionTerminated,
    HandshakeCompleted,
    ProtocolNegotiated,
    StopSendingReceived,
    StreamDataReceived,
    StreamReset,
)
from aioquic.quic.packet import QuicErrorCode

from edge.http3.context import FrontContext
from edge.http3.credit import ReceiveLedger, raised_limit
from edge.http3.framing import EdgeH3Connection
from edge.http3.limits import EventBudget, excess_frames
from edge.http3.streams import RequestStreams
from edge.http3.transport import EdgeQuicConnection, is_request_stream
from edge.http3.udp import Address, UdpSocket

logger = logging.getLogger(__name__)


class Hub(Protocol):
    """What a connection needs from the server."""

    def request_turn(self, connection: Connection) -> None:
        """Call `connection.turn` soon, once."""

    def route(self, cid: bytes, connection: Connection) -> None:
        """Packets for `cid` belong to `connection`."""

    def unroute(self, cid: bytes) -> None:
        """`cid` was retired."""

    def ended(self, connection: Connection) -> None:
        """The connection is gone for good."""


class Connection:
    """The state of one client."""

    def __init__(self, context: FrontContext, quic: EdgeQuicConnection, udp: UdpSocket, hub: Hub, now_s: float) -> None:
        settings = context.settings
        self._context = context
        self._quic = quic
        self._udp = udp
        self._hub = hub
        self._streams: RequestStreams | None = None
        self._h3: EdgeH3Connection | None = None
        self._ledger = ReceiveLedger()
        self._resets = EventBudget(settings.resets_per_s, now_s)
        self._frames = EventBudget(settings.small_frames_per_s, now_s)
        self._controls = EventBudget(settings.control_frames_per_s, now_s)
        self._charged = (0, 0, 0)
        self._address: tuple[str, int] = ("", 0)
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at_s = 0.0
        self._opened_s = now_s
        self._first_seen: dict[int, float] = {}
        self._send_progress: dict[int, tuple[int, float]] = {}
        self.handshake_complete = False
        self.over = False

    @property
    def running(self) -> int:
        """Application calls of this connection that have not ended."""
        return 0 if self._streams is None else self._streams.running

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        return [] if self._streams is None else self._streams.tasks

    @property
    def has_unsent(self) -> bool:
        """Whether response bytes are unsent or unacknowledged."""
        return not self.over and bool(self._quic.unfinished_sends())

    # In

    def receive(self, data: bytes, address: Address, now_s: float) -> None:
        """Take a datagram; its effects show in the next turn."""
        try:
            self._quic.receive_datagram(data, address, now_s)
        except Exception:
            self._fail("receiving")

    def turn(self, now_s: float) -> None:
        """Handle what happened, then send what there is to send."""
        if self.over:
            return
        try:
            self._handle_events()
            self._settle()
            self._charge(now_s)
            self._follow_closing()
            if self._streams is not None:
                self._streams.senders.wake()
            self._transmit(now_s)
        except Exception:
            self._fail("a turn")

    def _handle_events(self) -> None:
        while (event := self._quic.next_event()) is not None:
            match event:
                case StreamDataReceived() | StreamReset() | StopSendingReceived():
                    self._stream_event(event)
                case ConnectionIdIssued():
                    self._hub.route(event.connection_id, self)
                case ConnectionIdRetired():
                    self._hub.unroute(event.connection_id)
                case ProtocolNegotiated():
                    self._open_http3()
                case HandshakeCompleted():
                    self._handshake_completed(resumed=event.session_resumed)
                case ConnectionTerminated():
                    self._end()
                case _:
                    pass
        address = self._quic.get_peer_address()
        if address is not None and address[:2] != self._address:
            self._moved((address[0], address[1]))

    def _open_http3(self) -> None:
        self._h3 = EdgeH3Connection(self._quic, self._context.settings.max_field_section_bytes)
        self._streams = RequestStreams(
            self._context, self._quic, self._h3, wake=self._request_turn, flooded=self._count_reset
        )

    def _handshake_completed(self, *, resumed: bool) -> None:
        self.handshake_complete = True
        self._context.stats.connections += 1
        self._context.stats.resumed += int(resumed)
        self._context.stats.open_handshakes -= 1

    def _moved(self, address: tuple[str, int]) -> None:
        if self._address[0]:
            self._context.stats.migrations += 1
        self._address = address
        if self._streams is not None:
            self._streams.client_moved(address)

    def _stream_event(self, event: StreamDataReceived | StreamReset | StopSendingReceived) -> None:
        streams, h3 = self._streams, self._h3
        if streams is None or h3 is None:
            return
        self._quic.touched.add(event.stream_id)
        request = is_request_stream(event.stream_id)
        if request and streams.is_refused(event.stream_id):
            if isinstance(event, StreamDataReceived):
                streams.late_data(event.stream_id)
            return
        incomplete = h3.incomplete
        for http_event in h3.handle_event(event):
            streams.handle(http_event, self._address)
        if request and not isinstance(event, StreamDataReceived):
            streams.client_reset(event.stream_id)
        elif h3.incomplete > incomplete:
            self._count_reset()

    # Credit and limits

    def _settle(self) -> None:
        """Give credit for what was consumed since the last turn."""
        streams, h3 = self._streams, self._h3
        if streams is None or h3 is None:
            return
        touched = self._quic.touched | streams.touched
        self._quic.touched.clear()
        streams.touched.clear()
        for stream_id in touched:
            self._settle_stream(stream_id, streams, h3)
        consumed = self._quic.received_total - self._ledger.held
        limit = raised_limit(consumed, self._context.settings.connection_window_bytes, self._quic.granted_total)
        if limit is not None:
            self._quic.grant_connection(limit)

    def _settle_stream(self, stream_id: int, streams: RequestStreams, h3: EdgeH3Connection) -> None:
        state = self._quic.receiving(stream_id)
        if streams.is_refused(stream_id):
            self._ledger.settle(stream_id, 0)
            return
        held = streams.held(stream_id)
        if state is None:
            self._ledger.settle(stream_id, held)
            return
        highest, gap, granted = state
        held += gap + h3.buffered(stream_id)
        self._ledger.settle(stream_id, held)
        settings = self._context.settings
        window = settings.stream_window_bytes if is_request_stream(stream_id) else settings.uni_stream_window_bytes
        limit = raised_limit(highest - held, window, granted)
        if limit is not None and not self._quic.receive_finished(stream_id):
            self._quic.grant_stream(stream_id, limit)

    def _count_reset(self) -> None:
        if not self._resets.spend(1, asyncio.get_running_loop().time()):
            self._flooded("requests were cancelled too fast")

    def _charge(self, now_s: float) -> None:
        frames = 0 if self._h3 is None else self._h3.frames
        received, controls = self._quic.received_total, self._quic.control_frames
        before_frames, before_received, before_controls = self._charged
        self._charged = (frames, received, controls)
        if not self._frames.spend(excess_frames(frames - before_frames, received - before_received), now_s):
            self._flooded("too many small frames")
        if not self._controls.spend(controls - before_controls, now_s):
            self._flooded("too many control frames")

    def _flooded(self, reason: str) -> None:
        if self._quic.closing:
            return
        self._context.stats.excessive_load += 1
        logger.warning("client floods", extra={"client": self._address[0], "reason": reason})
        self.close(ErrorCode.H3_EXCESSIVE_LOAD, reason)

    # Sweeps: timeouts that need no precision

    def sweep(self, now_s: float) -> None:
        """Called about once a second: end what takes too long."""
        if self.over:
            return
        try:
            self._sweep(now_s)
        except Exception:
            self._fail("a sweep")

    def _sweep(self, now_s: float) -> None:
        settings = self._context.settings
        if not self.handshake_complete and now_s - self._opened_s > settings.handshake_timeout_s:
            self._context.stats.timeouts += 1
            self.close(QuicErrorCode.CONNECTION_REFUSED, "handshake timeout")
            return
        if self._streams is None:
            return
        self._streams.forget_gone()
        for stream_id in self._late(now_s, self._streams):
            self._context.stats.timeouts += 1
            self._streams.reset(stream_id, ErrorCode.H3_REQUEST_INCOMPLETE)
        for stream_id in self._stalled(now_s):
            self._context.stats.timeouts += 1
            self._streams.reset(stream_id, ErrorCode.H3_REQUEST_CANCELLED)

    def _late(self, now_s: float, streams: RequestStreams) -> list[int]:
        """Streams without a header section, and bodies that stopped coming."""
        settings = self._context.settings
        headless = [
            stream_id
            for stream_id in self._quic.open_requests()
            if not streams.is_open(stream_id) and not streams.is_refused(stream_id)
        ]
        self._first_seen = {stream_id: self._first_seen.get(stream_id, now_s) for stream_id in headless}
        late = [s for s, since in self._first_seen.items() if now_s - since > settings.headers_timeout_s]
        return late + [s for s, since in streams.body_waits() if now_s - since > settings.body_idle_timeout_s]

    def _stalled(self, now_s: float) -> list[int]:
        """Streams whose client acknowledges nothing of what waits for it."""
        progress: dict[int, tuple[int, float]] = {}
        for stream_id, acknowledged in self._quic.unfinished_sends():
            before = self._send_progress.get(stream_id)
            progress[stream_id] = before if before is not None and before[0] == acknowledged else (acknowledged, now_s)
        self._send_progress = progress
        limit_s = self._context.settings.send_stall_timeout_s
        return [stream_id for stream_id, (_, since) in progress.items() if now_s - since > limit_s]

    # Out

    def _transmit(self, now_s: float) -> None:
        if self._udp.blocked:
            self._request_turn()
            return
        datagrams = self._quic.datagrams_to_send(now_s)
        if datagrams:
            self._udp.send(datagrams)
        self._arm_timer()

    def _arm_timer(self) -> None:
        at_s = self._quic.get_timer()
        if self._timer is not None:
            # A timer that fires early costs one look; re-arming it on every packet costs more.
            if at_s is not None and self._timer_at_s <= at_s:
                return
            self._timer.cancel()
            self._timer = None
        if at_s is not None:
            self._timer_at_s = at_s
            self._timer = asyncio.get_running_loop().call_at(at_s, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        now_s = asyncio.get_running_loop().time()
        at_s = self._quic.get_timer()
        if at_s is not None and at_s > now_s:
            self._arm_timer()
            return
        try:
            self._quic.handle_timer(now_s)
        except Exception:
            self._fail("a timer")
            return
        self.turn(now_s)

    def _request_turn(self) -> None:
        self._hub.request_turn(self)

    # Ends

    def go_away(self) -> None:
        """Announce that no further request is served."""
        if self._h3 is not None and self._streams is not None and not self._quic.closing:
            self._h3.send_goaway(self._streams.next_request_id)
            self._request_turn()

    def close(self, error_code: int, reason: str = "") -> None:
        """Close with CONNECTION_CLOSE; the applications of open requests hear of it at the next turn."""
        self._quic.close(error_code=error_code, reason_phrase=reason)
        self._request_turn()

    def abandon(self) -> None:
        """Forget the client without a word: the socket is about to be closed."""
        self._end()

    def _follow_closing(self) -> None:
        if self._quic.closing and self._streams is not None:
            self._streams.disconnect_all()

    def _fail(self, during: str) -> None:
        """Handling this client raised: that must cost nobody but this client."""
        logger.exception("connection dropped", extra={"client": self._address[0], "during": during})
        self._context.stats.internal_errors += 1
        self._end()

    def _end(self) -> None:
        if self.over:
            return
        self.over = True
        if not self.handshake_complete:
            self._context.stats.handshakes_failed += 1
            self._context.stats.open_handshakes -= 1
        if self._timer is not None:
            self._timer.cancel()
        if self._streams is not None:
            self._streams.disconnect_all()
        self._hub.ended(self)
