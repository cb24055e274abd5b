"""Likes, comments and follows in SQLite: statements that run on a connection of `origin.sqlite_database`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from origin.ids import MAX_ID
from origin.metadata.base import ASK_AGAIN_OFFSETS, Edge, NotFound
from origin.model import Comment

_COMMENT = "SELECT comment_id, video_id, user_id, text, created_at_ms FROM comments"


def set_like(connection: sqlite3.Connection, user_id: int, video_id: int, liked: bool, now_ms: int) -> None:
    if liked:
        connection.execute("INSERT OR IGNORE INTO likes VALUES (?, ?, ?)", (user_id, video_id, now_ms))
    else:
        connection.execute("DELETE FROM likes WHERE user_id = ? AND video_id = ?", (user_id, video_id))


def count_like(connection: sqlite3.Connection, user_id: int, video_id: int, liked: bool, offset: int) -> int:
    newest = connection.execute(
        'SELECT "offset", liked FROM counted_likes WHERE user_id = ? AND video_id = ? ORDER BY "offset" DESC LIMIT 1',
        (user_id, video_id),
    ).fetchone()
    if newest is not None and offset <= newest[0]:
        return _counted_before(connection, user_id, video_id, offset)
    was_liked = newest is not None and bool(newest[1])
    delta = int(liked) - int(was_liked)
    connection.execute("INSERT INTO counted_likes VALUES (?, ?, ?, ?, ?)", (user_id, video_id, offset, liked, delta))
    connection.execute(
        'DELETE FROM counted_likes WHERE user_id = ? AND video_id = ? AND "offset" < ?',
        (user_id, video_id, offset - ASK_AGAIN_OFFSETS),
    )
    return delta


def _counted_before(connection: sqlite3.Connection, user_id: int, video_id: int, offset: int) -> int:
    row = connection.execute(
        'SELECT delta FROM counted_likes WHERE user_id = ? AND video_id = ? AND "offset" = ?',
        (user_id, video_id, offset),
    ).fetchone()
    return int(row[0]) if row else 0


def liked(connection: sqlite3.Connection, user_id: int, video_ids: Sequence[int]) -> set[int]:
    rows = connection.execute(
        "SELECT video_id FROM likes WHERE user_id = ? AND video_id IN (SELECT value FROM json_each(?))",
        (user_id, json.dumps(list(video_ids))),
    )
    return {row[0] for row in rows}


def _comment(row: tuple[Any, ...]) -> Comment:
    return Comment(*row)


def add_comment(connection: sqlite3.Connection, comment: Comment) -> None:
    connection.execute(
        "INSERT OR IGNORE INTO comments VALUES (?, ?, ?, ?, ?)",
        (comment.comment_id, comment.video_id, comment.user_id, comment.text, comment.created_at_ms),
    )


def comment(connection: sqlite3.Connection, comment_id: int) -> Comment:
    row = connection.execute(f"{_COMMENT} WHERE comment_id = ?", (comment_id,)).fetchone()
    if row is None:
        raise NotFound(f"no comment {comment_id}")
    return _comment(row)


def delete_comment(connection: sqlite3.Connection, comment_id: int) -> bool:
    return connection.execute("DELETE FROM comments WHERE comment_id = ?", (comment_id,)).rowcount == 1


def comments(connection: sqlite3.Connection, video_id: int, before_id: int | None, limit: int) -> list[Comment]:
    rows = connection.execute(
        f"{_COMMENT} WHERE video_id = ? AND comment_id < ? ORDER BY comment_id DESC LIMIT ?",
        (video_id, MAX_ID if before_id is None else before_id, limit),
    )
    return [_comment(row) for row in rows]


def set_follow(
    connection: sqlite3.Connection, follower_id: int, followee_id: int, following: bool, now_ms: int
) -> None:
    if not following:
        connection.execute("DELETE FROM follows WHERE follower_id = ? AND followee_id = ?", (follower_id, followee_id))
        return
    if follows(connection, follower_id, [followee_id]):
        return
    since_ms = now_ms
    while connection.execute(
        "SELECT 1 FROM follows WHERE follower_id = ?1 AND since_ms = ?3"
        " UNION ALL SELECT 1 FROM follows WHERE followee_id = ?2 AND since_ms = ?3",
        (follower_id, followee_id, since_ms),
    ).fetchone():
        since_ms += 1
    connection.execute("INSERT INTO follows VALUES (?, ?, ?)", (follower_id, followee_id, since_ms))


def follows(connection: sqlite3.Connection, follower_id: int, user_ids: Sequence[int]) -> set[int]:
    rows = connection.execute(
        "SELECT followee_id FROM follows WHERE follower_id = ? AND followee_id IN (SELECT value FROM json_each(?))",
        (follower_id, json.dumps(list(user_ids))),
    )
    return {row[0] for row in rows}


def followers(connection: sqlite3.Connection, user_id: int, before_ms: int | None, limit: int) -> list[Edge]:
    rows = connection.execute(
        "SELECT follower_id, since_ms FROM follows WHERE followee_id = ? AND since_ms < ?"
        " ORDER BY since_ms DESC LIMIT ?",
        (user_id, MAX_ID if before_ms is None else before_ms, limit),
    )
    return [Edge(*row) for row in rows]


def following(connection: sqlite3.Connection, user_id: int, before_ms: int | None, limit: int) -> list[Edge]:
    rows = connection.execute(
        "SELECT followee_id, since_ms FROM follows WHERE follower_id = ? AND since_ms < ?"
        " ORDER BY since_ms DESC LIMIT ?",
        (user_id, MAX_ID if before_ms is None else before_ms, limit),
    )
    return [Edge(*row) for row in rows]


def user_counts(connection: sqlite3.Connection, user_id: int) -> dict[str, int]:
    row = connection.execute(
        """SELECT (SELECT count(*) FROM follows WHERE followee_id = ?1),
            (SELECT count(*) FROM follows WHERE follower_id = ?1), count(*), coalesce(sum(likes), 0)
        FROM videos WHERE creator_id = ?1 AND visibility = 'public' AND status IN ('playable', 'ready')""",
        (user_id,),
    ).fetchone()
    return dict(zip(("followers", "following", "videos", "likes"), row, strict=True))
