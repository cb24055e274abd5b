"""The event log: durable, ordered, with consumer groups. See `base` for the contract."""

from __future__ import annotations

from collections.abc import Callable

from origin.eventlog.base import Consumer, EventLog, EventLogError, LogFull, LogUnavailable, Position, Record
from origin.eventlog.memory import MemoryEventLog
from origin.eventlog.retention import Retention
from origin.eventlog.sqlite import SqliteEventLog
from origin.sqlite_database import MEMORY, database_path

__all__ = [
    "Consumer",
    "EventLog",
    "EventLogError",
    "LogFull",
    "LogUnavailable",
    "Position",
    "Record",
    "Retention",
    "open_eventlog",
]


def open_eventlog(url: str, clock: Callable[[], int], retention: Retention | None = None) -> EventLog:
    """Open the event log that a URL names: `sqlite:///file`, or `memory:` for simulations.

    `clock` gives epoch milliseconds. Raises ValueError for another scheme and LogUnavailable when the file cannot be
    used.
    """
    if url == "memory:":
        return MemoryEventLog(clock)
    path = database_path(url)
    if path == MEMORY:
        raise ValueError("an event log in memory is memory:, not sqlite:///:memory:")
    return SqliteEventLog(path, clock, retention)
