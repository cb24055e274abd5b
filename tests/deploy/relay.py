"""A way to a server that a test can break: TCP is passed on as it is, UDP is counted and may be held back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.ports import free_port


class Relay(asyncio.DatagramProtocol):
    """One client on `port`, one server behind it; all of it on 127.0.0.1."""

    def __init__(self, server_port: int) -> None:
        self.port = free_port()
        self.blocked = False
        self.passed_bytes = 0
        """UDP payload passed on to the server."""
        self.on_passed: Callable[[], None] = lambda: None
        self._server = ("127.0.0.1", server_port)
        self._client: Any = None
        self._near: Any = None
        self._far: Any = None

    def connection_made(self, transport: Any) -> None:
        self._near = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._client = addr
        if not self.blocked and self._far is not None:
            self.passed_bytes += len(data)
            self._far.sendto(data)
            self.on_passed()

    def back(self, data: bytes) -> None:
        if not self.blocked:
            self._near.sendto(data, self._client)

    async def reach(self) -> None:
        loop = asyncio.get_running_loop()
        self._far, _ = await loop.create_datagram_endpoint(lambda: _Far(self), remote_addr=self._server)

    async def pass_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._server)
        await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))

    def close(self) -> None:
        for each in (self._near, self._far):
            each.close()


class _Far(asyncio.DatagramProtocol):
    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._relay.back(data)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def relayed(server_port: int) -> AsyncIterator[Relay]:
    relay = Relay(server_port)
    await asyncio.get_running_loop().create_datagram_endpoint(lambda: relay, local_addr=("127.0.0.1", relay.port))
    await relay.reach()
    tcp = await asyncio.start_server(relay.pass_tcp, "127.0.0.1", relay.port)
    try:
        yield relay
    finally:
        tcp.close()
        relay.close()
