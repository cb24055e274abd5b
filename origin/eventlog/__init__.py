"""The event log: durable, ordered, with consumer groups. See `base` for the contract."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from origin.eventlog.base import (
    Consumer,
    EventLog,
    EventLogError,
    LogDenied,
    LogFull,
    LogUnavailable,
    LogUnprepared,
    Position,
    Record,
)
from origin.eventlog.kafka import KafkaEventLog
from origin.eventlog.kafka_address import parse_kafka_url
from origin.eventlog.kafka_topics import prepare_topics
from origin.eventlog.memory import MemoryEventLog
from origin.eventlog.retention import Retention
from origin.eventlog.sqlite import SqliteEventLog
from origin.sqlite_database import MEMORY, database_path

__all__ = [
    "Consumer",
    "EventLog",
    "EventLogError",
    "LogDenied",
    "LogFull",
    "LogUnavailable",
    "LogUnprepared",
    "Position",
    "Record",
    "Retention",
    "open_eventlog",
    "prepare_eventlog",
]
_KAFKA = "kafka://"


def open_eventlog(url: str, clock: Callable[[], int], retention: Retention | None = None) -> EventLog:
    """Open the event log that a URL names: `sqlite:///file`, `kafka://host:port,…`, or `memory:` for simulations.

    `clock` gives epoch milliseconds. Raises ValueError for another scheme and LogUnavailable when the file cannot be
    used.
    """
    if url == "memory:":
        return MemoryEventLog(clock)
    if url.startswith(_KAFKA):
        return KafkaEventLog(parse_kafka_url(url))
    path = database_path(url)
    if path == MEMORY:
        raise ValueError("an event log in memory is memory:, not sqlite:///:memory:")
    return SqliteEventLog(path, clock, retention)


async def prepare_eventlog(url: str, retention: Retention | None = None) -> Sequence[str]:
    """Make the topics where the engine must be told of them; returns a line for each thing done or found wanting.

    May be repeated, and run twice at once. Raises ValueError for a URL that cannot be read, and EventLogError.
    """
    if not url.startswith(_KAFKA):
        return []
    return await prepare_topics(parse_kafka_url(url), retention or Retention())
