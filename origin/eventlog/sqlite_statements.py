"""The event log's statements; each runs on a connection of `origin.sqlite_database`."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from origin.eventlog.base import Position, Record
from origin.eventlog.retention import droppable_until

PARTITION = 0
"""The only one of every topic."""
_TRIM_ROWS = 1_000
"""Per transaction, so that appends never wait long for a trim."""


def append(connection: sqlite3.Connection, topic: str, records: Sequence[tuple[str, bytes]], now_ms: int) -> int:
    row = connection.execute(
        "INSERT INTO heads VALUES (?1, 0, ?2) ON CONFLICT (topic) DO UPDATE SET next_offset = next_offset + ?2"
        " RETURNING next_offset",
        (topic, len(records)),
    ).fetchone()
    first = int(row[0]) - len(records)
    connection.executemany(
        "INSERT INTO records VALUES (?, ?, ?, ?, ?)",
        [(topic, first + index, key, value, now_ms) for index, (key, value) in enumerate(records)],
    )
    return first


def read(connection: sqlite3.Connection, topic: str, next_offset: int, limit: int) -> list[Record]:
    rows = connection.execute(
        'SELECT "offset", key, value, appended_at_ms FROM records WHERE topic = ? AND "offset" >= ?'
        ' ORDER BY "offset" LIMIT ?',
        (topic, next_offset, limit),
    )
    return [Record(Position(topic, PARTITION, row[0]), row[1], row[2], row[3]) for row in rows]


def read_all(connection: sqlite3.Connection, wanted: Mapping[str, int], limit: int) -> list[Record]:
    records: list[Record] = []
    for topic, next_offset in wanted.items():
        if len(records) < limit:
            records += read(connection, topic, next_offset, limit - len(records))
    return records


def committed(connection: sqlite3.Connection, group: str, topic: str) -> int:
    row = connection.execute(
        "SELECT next_offset FROM commits WHERE consumer_group = ? AND topic = ?", (group, topic)
    ).fetchone()
    return int(row[0]) if row else 0


def commit(connection: sqlite3.Connection, group: str, position: Position) -> None:
    connection.execute(
        "INSERT INTO commits VALUES (?, ?, ?) ON CONFLICT (consumer_group, topic)"
        " DO UPDATE SET next_offset = max(next_offset, excluded.next_offset)",
        (group, position.topic, position.offset + 1),
    )


def lag(connection: sqlite3.Connection, group: str, topics: Sequence[str]) -> int:
    return sum(_lag_of(connection, group, topic) for topic in topics)


def _lag_of(connection: sqlite3.Connection, group: str, topic: str) -> int:
    row = connection.execute("SELECT first_offset, next_offset FROM heads WHERE topic = ?", (topic,)).fetchone()
    return row[1] - max(row[0], committed(connection, group, topic)) if row else 0


def topics(connection: sqlite3.Connection) -> list[str]:
    return [topic for (topic,) in connection.execute("SELECT topic FROM heads")]


def trim_age(connection: sqlite3.Connection, topic: str, before_ms: int) -> int:
    head = connection.execute("SELECT next_offset FROM heads WHERE topic = ?", (topic,)).fetchone()
    wanted = [row[0] for row in connection.execute("SELECT next_offset FROM commits WHERE topic = ?", (topic,))]
    rows = connection.execute(
        'SELECT "offset", appended_at_ms FROM records WHERE topic = ? AND "offset" < ? ORDER BY "offset" LIMIT ?',
        (topic, droppable_until(head[0], wanted), _TRIM_ROWS),
    )
    old = 0
    until = -1
    for offset, appended_at_ms in rows:
        if appended_at_ms >= before_ms:
            break
        old, until = old + 1, offset + 1
    if old:
        _forget(connection, topic, until)
    return old


def trim_oldest(connection: sqlite3.Connection) -> int:
    firsts = connection.execute(
        "SELECT r.appended_at_ms, h.topic, h.first_offset, h.next_offset FROM heads h"
        ' JOIN records r ON r.topic = h.topic AND r."offset" = h.first_offset'
    ).fetchall()
    if not firsts:
        return 0
    _, topic, first, head = min(firsts)
    until = min(first + _TRIM_ROWS, head)
    _forget(connection, topic, until)
    return int(until - first)


def _forget(connection: sqlite3.Connection, topic: str, until: int) -> None:
    connection.execute('DELETE FROM records WHERE topic = ? AND "offset" < ?', (topic, until))
    connection.execute("UPDATE heads SET first_offset = ? WHERE topic = ?", (until, topic))


def used_bytes(connection: sqlite3.Connection) -> int:
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)
