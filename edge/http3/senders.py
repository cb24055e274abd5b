"""Whose turn it is to write: responses wait here for room in the send buffers of their stream and connection."""

from __future__ import annotations

import asyncio

from edge.http3.exchange import ClientDisconnected
from edge.http3.limits import SendBounds
from edge.http3.settings import Http3Settings
from edge.http3.transport import EdgeQuicConnection


class Senders:
    """The senders of one connection. A stream has one at most."""

    def __init__(self, settings: Http3Settings, quic: EdgeQuicConnection) -> None:
        self._quic = quic
        self._bounds = SendBounds(settings.stream_send_buffer_bytes, settings.connection_send_buffer_bytes)
        self._chunk_bytes = settings.send_chunk_bytes
        self._waiting: dict[int, asyncio.Future[None]] = {}

    def require_open(self, stream_id: int) -> None:
        """Raises ClientDisconnected when nothing more can be sent on the stream."""
        if not self._quic.can_send(stream_id):
            raise ClientDisconnected("the client is gone")

    async def wait_room(self, stream_id: int) -> None:
        """Return when a chunk may be written. Raises ClientDisconnected when none ever will."""
        while not self._has_room(stream_id):
            await self._wait_turn(stream_id)

    def _has_room(self, stream_id: int) -> bool:
        self.require_open(stream_id)
        return self._bounds.allow(self._quic.send_held(stream_id), self._quic.send_held_total())

    async def _wait_turn(self, stream_id: int) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiting[stream_id] = waiter
        try:
            await waiter
        finally:
            self._waiting.pop(stream_id, None)

    def wake(self) -> None:
        """After acknowledgements: let those go on that have room again, in the order they came."""
        if not self._waiting:
            return
        total = self._quic.send_held_total()
        for stream_id, waiter in list(self._waiting.items()):
            if self._bounds.allow(self._quic.send_held(stream_id), total):
                total += self._chunk_bytes
                _let(waiter)

    def wake_one(self, stream_id: int) -> None:
        """The stream has ended: its sender shall find out."""
        if (waiter := self._waiting.get(stream_id)) is not None:
            _let(waiter)

    def wake_all(self) -> None:
        """The connection has ended."""
        for waiter in self._waiting.values():
            _let(waiter)


def _let(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
