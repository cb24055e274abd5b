"""Counts, hot videos and worker numbers in SQLite: statements for a connection of `origin.sqlite_database`."""

from __future__ import annotations

import json
import sqlite3

from origin.counters.base import Batch
from origin.ids import WORKERS
from origin.metadata.base import BatchForked, Heat, NoWorkerNumber
from origin.metadata.batch_text import written_of, written_text
from origin.metadata.heat import HEAT_OF, HOT_HOURS_KEPT, hour_of, weights
from origin.model import CountKind

BATCHES_KEPT_MS = 7 * 24 * 3600 * 1000
_ADD = {
    CountKind.VIEWS: "UPDATE videos SET views = views + ? WHERE video_id = ?",
    CountKind.LIKES: "UPDATE videos SET likes = likes + ? WHERE video_id = ?",
    CountKind.COMMENTS: "UPDATE videos SET comments = comments + ? WHERE video_id = ?",
    CountKind.SHARES: "UPDATE videos SET shares = shares + ? WHERE video_id = ?",
}


def apply(connection: sqlite3.Connection, batch: Batch, now_ms: int) -> bool:
    fresh = connection.execute("INSERT OR IGNORE INTO count_batches VALUES (?, ?)", (batch.batch_id, now_ms))
    if fresh.rowcount != 1:
        return False
    row = connection.execute("SELECT written FROM count_chain").fetchone()
    if row is not None and (written := written_of(row[0])).batch_id != batch.after:
        raise BatchForked(batch, written)
    connection.execute("INSERT OR REPLACE INTO count_chain VALUES (1, ?)", (written_text(batch),))
    heat: dict[int, int] = {}
    for (video_id, kind), delta in batch.deltas.items():
        connection.execute(_ADD[kind], (delta, video_id))
        heat[video_id] = heat.get(video_id, 0) + HEAT_OF[kind] * delta
    hour = hour_of(now_ms)
    connection.executemany(
        "INSERT INTO hot_hours VALUES (?, ?, ?)"
        " ON CONFLICT (hour, video_id) DO UPDATE SET score = score + excluded.score",
        [(hour, video_id, score) for video_id, score in heat.items()],
    )
    connection.execute("DELETE FROM count_batches WHERE applied_at_ms < ?", (now_ms - BATCHES_KEPT_MS,))
    connection.execute("DELETE FROM hot_hours WHERE hour < ?", (hour - HOT_HOURS_KEPT,))
    return True


def hot(connection: sqlite3.Connection, now_ms: int, hours: int, limit: int) -> list[Heat]:
    rows = connection.execute(
        """WITH weights AS (SELECT json_extract(value, '$[0]') AS hour, json_extract(value, '$[1]') AS weight
                FROM json_each(?1)),
            heats AS (SELECT h.video_id, sum(h.score * w.weight) AS heat
                FROM weights w JOIN hot_hours h ON h.hour = w.hour GROUP BY h.video_id)
        SELECT heats.video_id, heats.heat FROM heats JOIN videos v ON v.video_id = heats.video_id
        WHERE heats.heat > 0 AND v.visibility = 'public' AND v.status IN ('playable', 'ready')
        ORDER BY heats.heat DESC, heats.video_id DESC LIMIT ?2""",
        (json.dumps(weights(now_ms, hours)), limit),
    )
    return [Heat(*row) for row in rows]


def lease_worker(connection: sqlite3.Connection, owner: str, now_ms: int, lease_ms: int) -> int:
    number = _free_number(connection, now_ms)
    connection.execute(
        "INSERT OR REPLACE INTO workers VALUES (?, ?, ?, ?)",
        (number, owner, now_ms + lease_ms, now_ms + 2 * lease_ms),
    )
    return number


def _free_number(connection: sqlite3.Connection, now_ms: int) -> int:
    # A number that nobody has held is the safest; then the one that rests longest.
    (used,) = connection.execute("SELECT count(*) FROM workers").fetchone()
    if used < WORKERS:
        return int(used)
    row = connection.execute(
        "SELECT number FROM workers WHERE free_at_ms <= ? ORDER BY free_at_ms LIMIT 1", (now_ms,)
    ).fetchone()
    if row is None:
        raise NoWorkerNumber(f"all {WORKERS} worker numbers are leased")
    return int(row[0])


def renew_worker(connection: sqlite3.Connection, number: int, owner: str, now_ms: int, lease_ms: int) -> bool:
    changed = connection.execute(
        "UPDATE workers SET ends_at_ms = ?, free_at_ms = ? WHERE number = ? AND owner = ? AND ends_at_ms > ?",
        (now_ms + lease_ms, now_ms + 2 * lease_ms, number, owner, now_ms),
    )
    return changed.rowcount == 1


def release_worker(connection: sqlite3.Connection, number: int, owner: str) -> None:
    # It rests until its lease would have ended: the holder's clock may be ahead of its successor's.
    connection.execute(
        "UPDATE workers SET owner = '', free_at_ms = ends_at_ms WHERE number = ? AND owner = ?", (number, owner)
    )
