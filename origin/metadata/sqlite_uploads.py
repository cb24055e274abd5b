"""Uploads in SQLite: statements that run on a connection of `origin.sqlite_database`."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import Any

from origin.metadata import upload_terms
from origin.metadata.base import NotFound
from origin.model import Upload, UploadState

_SELECT = """SELECT upload_id, video_id, user_id, state, length, metadata, multipart_id, object_key,
    created_at_ms, expires_at_ms, terms FROM uploads"""
_STATES = tuple(UploadState)


def _upload(row: tuple[Any, ...]) -> Upload:
    upload = Upload(row[0], row[1], row[2], _STATES[row[3]], *row[4:10])
    return replace(upload, terms=upload_terms.decode(row[10]))


def create(connection: sqlite3.Connection, upload: Upload) -> None:
    connection.execute(
        "INSERT INTO uploads VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            upload.upload_id,
            upload.video_id,
            upload.user_id,
            _STATES.index(upload.state),
            upload.length,
            upload.metadata,
            upload.multipart_id,
            upload.object_key,
            upload.created_at_ms,
            upload.expires_at_ms,
            upload_terms.encode(upload.terms),
        ),
    )


def one(connection: sqlite3.Connection, upload_id: int) -> Upload:
    row = connection.execute(f"{_SELECT} WHERE upload_id = ?", (upload_id,)).fetchone()
    if row is None:
        raise NotFound(f"no upload {upload_id}")
    return _upload(row)


def set_length(connection: sqlite3.Connection, upload_id: int, length: int) -> bool:
    changed = connection.execute(
        "UPDATE uploads SET length = ?1 WHERE upload_id = ?2 AND (length IS NULL OR length = ?1)", (length, upload_id)
    )
    return changed.rowcount == 1


def set_digest(connection: sqlite3.Connection, upload_id: int, digest: str) -> None:
    row = connection.execute("SELECT terms FROM uploads WHERE upload_id = ?", (upload_id,)).fetchone()
    if row is not None:
        terms = upload_terms.encode(replace(upload_terms.decode(row[0]), digest=digest))
        connection.execute("UPDATE uploads SET terms = ? WHERE upload_id = ?", (terms, upload_id))


def advance(connection: sqlite3.Connection, upload_id: int, state: UploadState) -> None:
    connection.execute(
        "UPDATE uploads SET state = max(state, ?) WHERE upload_id = ?", (_STATES.index(state), upload_id)
    )


def delete(connection: sqlite3.Connection, upload_id: int) -> None:
    connection.execute("DELETE FROM uploads WHERE upload_id = ?", (upload_id,))


def in_state(connection: sqlite3.Connection, state: UploadState, after_id: int, limit: int) -> list[Upload]:
    rows = connection.execute(
        f"{_SELECT} WHERE state = ? AND upload_id > ? ORDER BY upload_id LIMIT ?",
        (_STATES.index(state), after_id, limit),
    )
    return [_upload(row) for row in rows]


def of_user(connection: sqlite3.Connection, user_id: int, state: UploadState, limit: int) -> list[Upload]:
    rows = connection.execute(
        f"{_SELECT} WHERE user_id = ? AND state = ? ORDER BY upload_id LIMIT ?", (user_id, _STATES.index(state), limit)
    )
    return [_upload(row) for row in rows]
