"""Listings of videos in Cassandra: a creator's, everybody's public ones, those of whom one follows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

from origin.metadata import cassandra_follows as follows
from origin.metadata import cassandra_videos as videos
from origin.metadata.cassandra_buckets import day_of_id, month_of_id
from origin.metadata.cassandra_lists import EVERYBODY, Listing, of_shards, page_of
from origin.metadata.cassandra_session import CassandraSession, Row, Statement
from origin.metadata.cassandra_shown import BY_CREATOR, PUBLIC, before, is_public
from origin.model import Video, VideoStatus

_OF_CREATOR = Statement(
    "SELECT video_id FROM videos_by_creator WHERE creator_id = ? AND bucket = ? AND video_id < ? LIMIT ?"
)
_PUBLIC_OF_CREATOR = Statement(
    "SELECT video_id FROM videos_by_creator WHERE creator_id = ? AND bucket = ? AND video_id < ? AND public = true"
    " LIMIT ? ALLOW FILTERING"
)
_OF_ALL = Statement("SELECT video_id FROM public_videos WHERE bucket = ? AND shard = ? AND video_id < ? LIMIT ?")
_MONTHS_OF_CREATOR = Statement("SELECT bucket FROM buckets WHERE list = ? AND owner = ?")
_MONTHS_OF_CREATORS = Statement("SELECT owner, bucket FROM buckets WHERE list = ? AND bucket <= ? AND owner IN ?")
_PUBLIC_OF_CREATORS = Statement(
    "SELECT video_id FROM videos_by_creator WHERE bucket = ? AND video_id < ? AND public = true AND creator_id IN ?"
    " PER PARTITION LIMIT ? ALLOW FILTERING"
)
_SUMS = Statement(
    "SELECT count(*), sum(likes) FROM videos_by_creator WHERE creator_id = ? AND public = true AND bucket IN ?"
    " ALLOW FILTERING"
)


async def by_creator(
    session: CassandraSession, creator_id: int, before_id: int | None, limit: int, public_only: bool
) -> list[Video]:
    statement = _PUBLIC_OF_CREATOR if public_only else _OF_CREATOR

    async def rows(bucket: int, position: int, size: int) -> Sequence[Row]:
        return await session.rows(statement, creator_id, bucket, position, size)

    listing = Listing(BY_CREATOR, creator_id, month_of_id, rows)
    shown = partial(_videos, session, is_public if public_only else _is_kept)
    return await page_of(session, listing, before(before_id), limit, shown)


async def newest_public(session: CassandraSession, before_id: int | None, limit: int) -> list[Video]:
    async def rows(bucket: int, position: int, size: int) -> Sequence[Row]:
        def read(shard: int) -> Awaitable[Sequence[Row]]:
            return session.rows(_OF_ALL, bucket, shard, position, size)

        return await of_shards(read, size, newest_first=True)

    listing = Listing(PUBLIC, EVERYBODY, day_of_id, rows)
    return await page_of(session, listing, before(before_id), limit, partial(_videos, session, is_public))


def _is_kept(video: Video) -> bool:
    return video.status is not VideoStatus.DELETED


async def _videos(session: CassandraSession, shown: Callable[[Video], bool], rows: Sequence[Row]) -> list[Video]:
    found = await videos.several(session, [row[0] for row in rows])
    return [found[row[0]] for row in rows if row[0] in found and shown(found[row[0]])]


async def following_feed(session: CassandraSession, user_id: int, before_id: int | None, limit: int) -> list[int]:
    followed = await follows.followed(session, user_id)
    months: dict[int, list[int]] = {}
    position = before(before_id)
    for owner, month in await session.each(_MONTHS_OF_CREATORS, followed, BY_CREATOR, month_of_id(position - 1)):
        months.setdefault(month, []).append(owner)
    found: list[int] = []
    for month in sorted(months, reverse=True):
        found += await _of_creators(session, months[month], month, position, limit - len(found))
        if len(found) >= limit:
            break
    return found


async def _of_creators(
    session: CassandraSession, creator_ids: Sequence[int], month: int, position: int, wanted: int
) -> list[int]:
    """The newest that `creator_ids` show of a month; a prolific one costs no more than any other."""
    found: list[int] = []
    while len(found) < wanted:
        rows = await session.each(_PUBLIC_OF_CREATORS, creator_ids, month, position, then=(wanted,))
        newest = sorted(rows, reverse=True)[:wanted]
        found += [video.video_id for video in await _videos(session, is_public, newest)]
        if len(newest) < wanted:
            break
        position = newest[-1][0]
    return found[:wanted]


async def counts(session: CassandraSession, user_id: int) -> Mapping[str, int]:
    """How many public videos, and how many likes they have."""
    months = [row[0] for row in await session.rows(_MONTHS_OF_CREATOR, BY_CREATOR, user_id)]
    sums = await session.each(_SUMS, months, user_id)
    return {"videos": sum(row[0] for row in sums), "likes": sum(row[1] or 0 for row in sums)}
