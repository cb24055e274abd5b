"""Prints in SQLite: statements that run on a connection of `origin.sqlite_database`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence, Set

from origin.metadata.base import BAND_MOST
from origin.prints import Print, bands


def keep(connection: sqlite3.Connection, video_id: int, print_: Print) -> None:
    connection.execute("INSERT OR REPLACE INTO prints VALUES (?, ?, ?)", (video_id, print_.pictures, print_.sound))
    connection.execute(
        "INSERT OR IGNORE INTO print_bands SELECT asked.value, ?1 FROM json_each(?2) AS asked"
        " WHERE (SELECT count(*) FROM print_bands WHERE band = asked.value) < ?3",
        (video_id, json.dumps(sorted(bands(print_))), BAND_MOST),
    )


def holders(connection: sqlite3.Connection, bands: Set[int]) -> list[int]:
    rows = connection.execute(
        "SELECT video_id FROM json_each(?) AS asked JOIN print_bands ON band = asked.value",
        (json.dumps(sorted(bands)),),
    )
    return [row[0] for row in rows]


def several(connection: sqlite3.Connection, video_ids: Sequence[int]) -> dict[int, Print]:
    rows = connection.execute(
        "SELECT video_id, pictures, sound FROM prints WHERE video_id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(video_ids)),),
    )
    return {row[0]: Print(row[1], row[2]) for row in rows}


def forget(connection: sqlite3.Connection, video_id: int) -> None:
    if (kept := several(connection, [video_id]).get(video_id)) is None:
        return
    connection.execute(
        "DELETE FROM print_bands WHERE video_id = ? AND band IN (SELECT value FROM json_each(?))",
        (video_id, json.dumps(sorted(bands(kept)))),
    )
    connection.execute("DELETE FROM prints WHERE video_id = ?", (video_id,))
