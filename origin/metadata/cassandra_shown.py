"""In which lists a video is shown: its creator's, and the public one of everybody.

A list may name videos that are not shown (readers look at the video itself) but must not lack one. So a video is put
in before a change that shows it, and after any change `settle` writes what the video's row says. Both write at the
timestamps that the row's own cells have: whoever read a later state wins, in whatever order the writes arrive.
"""

from __future__ import annotations

import asyncio

from origin.ids import MAX_ID
from origin.metadata.cassandra_buckets import day_of_id, month_of_id, shard_of
from origin.metadata.cassandra_lists import EVERYBODY, name_lasting
from origin.metadata.cassandra_session import CassandraSession, Row, Statement
from origin.model import WATCHABLE, Video, VideoStatus, Visibility

BY_CREATOR = "videos of"
PUBLIC = "public videos"
_STATE = Statement(
    "SELECT creator_id, status, visibility, writetime(status), writetime(visibility) FROM videos WHERE video_id = ?"
)
_OF_CREATOR = Statement(
    "INSERT INTO videos_by_creator (creator_id, bucket, video_id, public) VALUES (?, ?, ?, ?) USING TIMESTAMP ?"
)
_FROM_CREATOR = Statement(
    "DELETE FROM videos_by_creator USING TIMESTAMP ? WHERE creator_id = ? AND bucket = ? AND video_id = ?"
)
_LIKES = Statement(
    "UPDATE videos_by_creator USING TIMESTAMP ? SET likes = ? WHERE creator_id = ? AND bucket = ? AND video_id = ?"
)
_INTO_PUBLIC = Statement("INSERT INTO public_videos (bucket, shard, video_id) VALUES (?, ?, ?) USING TIMESTAMP ?")
_FROM_PUBLIC = Statement("DELETE FROM public_videos USING TIMESTAMP ? WHERE bucket = ? AND shard = ? AND video_id = ?")
_CREATED_AT = 1
"""The timestamp of a creation's cells."""


def is_public(video: Video) -> bool:
    return video.visibility is Visibility.PUBLIC and video.status in WATCHABLE


async def enlist(session: CassandraSession, video: Video) -> None:
    """Put a new video into its lists, before it is written."""
    public = is_public(video)
    steps = [
        _of_creator(session, video.video_id, video.creator_id, public, _CREATED_AT),
        write_likes(session, video.video_id, video.creator_id, video.counts.likes, 0),
    ]
    if public:
        steps.append(_into_public(session, video.video_id, _CREATED_AT))
    await asyncio.gather(*steps)


async def write_likes(session: CassandraSession, video_id: int, creator_id: int, likes: int, batch: int) -> None:
    """The likes as of a flush, beside the video in its creator's list, where they are summed."""
    await session.write(_LIKES, batch, likes, creator_id, month_of_id(video_id), video_id)


async def before_showing(session: CassandraSession, video_id: int) -> None:
    """Before a change that may show a video: put it in, as one later than the state it has now."""
    row = await session.row(_STATE, video_id)
    if row is not None and row[0] is not None and not _is_shown(row):
        later = _as_of(row) + 1
        await asyncio.gather(
            _of_creator(session, video_id, row[0], True, later), _into_public(session, video_id, later)
        )


async def settle(session: CassandraSession, video_id: int) -> None:
    """After a change: show the video where its row says."""
    row = await session.row(_STATE, video_id)
    if row is None or row[0] is None:
        return
    creator_id, as_of, public = row[0], _as_of(row), _is_shown(row)
    if row[1] == VideoStatus.DELETED:
        of_creator = session.write(_FROM_CREATOR, as_of, creator_id, month_of_id(video_id), video_id)
    else:
        of_creator = _of_creator(session, video_id, creator_id, public, as_of)
    if public:
        of_all = _into_public(session, video_id, as_of)
    else:
        of_all = session.write(_FROM_PUBLIC, as_of, day_of_id(video_id), shard_of(video_id), video_id)
    await asyncio.gather(of_creator, of_all)


def _is_shown(row: Row) -> bool:
    return row[2] == Visibility.PUBLIC and row[1] in WATCHABLE


def _as_of(row: Row) -> int:
    return max(int(row[3]), int(row[4]))


async def _of_creator(session: CassandraSession, video_id: int, creator_id: int, public: bool, as_of: int) -> None:
    bucket = month_of_id(video_id)
    await asyncio.gather(
        name_lasting(session, BY_CREATOR, creator_id, bucket),
        session.write(_OF_CREATOR, creator_id, bucket, video_id, public, as_of),
    )


async def _into_public(session: CassandraSession, video_id: int, as_of: int) -> None:
    bucket = day_of_id(video_id)
    await asyncio.gather(
        name_lasting(session, PUBLIC, EVERYBODY, bucket),
        session.write(_INTO_PUBLIC, bucket, shard_of(video_id), video_id, as_of),
    )


def before(before_id: int | None) -> int:
    return MAX_ID if before_id is None else before_id
