"""Users in SQLite: statements that run on a connection of `origin.sqlite_database`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from origin.metadata.base import HandleTaken, NotFound
from origin.model import User

_SELECT = "SELECT user_id, handle, guest, created_at_ms FROM users"
_SEVERAL = f"{_SELECT} WHERE user_id IN (SELECT value FROM json_each(?))"  # noqa: S608 -- constants only


def _user(row: tuple[Any, ...]) -> User:
    return User(row[0], row[1], bool(row[2]), row[3])


def create(connection: sqlite3.Connection, user: User) -> None:
    _refuse_taken(connection, user.handle, user.user_id)
    connection.execute(
        "INSERT INTO users (user_id, handle, handle_key, guest, created_at_ms) VALUES (?, ?, ?, ?, ?)",
        (user.user_id, user.handle, user.handle.casefold(), user.guest, user.created_at_ms),
    )


def rename(connection: sqlite3.Connection, user_id: int, handle: str) -> User:
    one(connection, user_id)
    _refuse_taken(connection, handle, user_id)
    connection.execute(
        "UPDATE users SET handle = ?, handle_key = ?, guest = 0 WHERE user_id = ?", (handle, handle.casefold(), user_id)
    )
    return one(connection, user_id)


def _refuse_taken(connection: sqlite3.Connection, handle: str, user_id: int) -> None:
    row = connection.execute("SELECT user_id FROM users WHERE handle_key = ?", (handle.casefold(),)).fetchone()
    if row is not None and row[0] != user_id:
        raise HandleTaken(f"the handle {handle!r} is taken")


def one(connection: sqlite3.Connection, user_id: int) -> User:
    row = connection.execute(f"{_SELECT} WHERE user_id = ?", (user_id,)).fetchone()
    if row is None:
        raise NotFound(f"no user {user_id}")
    return _user(row)


def several(connection: sqlite3.Connection, user_ids: Sequence[int]) -> dict[int, User]:
    rows = connection.execute(_SEVERAL, (json.dumps(list(user_ids)),))
    return {row[0]: _user(row) for row in rows}
