"""Rules: how much a peer may send, decided by what the application has consumed (RFC 9000 4.1, 4.2).

Words: *highest* is one past the largest offset received on a stream; *held* are the bytes below it that the
application has not consumed (reassembly gaps, an unfinished frame, unread body); *consumed* is the difference.
A stream may run `window` bytes ahead of what was consumed, and so may the connection over all of its streams.
"""

from __future__ import annotations

UPDATE_FRACTION = 4
"""A new limit is announced when it grants at least a quarter of the window, so that small reads do not each
cost a frame."""


def raised_limit(consumed: int, window: int, granted: int) -> int | None:
    """The new absolute limit, or None while `granted` is near enough to it."""
    limit = consumed + window
    return limit if limit - granted >= max(1, window // UPDATE_FRACTION) else None


class ReceiveLedger:
    """What each stream of a connection holds, and their sum. Pure bookkeeping: no limits are sent here."""

    __slots__ = ("_held", "_total")

    def __init__(self) -> None:
        self._held: dict[int, int] = {}
        self._total = 0

    @property
    def held(self) -> int:
        """Bytes held over all streams."""
        return self._total

    def settle(self, stream_id: int, held: int) -> None:
        """Record that `stream_id` now holds `held` bytes; 0 forgets the stream."""
        self._total += held - self._held.pop(stream_id, 0)
        if held:
            self._held[stream_id] = held
