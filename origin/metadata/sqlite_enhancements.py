"""Claims on enhancements in SQLite: a statement for a connection of `origin.sqlite_database`."""

from __future__ import annotations

import sqlite3


def claim(connection: sqlite3.Connection, video_id: int, owner: str, now_ms: int, ends_at_ms: int) -> bool:
    connection.execute("DELETE FROM enhancements WHERE ends_at_ms <= ?", (now_ms,))
    changed = connection.execute(
        "INSERT INTO enhancements VALUES (?, ?, ?) ON CONFLICT (video_id)"
        " DO UPDATE SET ends_at_ms = excluded.ends_at_ms WHERE owner = excluded.owner",
        (video_id, owner, ends_at_ms),
    )
    return changed.rowcount == 1
