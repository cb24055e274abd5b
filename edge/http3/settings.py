"""Every limit of the HTTP/3 front, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

KIB = 1024
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Http3Settings:
    """What the front may spend on its clients. Rates are token buckets, counted per connection."""

    certificate_path: Path
    """PEM file: the leaf certificate first, then its chain."""

    private_key_path: Path
    """PEM file of the leaf's private key, unencrypted."""

    max_connections: int = 4096
    """Open connections, handshakes included. An Initial beyond it is dropped (the client tries again)."""

    retry_above_handshakes: int = 64
    """With this many handshakes under way a new client must first prove its address (Retry, RFC 9000 8.1.2).
    0 asks every client."""

    handshake_timeout_s: float = 10.0
    """A handshake that has not completed by then is closed."""

    idle_timeout_s: float = 30.0
    """A connection that says nothing for this long is dropped (RFC 9000 10.1)."""

    session_tickets: int = 10_000
    """TLS tickets kept for resumption; the least recently used goes first."""

    max_concurrent_streams: int = 128
    """Request streams a client may have open, and requests of one connection that may run at once. A request
    counts until its application call has really ended, so cancelled work cannot pile up."""

    max_uni_streams: int = 16
    """Unidirectional streams a client may have open: HTTP/3 needs 3, the rest are ignored kinds."""

    stream_window_bytes: int = 1 * MIB
    """Request bytes a stream may have in flight or unread by the application."""

    connection_window_bytes: int = 8 * MIB
    """The same over all streams of a connection."""

    uni_stream_window_bytes: int = 64 * KIB
    """The same for each control or QPACK stream."""

    stream_send_buffer_bytes: int = 512 * KIB
    """`await send()` waits while a stream holds this much unsent or unacknowledged."""

    connection_send_buffer_bytes: int = 2 * MIB
    """The same over all streams of a connection. A stream that holds nothing may always add one chunk, so
    that stalled streams cannot starve the others."""

    send_chunk_bytes: int = 64 * KIB
    """Longer body messages are cut into DATA frames of this length."""

    max_field_section_bytes: int = 32 * KIB
    """Request header section: encoded, and decoded as RFC 9114 4.2.2 counts (name + value + 32 a field).
    A larger one is answered with 431."""

    max_field_count: int = 128
    """Fields in a request header section; more are answered with 431."""

    headers_timeout_s: float = 10.0
    """A request stream whose header section is not complete by then is reset."""

    body_idle_timeout_s: float = 60.0
    """A request is reset when its application waits for body bytes and none arrive for this long."""

    send_stall_timeout_s: float = 120.0
    """A response is reset when its client takes nothing for this long."""

    disconnect_grace_s: float = 2.0
    """After `http.disconnect` an application may tidy up for this long, then it is cancelled."""

    resets_per_s: int = 100
    """Requests a client may cancel or break each second (rapid reset); beyond: H3_EXCESSIVE_LOAD."""

    small_frames_per_s: int = 2000
    """HTTP/3 frames each second beyond one for every 256 bytes received; beyond: H3_EXCESSIVE_LOAD."""

    control_frames_per_s: int = 2000
    """PING, PATH_CHALLENGE, NEW_CONNECTION_ID and RETIRE_CONNECTION_ID frames each second; beyond:
    H3_EXCESSIVE_LOAD."""

    datagram_batch: int = 64
    """Datagrams read from the socket before other work of the event loop gets its turn."""

    max_datagram_bytes: int = 1200
    """UDP payload sent. 1200 passes every path QUIC works on (RFC 9000 14.1); raise it only where the path's
    MTU is known, as there is no path MTU discovery."""

    socket_buffer_bytes: int = 4 * MIB
    """Kernel buffer asked for in each direction; the system may give less."""

    congestion_control: Literal["reno", "cubic"] = "reno"
    """Congestion controller of every connection."""
