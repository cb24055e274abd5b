"""One request and its answer, as they go over a connection."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from edge.http3.fields import DIGITS

Fields = list[tuple[bytes, bytes]]
UNREAD_BYTES = 8 << 20
"""Of an answer that nobody reads; beyond it the stream is given up."""


class ExchangeFailed(Exception):
    """The connection or the stream ended before the answer did: how much the server took is not known."""


class Wire(Protocol):
    """What an exchange asks of its connection."""

    def send(self, stream_id: int, data: bytes, *, end: bool) -> None: ...

    def held(self, stream_id: int) -> int:
        """Bytes that are not sent or not acknowledged."""

    def abandon(self, stream_id: int) -> None: ...


class Exchange:
    """`send` the body, `finish` it, then `answer`, then `read` until it gives nothing."""

    def __init__(self, stream_id: int, wire: Wire, room_bytes: int, *, whole: bool) -> None:
        """`whole`: the request has no body, and is sent."""
        self._stream_id = stream_id
        self._wire = wire
        self._room = room_bytes
        self._whole = whole
        self._changed = asyncio.Event()
        self._head: tuple[int, Fields] | None = None
        self._blocks: deque[bytes] = deque()
        self._unread = 0
        self._missing: int | None = None
        self._ended = False
        self._refused = False
        self._error = ""

    # For the caller

    async def send(self, data: bytes, within_s: float) -> bool:
        """Take a piece of the body; False when the server wants no more of it, as it has answered.

        Raises ExchangeFailed, and TimeoutError where the server takes nothing for `within_s`.
        """
        while not self._answered and self._wire.held(self._stream_id) >= self._room:
            await self._less_is_held(within_s)
        if self._answered:
            return False
        self._wire.send(self._stream_id, data, end=False)
        return True

    def finish(self) -> None:
        """The body is whole."""
        if not self._whole and self._head is None and not self._refused and not self._error:
            self._whole = True
            self._wire.send(self._stream_id, b"", end=True)

    async def answer(self, within_s: float) -> tuple[int, Fields]:
        """The final status and its fields. Raises ExchangeFailed, TimeoutError."""
        async with asyncio.timeout(within_s):
            while self._head is None:
                if self._ended:
                    raise ExchangeFailed("the server ended the stream without an answer")
                self._raise_failed()
                self._changed.clear()
                await self._changed.wait()
        return self._head

    async def read(self, within_s: float) -> bytes:
        """The next bytes of the answer; none at its end. Raises ExchangeFailed, TimeoutError."""
        async with asyncio.timeout(within_s):
            while not self._blocks and not self._all_here:
                self._raise_failed()
                self._changed.clear()
                await self._changed.wait()
        if not self._blocks:
            return b""
        block = self._blocks.popleft()
        self._unread -= len(block)
        return block

    def close(self) -> None:
        """Leave, whatever is still to come."""
        if not (self._ended and self._whole) and not self._error:
            self._wire.abandon(self._stream_id)

    # For the connection

    def headed(self, status: int, fields: Fields) -> None:
        """Interim answers tell nothing that a later one does not."""
        if status >= 200 and self._head is None:
            self._head = (status, fields)
            length = dict(fields).get(b"content-length", b"")
            self._missing = int(length) if DIGITS.fullmatch(length) else None
        self._changed.set()

    def received(self, data: bytes, *, ended: bool) -> None:
        self._unread += len(data)
        if self._unread > UNREAD_BYTES:
            self.failed("the answer is larger than it is read")
            self._wire.abandon(self._stream_id)
            return
        if data:
            self._blocks.append(data)
            self._missing = None if self._missing is None else self._missing - len(data)
        self._ended |= ended
        self._changed.set()

    def refused(self) -> None:
        """The server reads no more of the body (STOP_SENDING): its answer follows."""
        self._refused = True
        self._changed.set()

    def failed(self, why: str) -> None:
        if not self._ended:
            self._error = self._error or why
        self._changed.set()

    def moved(self) -> None:
        """Something was acknowledged."""
        self._changed.set()

    @property
    def _all_here(self) -> bool:
        """A server that answers early may keep the stream open for the rest of the body, which will not come."""
        return self._ended or (self._missing is not None and self._missing <= 0)

    @property
    def _answered(self) -> bool:
        self._raise_failed()
        return self._head is not None or self._refused

    def _raise_failed(self) -> None:
        if self._error:
            raise ExchangeFailed(self._error)

    async def _less_is_held(self, within_s: float) -> None:
        """Return when some of the body was taken, or it is wanted no more. Raises TimeoutError."""
        before = self._wire.held(self._stream_id)
        async with asyncio.timeout(within_s):
            while self._wire.held(self._stream_id) == before and not self._answered:
                self._changed.clear()
                await self._changed.wait()
