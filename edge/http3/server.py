"""The HTTP/3 server: one UDP socket, many connections."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable

from aioquic.h3.connection import ErrorCode
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.packet import encode_quic_retry, encode_quic_version_negotiation
from aioquic.quic.retry import QuicRetryTokenHandler

from edge.asgi import AsgiApp
from edge.http3.arrival import CID_BYTES, VERSIONS, Initial, Noise, Packet, UnknownVersion, classify
from edge.http3.connection import Connection
from edge.http3.context import FrontContext
from edge.http3.settings import Http3Settings
from edge.http3.stats import Http3Stats
from edge.http3.tickets import TicketStore
from edge.http3.transport import EdgeQuicConnection, quic_configuration
from edge.http3.udp import Address, Datagram, UdpSocket

logger = logging.getLogger(__name__)

SWEEP_S = 1.0
DRAIN_POLL_S = 0.05
LAST_WORDS_S = 0.2
"""Time for applications to be cancelled and closing packets to leave."""


class Http3Server:
    """Serves an ASGI 3 application over HTTP/3. One use: `start`, then `drain`.

    `clock` gives epoch milliseconds. The lifespan protocol is not spoken here.
    """

    def __init__(self, app: AsgiApp, settings: Http3Settings, clock: Callable[[], int]) -> None:
        self.stats = Http3Stats()
        self._context = FrontContext(app, settings, self.stats, clock)
        self._settings = settings
        self._tickets = TicketStore(settings.session_tickets)
        self._retry = QuicRetryTokenHandler()
        self._routes: dict[bytes, Connection] = {}
        self._connections: dict[Connection, set[bytes]] = {}
        self._due: dict[Connection, None] = {}
        self._flush_planned = False
        self._udp: UdpSocket | None = None
        self._configuration: QuicConfiguration | None = None
        self._sweeper: asyncio.TimerHandle | None = None

    async def start(self, sock: socket.socket) -> None:
        """Serve on a bound UDP socket, which the server owns from here on.

        Raises OSError or ValueError if the certificate or key cannot be used; the socket is then untouched.
        """
        self._configuration = await asyncio.to_thread(quic_configuration, self._settings)
        name = sock.getsockname()
        self._context.server_address = (name[0], name[1])
        self._udp = UdpSocket(sock, self._settings, self.stats)
        self._udp.open(self._on_batch, self._flush)
        self._plan_sweep()

    async def drain(self, grace_s: float) -> None:
        """Stop: announce it (GOAWAY), refuse new work, let running requests end for `grace_s`, then close."""
        if self._udp is None:
            return
        loop = asyncio.get_running_loop()
        self._context.draining = True
        for connection in list(self._connections):
            connection.go_away()
        deadline_s = loop.time() + grace_s
        tasks = [task for connection in self._connections for task in connection.tasks]
        if tasks:
            await asyncio.wait(tasks, timeout=grace_s)
        await self._wait_sent(deadline_s)
        for connection in list(self._connections):
            connection.close(ErrorCode.H3_NO_ERROR, "shutting down")
        self._flush()
        late = [task for task in tasks if not task.done()]
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=LAST_WORDS_S)
        self._shut()

    async def _wait_sent(self, deadline_s: float) -> None:
        """The last bytes of a response may still be on their way."""
        left_s = deadline_s - asyncio.get_running_loop().time()
        for _ in range(max(0, int(left_s / DRAIN_POLL_S))):
            if not any(connection.has_unsent for connection in self._connections):
                return
            await asyncio.sleep(DRAIN_POLL_S)

    def _shut(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in list(self._connections):
            connection.abandon()
        if self._udp is not None:
            self._udp.close()
            self._udp = None

    # Datagrams

    def _on_batch(self, batch: list[Datagram]) -> None:
        now_s = asyncio.get_running_loop().time()
        for data, address in batch:
            connection = self._connection_for(data, address, now_s)
            if connection is None:
                continue
            connection.receive(data, address, now_s)
            self._due[connection] = None
        self._flush()

    def _connection_for(self, data: bytes, address: Address, now_s: float) -> Connection | None:
        match classify(data):
            case Packet(destination_cid):
                connection = self._routes.get(destination_cid)
            case Initial() as initial:
                connection = self._routes.get(initial.destination_cid) or self._admit(initial, address, now_s)
            case UnknownVersion() as unknown:
                connection = self._routes.get(unknown.destination_cid)
                if connection is None:
                    self._send_versions(unknown, address)
                    return None
            case Noise():
                connection = None
        if connection is None:
            self.stats.datagrams_dropped += 1
        return connection

    def _send_versions(self, unknown: UnknownVersion, address: Address) -> None:
        self.stats.version_negotiations_sent += 1
        packet = encode_quic_version_negotiation(
            source_cid=unknown.destination_cid,
            destination_cid=unknown.source_cid,
            supported_versions=VERSIONS,
        )
        self._send_now(packet, address)

    def _admit(self, initial: Initial, address: Address, now_s: float) -> Connection | None:
        """A new client: a connection, a Retry, or nothing."""
        if self._context.draining or len(self._connections) >= self._settings.max_connections:
            self.stats.refused_connections += 1
            return None
        original_cid = self._proven(initial, address, now_s)
        if original_cid is not None:
            return self._open(original_cid, initial.destination_cid, now_s, retried=True)
        if self.stats.open_handshakes >= self._settings.retry_above_handshakes:
            self._send_retry(initial, address, now_s)
            return None
        return self._open(initial.destination_cid, initial.destination_cid, now_s, retried=False)

    def _proven(self, initial: Initial, address: Address, now_s: float) -> bytes | None:
        """The first destination CID of a client that brings back our Retry token, else None.

        A token that does not hold is treated as none (RFC 9000 8.1.3): under load it leads to another Retry.
        """
        if not initial.token:
            return None
        try:
            return self._retry.validate_token(
                address=address, destination_cid=initial.destination_cid, token=initial.token, now=now_s
            )
        except ValueError:
            return None

    def _send_retry(self, initial: Initial, address: Address, now_s: float) -> None:
        self.stats.retries_sent += 1
        source_cid = os.urandom(CID_BYTES)
        token = self._retry.create_token(
            address=address,
            original_destination_connection_id=initial.destination_cid,
            retry_source_connection_id=source_cid,
            now=now_s,
        )
        packet = encode_quic_retry(
            version=initial.version,
            source_cid=source_cid,
            destination_cid=initial.source_cid,
            original_destination_cid=initial.destination_cid,
            retry_token=token,
        )
        self._send_now(packet, address)

    def _open(self, original_cid: bytes, chosen_cid: bytes, now_s: float, *, retried: bool) -> Connection | None:
        if self._udp is None or self._configuration is None:
            return None
        quic = EdgeQuicConnection(
            self._settings,
            self._configuration,
            original_destination_cid=original_cid,
            retry_source_cid=chosen_cid if retried else None,
            ticket_fetcher=self._tickets.get,
            ticket_handler=self._tickets.put,
        )
        connection = Connection(self._context, quic, self._udp, self, now_s)
        self._connections[connection] = set()
        self.route(chosen_cid, connection)
        self.route(quic.host_cid, connection)
        self.stats.open_handshakes += 1
        self.stats.open_connections = len(self._connections)
        return connection

    def _send_now(self, packet: bytes, address: Address) -> None:
        if self._udp is not None:
            self._udp.send_or_drop(packet, address)

    # For connections (see connection.Hub)

    def request_turn(self, connection: Connection) -> None:
        self._due[connection] = None
        if not self._flush_planned:
            self._flush_planned = True
            asyncio.get_running_loop().call_soon(self._planned_flush)

    def _planned_flush(self) -> None:
        self._flush_planned = False
        self._flush()

    def _flush(self) -> None:
        """A turn for every connection that asked; those that ask meanwhile wait for the next iteration."""
        if self._udp is None or self._udp.blocked:
            return
        due, self._due = self._due, {}
        now_s = asyncio.get_running_loop().time()
        for connection in due:
            connection.turn(now_s)

    def route(self, cid: bytes, connection: Connection) -> None:
        self._routes[cid] = connection
        self._connections[connection].add(cid)

    def unroute(self, cid: bytes) -> None:
        connection = self._routes.pop(cid, None)
        if connection is not None:
            self._connections[connection].discard(cid)

    def ended(self, connection: Connection) -> None:
        for cid in self._connections.pop(connection, set()):
            self._routes.pop(cid, None)
        self._due.pop(connection, None)
        self.stats.open_connections = len(self._connections)

    # Sweep

    def _plan_sweep(self) -> None:
        self._sweeper = asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)

    def _sweep(self) -> None:
        now_s = asyncio.get_running_loop().time()
        for connection in list(self._connections):
            connection.sweep(now_s)
        self._plan_sweep()
