"""Rules: the request body between the network and the application, and its promised length."""

from __future__ import annotations

from collections import deque
from enum import Enum, auto

READ_BYTES = 64 * 1024
"""An `http.request` message carries at most about this much: chunks are joined up to it."""

JOIN_BELOW_BYTES = 1024
"""A chunk this small is joined to the one before it: a byte must not cost a queue entry."""


class BodyState(Enum):
    OPEN = auto()
    ENDED = auto()
    BROKEN = auto()
    """Cancelled, too long or too short: the application gets `http.disconnect`."""


class RequestBody:
    """Chunks that arrived and were not read. Bounded by the flow-control window, not by itself."""

    __slots__ = ("_chunks", "_expected", "received", "state", "trailers", "unread")

    def __init__(self, expected: int | None) -> None:
        self._chunks: deque[bytearray | bytes] = deque()
        self._expected = expected
        self.received = 0
        self.state = BodyState.OPEN
        self.unread = 0
        self.trailers: list[tuple[bytes, bytes]] = []

    def feed(self, data: bytes) -> bool:
        """Add bytes. False when they go beyond the content-length: the request is malformed."""
        self.received += len(data)
        if self._expected is not None and self.received > self._expected:
            return False
        if data:
            self._append(data)
            self.unread += len(data)
        return True

    def _append(self, data: bytes) -> None:
        last = self._chunks[-1] if self._chunks else None
        if len(data) >= JOIN_BELOW_BYTES or last is None or len(last) >= READ_BYTES:
            self._chunks.append(data)
        elif isinstance(last, bytearray):
            last += data
        else:
            self._chunks[-1] = bytearray(last) + data

    def end(self) -> bool:
        """The client finished. False when bytes of the content-length are missing."""
        if self._expected is not None and self.received != self._expected:
            return False
        self.state = BodyState.ENDED
        return True

    def break_off(self) -> None:
        """Nothing more will come; what was not read is dropped, so that it is held no longer."""
        self.state = BodyState.BROKEN
        self._chunks.clear()
        self.unread = 0

    @property
    def readable(self) -> bool:
        """Whether `read` has something to say: bytes, or the end."""
        return bool(self._chunks) or self.state is BodyState.ENDED

    def read(self) -> tuple[bytes, bool]:
        """The next bytes and whether more follow."""
        parts: list[bytes | bytearray] = []
        size = 0
        while self._chunks and (not parts or size + len(self._chunks[0]) <= READ_BYTES):
            parts.append(self._chunks.popleft())
            size += len(parts[-1])
        self.unread -= size
        more = bool(self._chunks) or self.state is not BodyState.ENDED
        return b"".join(parts), more
