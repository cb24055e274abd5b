"""The counters of the HTTP/3 front."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Http3Stats:
    """Counts since the server started, except the three gauges, which say how things are now."""

    open_connections: int = field(default=0, metadata={"gauge": True})
    """Gauge: connections in the table, handshakes included."""

    open_handshakes: int = field(default=0, metadata={"gauge": True})
    """Gauge: connections whose handshake has not completed."""

    running_requests: int = field(default=0, metadata={"gauge": True})
    """Gauge: application calls that have not ended."""

    connections: int = 0
    """Handshakes completed."""

    resumed: int = 0
    """Handshakes completed with a session ticket."""

    handshakes_failed: int = 0
    """Connections that ended before their handshake completed."""

    retries_sent: int = 0
    """Retry packets sent to have a client prove its address."""

    version_negotiations_sent: int = 0
    """Version Negotiation packets sent."""

    migrations: int = 0
    """Times a connection went on from another address."""

    requests: int = 0
    """Requests handed to the application."""

    responses: int = 0
    """Responses sent whole (given to QUIC up to the FIN)."""

    app_errors: int = 0
    """Application calls that raised, or broke the ASGI rules."""

    resets_received: int = 0
    """Request streams that the client cancelled."""

    resets_sent: int = 0
    """Request streams that we broke off."""

    malformed: int = 0
    """Requests refused as malformed (H3_MESSAGE_ERROR)."""

    refused_connections: int = 0
    """New clients dropped at the limit of connections or while draining."""

    refused_requests: int = 0
    """Requests refused at a limit or while draining (H3_REQUEST_REJECTED, 431)."""

    excessive_load: int = 0
    """Connections closed for a flood (H3_EXCESSIVE_LOAD)."""

    timeouts: int = 0
    """Streams and handshakes ended by one of our timeouts."""

    internal_errors: int = 0
    """Connections dropped because handling their packets raised: each is a bug to look at in the log."""

    datagrams_in: int = 0
    """UDP datagrams received."""

    datagrams_out: int = 0
    """UDP datagrams sent."""

    datagrams_dropped: int = 0
    """Datagrams received that belong to no connection and open none."""

    bytes_in: int = 0
    """UDP payload bytes received."""

    bytes_out: int = 0
    """UDP payload bytes sent."""
