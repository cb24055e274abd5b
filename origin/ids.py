"""Snowflake ids: 41 bits of milliseconds since EPOCH_MS, 10 bits of worker number, 12 bits of sequence.

Rules file. A worker number is leased (`metadata.lease_worker`), so no two processes share one.
Layout after Twitter's Snowflake (2010): ids sort by time and fit a signed 64-bit integer.
"""

from __future__ import annotations

from dataclasses import dataclass

EPOCH_MS = 1_735_689_600_000
"""2025-01-01T00:00:00Z; 41 bits last until September 2094."""
WORKERS = 1 << 10
SEQUENCES = 1 << 12
MAX_ID = (1 << 63) - 1


class ClockBehindEpoch(ValueError):
    """The clock shows a time before EPOCH_MS: the machine's date is wrong."""


class NoIds(Exception):
    """The lease of the worker number ended and no other could be had yet: a retry helps."""


def since_epoch(now_ms: int) -> int:
    """Milliseconds. Raises ClockBehindEpoch."""
    if now_ms < EPOCH_MS:
        raise ClockBehindEpoch(f"this machine's clock says {now_ms} ms since 1970, which is before 2025: set it right")
    return now_ms - EPOCH_MS


@dataclass(slots=True)
class Snowflake:
    """Mints ids for one worker number.

    A clock that steps back never yields a duplicate: the generator keeps counting from the highest
    millisecond it has used, and borrows the next millisecond when a sequence runs out.
    """

    worker: int
    _last_ms: int = 0
    _sequence: int = -1

    def __post_init__(self) -> None:
        if not 0 <= self.worker < WORKERS:
            raise ValueError(f"worker number {self.worker} is outside 0..{WORKERS - 1}")

    def mint(self, now_ms: int) -> int:
        """Return a new id; `now_ms` is epoch milliseconds.

        Raises ClockBehindEpoch before 2025.
        """
        elapsed = since_epoch(now_ms)
        if elapsed > self._last_ms:
            self._last_ms, self._sequence = elapsed, 0
        elif self._sequence + 1 < SEQUENCES:
            self._sequence += 1
        else:
            self._last_ms, self._sequence = self._last_ms + 1, 0
        return (self._last_ms << 22) | (self.worker << 12) | self._sequence


def parse_id(text: str) -> int:
    """Parse a decimal id from outside; raises ValueError with a sentence for the caller."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        raise ValueError(f"{text[:32]!r} is not an id: ids are decimal numbers of up to 19 digits")
    value = int(text)
    if value > MAX_ID:
        raise ValueError(f"{text} is not an id: it does not fit 63 bits")
    return value
