"""The UDP socket: reads in bounded batches, writes without blocking."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edge.http3.settings import Http3Settings
    from edge.http3.stats import Http3Stats

Address = Any
"""(host, port) or the four-tuple of IPv6, as the socket gives it."""

Datagram = tuple[bytes, Address]

LARGEST_DATAGRAM_BYTES = 65_535


SOL_UDP = socket.IPPROTO_UDP
UDP_SEGMENT = 103
"""Linux's socket option (udp(7)); the socket module has no name for it."""

MAX_SEGMENTS = 64
MAX_SEGMENTED_BYTES = 65_000
"""What one segmented send may carry: the kernel's limits, with room for headers."""


def run_length(datagrams: list[Datagram], position: int) -> int:
    """How many datagrams from `position` on one segmented send can carry: to one address, all as long as the
    first but the last, which may be shorter."""
    first, address = datagrams[position]
    most = min(MAX_SEGMENTS, MAX_SEGMENTED_BYTES // max(1, len(first)), len(datagrams) - position)
    length = 1
    while length < most:
        data, target = datagrams[position + length]
        if target != address or len(data) > len(first):
            break
        length += 1
        if len(data) < len(first):
            break
    return length


def _offers_segmentation(sock: socket.socket) -> bool:
    if sys.platform != "linux":
        return False
    try:
        sock.getsockopt(SOL_UDP, UDP_SEGMENT)
    except OSError:
        return False
    return True


class UdpSocket:
    """Owns a bound, non-blocking socket from `open` to `close`."""

    def __init__(self, sock: socket.socket, settings: Http3Settings, stats: Http3Stats) -> None:
        self._sock = sock
        self._stats = stats
        self._batch = settings.datagram_batch
        self._buffer = memoryview(bytearray(LARGEST_DATAGRAM_BYTES))
        self._unsent: deque[Datagram] = deque()
        self._on_writable: Callable[[], None] = lambda: None
        self._segments = _offers_segmentation(sock)
        sock.setblocking(False)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, option, settings.socket_buffer_bytes)

    @property
    def blocked(self) -> bool:
        """Whether the kernel's buffer is full: hold further packets back until `on_writable`."""
        return bool(self._unsent)

    def open(self, on_batch: Callable[[list[Datagram]], None], on_writable: Callable[[], None]) -> None:
        """Start reading. `on_batch` gets 1 to `datagram_batch` datagrams at a time."""
        self._on_writable = on_writable
        asyncio.get_running_loop().add_reader(self._sock.fileno(), self._read, on_batch)

    def close(self) -> None:
        """Stop and close the socket; what the kernel did not take is lost."""
        loop = asyncio.get_running_loop()
        if self._sock.fileno() >= 0:
            loop.remove_reader(self._sock.fileno())
            loop.remove_writer(self._sock.fileno())
        self._unsent.clear()
        self._sock.close()

    def _read(self, on_batch: Callable[[list[Datagram]], None]) -> None:
        batch: list[Datagram] = []
        size_in = 0
        for _ in range(self._batch):
            try:
                size, address = self._sock.recvfrom_into(self._buffer)
            except BlockingIOError:
                break
            except OSError:
                # An ICMP error of an earlier packet is reported here; QUIC's own timers deal with it.
                continue
            size_in += size
            batch.append((bytes(self._buffer[:size]), address))
        if batch:
            self._stats.datagrams_in += len(batch)
            self._stats.bytes_in += size_in
            on_batch(batch)

    def send(self, datagrams: list[Datagram]) -> None:
        """Send now as far as the kernel takes it, the rest when it can."""
        if self._unsent:
            self._unsent.extend(datagrams)
            return
        position = 0
        while position < len(datagrams):
            sent = self._send_run(datagrams, position)
            if not sent:
                self._unsent.extend(datagrams[position:])
                asyncio.get_running_loop().add_writer(self._sock.fileno(), self._write)
                return
            position += sent

    def _send_run(self, datagrams: list[Datagram], position: int) -> int:
        """Send one datagram, or a run of them in one call. Returns how many went; 0 if the kernel is full."""
        length = run_length(datagrams, position) if self._segments else 1
        if length > 1:
            sent = self._send_segments(datagrams[position : position + length])
            if sent is not None:
                return sent
        return int(self._send_one(*datagrams[position]))

    def _send_segments(self, run: list[Datagram]) -> int | None:
        """Generic segmentation offload: the kernel cuts one long payload into datagrams. None if it will not."""
        size, address = len(run[0][0]), run[0][1]
        control = [(SOL_UDP, UDP_SEGMENT, size.to_bytes(2, sys.byteorder))]
        try:
            written = self._sock.sendmsg([data for data, _ in run], control, 0, address)
        except BlockingIOError:
            return 0
        except OSError:
            # A device without it, or a path whose MTU is smaller: one by one works everywhere.
            self._segments = False
            return None
        self._stats.datagrams_out += len(run)
        self._stats.bytes_out += written
        return len(run)

    def send_or_drop(self, data: bytes, address: Address) -> None:
        """Send an answer that keeps no state: it is not worth a place in a queue."""
        if not self._unsent:
            self._send_one(data, address)

    def _send_one(self, data: bytes, address: Address) -> bool:
        try:
            self._sock.sendto(data, address)
        except BlockingIOError:
            return False
        except OSError:
            # Unreachable or too long for the path: to QUIC a lost packet.
            return True
        self._stats.datagrams_out += 1
        self._stats.bytes_out += len(data)
        return True

    def _write(self) -> None:
        while self._unsent:
            if not self._send_one(*self._unsent[0]):
                return
            self._unsent.popleft()
        asyncio.get_running_loop().remove_writer(self._sock.fileno())
        self._on_writable()
