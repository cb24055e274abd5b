"""The words of the spool. Rules file.

Words: a *record* is what one request wants kept, under the *key* that orders it (the user id). Records lie in
*segments*, numbered files that only grow; a *place* is where in them something ends. Records up to the *consumed* place
are done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


class SpoolError(Exception):
    """The root of the spool's errors. What was to be kept is not acknowledged; a retry helps later."""


class SpoolFull(SpoolError):
    """A bound of the spool or its disk is reached: the origin has been away for too long."""


class SpoolUnavailable(SpoolError):
    """The folder cannot be read or written, or the spool is closed."""


class SpoolTaken(SpoolError):
    """Another process has this folder."""


@dataclass(frozen=True, slots=True)
class SpoolSettings:
    bytes_most: int = 256 << 20
    """Waiting on disk at most; one act takes about 250 bytes. Up to one segment of consumed records comes on top."""
    records_most: int = 500_000
    """Requests waiting at most; each takes about 100 bytes of memory if every one is of another user."""
    segment_bytes: int = 8 << 20
    """From this size on a segment is closed and another one begun."""
    deadline_s: float = 0.4
    """How long a request waits for the origin before its acts are spooled."""
    forward_deadline_s: float = 5.0
    """How long the forwarder waits for one record to be taken."""
    forward_records: int = 500
    """Records forwarded before the consumed place is written down: what a crash makes it repeat at most."""
    forward_at_once: int = 16
    """Users whose records are forwarded at the same time."""
    attempts_most: int = 10
    """A record at which the origin fails so often, other than by being away, is dropped as poison."""


@dataclass(slots=True)
class SpoolStats:
    """Counters since the start, in acts unless they say otherwise."""

    spooled: int = 0
    """Acknowledged from the spool."""
    forwarded: int = 0
    """Taken by the origin from the spool; repeats after a crash count again."""
    refused: int = 0
    """Refused by the origin when they were forwarded, and dropped."""
    poison: int = 0
    """Records that could not be read, or at which the origin failed again and again; dropped."""
    full: int = 0
    """Requests answered 503 because the spool was full."""
    syncs: int = 0
    """Writes of the folder that were made durable; many records share one."""
    retries: int = 0
    """Rounds of the forwarder in which the origin was away."""
    lost_bytes: int = 0
    """At the end of segments that were no records when the folder was opened: what a crash had not let finish."""
    pending: int = field(default=0, metadata={"gauge": True})
    """Records that wait."""
    pending_bytes: int = field(default=0, metadata={"gauge": True})
    oldest_age_ms: int = field(default=0, metadata={"gauge": True})
    """How long the first of them has waited."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    segment: int
    offset: int
    """Bytes from the beginning of the segment."""


@dataclass(frozen=True, slots=True)
class Spooled:
    """One record read back."""

    key: int
    at_ms: int
    """When it was spooled."""
    payload: bytes
    size_bytes: int
    """On disk."""
    end: Place


@dataclass(frozen=True, slots=True)
class Contents:
    """What a folder holds when it is opened."""

    consumed: Place
    keys: Mapping[int, int]
    """Key → how many records wait."""
    records: int
    size_bytes: int
    oldest_at_ms: int
    """0: nothing waits."""
    lost_bytes: int
