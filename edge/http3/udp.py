"""The UDP socket: reads in bounded batches, writes without blocking."""

from __future__ import annotations

import asyncio
import contextlib
import socket
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


class UdpSocket:
    """Owns a bound, non-blocking socket from `open` to `close`."""

    def __init__(self, sock: socket.socket, settings: Http3Settings, stats: Http3Stats) -> None:
        self._sock = sock
        self._stats = stats
        self._batch = settings.datagram_batch
        self._buffer = memoryview(bytearray(LARGEST_DATAGRAM_BYTES))
        self._unsent: deque[Datagram] = deque()
        self._on_writable: Callable[[], None] = lambda: None
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
        for index, (data, address) in enumerate(datagrams):
            if not self._send_one(data, address):
                self._unsent.extend(datagrams[index:])
                asyncio.get_running_loop().add_writer(self._sock.fileno(), self._write)
                return

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
