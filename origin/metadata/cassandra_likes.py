"""Likes in Cassandra: the viewer's own state, and what each like event counted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from origin.metadata.base import ASK_AGAIN_OFFSETS
from origin.metadata.cassandra_buckets import month_of_id
from origin.metadata.cassandra_session import CassandraSession, Statement

_LIKE = Statement("INSERT INTO likes (user_id, bucket, video_id, liked_at) VALUES (?, ?, ?, ?)")
_UNLIKE = Statement("DELETE FROM likes WHERE user_id = ? AND bucket = ? AND video_id = ?")
_LIKED = Statement("SELECT video_id FROM likes WHERE user_id = ? AND bucket = ? AND video_id IN ?")
_COUNTED = "SELECT log_offset, liked, delta FROM counted_likes WHERE user_id = ? AND video_id = ?"
_NEWEST_COUNTED = Statement(f"{_COUNTED} LIMIT 1")
_COUNTED_AT = Statement(f"{_COUNTED} AND log_offset = ?")
_COUNT = Statement("INSERT INTO counted_likes (user_id, video_id, log_offset, liked, delta) VALUES (?, ?, ?, ?, ?)")
_FORGET = Statement("DELETE FROM counted_likes WHERE user_id = ? AND video_id = ? AND log_offset < ?")


async def set_like(session: CassandraSession, user_id: int, video_id: int, liked: bool, now_ms: int) -> None:
    if liked:
        await session.write(_LIKE, user_id, month_of_id(video_id), video_id, now_ms)
    else:
        await session.write(_UNLIKE, user_id, month_of_id(video_id), video_id)


async def liked(session: CassandraSession, user_id: int, video_ids: Sequence[int]) -> set[int]:
    by_bucket: dict[int, list[int]] = {}
    for video_id in video_ids:
        by_bucket.setdefault(month_of_id(video_id), []).append(video_id)
    answers = await asyncio.gather(*(session.each(_LIKED, ids, user_id, bucket) for bucket, ids in by_bucket.items()))
    return {row[0] for rows in answers for row in rows}


async def count_like(session: CassandraSession, user_id: int, video_id: int, liked: bool, offset: int) -> int:
    """An answer is a row, so asking again finds it.

    Two who ask at once (a consumer and its successor) read the same log in the same order: both have counted what
    comes before `offset`, so both write the same row. No compare-and-set is needed.
    """
    newest = await session.row(_NEWEST_COUNTED, user_id, video_id)
    if newest is not None and offset <= newest[0]:
        row = await session.row(_COUNTED_AT, user_id, video_id, offset)
        return int(row[2]) if row else 0
    delta = int(liked) - int(newest is not None and newest[1])
    await session.write(_COUNT, user_id, video_id, offset, liked, delta)
    if newest is not None and newest[0] // ASK_AGAIN_OFFSETS != offset // ASK_AGAIN_OFFSETS:
        # Once per span: a tombstone for every like would cost each later read.
        await session.write(_FORGET, user_id, video_id, offset - ASK_AGAIN_OFFSETS)
    return delta
