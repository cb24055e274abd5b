"""Rules: how much of a nuisance a connection may be before it is closed (RFC 9114 10.5)."""

from __future__ import annotations

from dataclasses import dataclass

BURST_S = 2.0
"""A bucket holds this many seconds of its rate, so that a page's burst of cancelled requests is no flood."""

BYTES_PER_FREE_FRAME = 256
"""A sender that fills packets makes at most about one frame per 256 bytes."""


class EventBudget:
    """A token bucket over a connection's monotonic clock."""

    __slots__ = ("_at_s", "_capacity", "_rate", "_tokens")

    def __init__(self, per_s: int, now_s: float) -> None:
        self._rate = per_s
        self._capacity = per_s * BURST_S
        self._tokens = self._capacity
        self._at_s = now_s

    def spend(self, events: int, now_s: float) -> bool:
        """Take `events` tokens. False when there are not enough: the connection is flooding."""
        self._tokens = min(self._capacity, self._tokens + (now_s - self._at_s) * self._rate)
        self._at_s = now_s
        if events > self._tokens:
            self._tokens = 0.0
            return False
        self._tokens -= events
        return True


def excess_frames(frames: int, payload_bytes: int) -> int:
    """Frames beyond what `payload_bytes` of stream data explain."""
    return max(0, frames - payload_bytes // BYTES_PER_FREE_FRAME)


@dataclass(frozen=True, slots=True)
class SendBounds:
    """How many unsent or unacknowledged bytes may be held, by stream and by connection."""

    stream_bytes: int
    connection_bytes: int

    def allow(self, stream_held: int, connection_held: int) -> bool:
        """Whether another chunk may be added. An empty stream always may: stalled streams of a connection
        must not starve the rest (the cost is one chunk a stream)."""
        if stream_held == 0:
            return True
        return stream_held < self.stream_bytes and connection_held < self.connection_bytes
