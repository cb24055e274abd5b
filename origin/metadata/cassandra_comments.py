"""Comments in Cassandra: a row by id, which is the truth of whether it is there, and a row in its video's list."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence

from origin.metadata.base import NotFound
from origin.metadata.cassandra_buckets import day_of_id
from origin.metadata.cassandra_lists import Listing, name_lasting, page_of
from origin.metadata.cassandra_session import CassandraSession, Row, Statement, compare_and_set, settled
from origin.metadata.cassandra_shown import before
from origin.model import Comment

_LIST = "comments of"
_COLUMNS = "comment_id, video_id, user_id, body, toUnixTimestamp(created_at)"
# Written once at timestamp 1 and then deleted by compare-and-set only: an addition that comes late revives nothing.
_ADD = Statement(
    "INSERT INTO comments (comment_id, video_id, user_id, body, created_at) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP 1"
)
_READ = Statement(f"SELECT {_COLUMNS}, change FROM comments WHERE comment_id = ?")  # noqa: S608 -- constants only
_DELETE = compare_and_set(
    "UPDATE comments SET body = null, change = ? WHERE comment_id = ? IF change = null AND video_id != null"
)
_LAST_CHANGE = settled("SELECT change FROM comments WHERE comment_id = ?")
_INTO_LIST = Statement(
    "INSERT INTO comments_of_video (video_id, bucket, comment_id, user_id, body, created_at)"
    " VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP 1"
)
_FROM_LIST = Statement("DELETE FROM comments_of_video WHERE video_id = ? AND bucket = ? AND comment_id = ?")
_OF_VIDEO = Statement(
    f"SELECT {_COLUMNS} FROM comments_of_video WHERE video_id = ? AND bucket = ? AND comment_id < ? LIMIT ?"  # noqa: S608
)


async def add(session: CassandraSession, comment: Comment) -> None:
    bucket = day_of_id(comment.comment_id)
    await session.write(
        _ADD, comment.comment_id, comment.video_id, comment.user_id, comment.text, comment.created_at_ms
    )
    await asyncio.gather(
        session.write(
            _INTO_LIST,
            comment.video_id,
            bucket,
            comment.comment_id,
            comment.user_id,
            comment.text,
            comment.created_at_ms,
        ),
        name_lasting(session, _LIST, comment.video_id, bucket),
    )


async def one(session: CassandraSession, comment_id: int) -> Comment:
    row = await _read(session, comment_id)
    if row is None:
        raise NotFound(f"no comment {comment_id}")
    return Comment(*row[:5])


async def _read(session: CassandraSession, comment_id: int) -> Row | None:
    row = await session.row(_READ, comment_id)
    return row if row is not None and row[1] is not None and row[5] is None else None


async def delete(session: CassandraSession, comment_id: int) -> bool:
    row = await _read(session, comment_id)
    if row is None:
        return False
    # The list first: after a crash between the two the comment is still there to be deleted.
    await session.write(_FROM_LIST, row[1], day_of_id(comment_id), comment_id)
    change = uuid.uuid4()
    return await session.decide(_DELETE, (change, comment_id), change, _LAST_CHANGE, comment_id)


async def of_video(session: CassandraSession, video_id: int, before_id: int | None, limit: int) -> list[Comment]:
    async def rows(bucket: int, position: int, size: int) -> Sequence[Row]:
        return await session.rows(_OF_VIDEO, video_id, bucket, position, size)

    listing = Listing(_LIST, video_id, day_of_id, rows)
    return await page_of(session, listing, before(before_id), limit, _comments)


async def _comments(rows: Sequence[Row]) -> list[Comment]:
    return [Comment(*row) for row in rows]
