"""Follows in Cassandra.

A follow is one row, `follows`, made and ended by compare-and-set. It holds its positions in the two lists, which
nothing had before it: so a list row belongs to one follow for ever, is written at timestamp 1 and deleted at 2, and may
be written again by whoever finds the follow. Repeats (the log repeats every follow) mend what a crash left.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from origin.metadata.base import Edge, MetadataUnavailable
from origin.metadata.cassandra_buckets import day_of_ms
from origin.metadata.cassandra_lists import Listing, name_bucket, page_of
from origin.metadata.cassandra_session import CassandraSession, Row, Statement, compare_and_set, settled
from origin.metadata.cassandra_shown import before

FOLLOWERS, FOLLOWING = "followers", "following"
MAX_FOLLOWED = 5_000
"""A feed is made of so many creators at most, those followed last."""
_EDGES_AT_ONCE = 500
_MAX_NUDGE_MS = 1_000
"""So many follows of one user in one millisecond are refused."""
_READ = Statement(
    "SELECT change, follower_since, followee_since FROM follows WHERE follower_id = ? AND followee_id = ?"
)
_SETTLED = settled(
    "SELECT change, follower_since, followee_since FROM follows WHERE follower_id = ? AND followee_id = ?"
)
_FOLLOW = compare_and_set(
    "INSERT INTO follows (follower_id, followee_id, follower_since, followee_since, change)"
    " VALUES (?, ?, ?, ?, ?) IF NOT EXISTS"
)
_UNFOLLOW = compare_and_set("DELETE FROM follows WHERE follower_id = ? AND followee_id = ? IF change = ?")
_TAKE = compare_and_set("INSERT INTO follow_positions (list, user_id, since, change) VALUES (?, ?, ?, ?) IF NOT EXISTS")
_TAKEN = settled("SELECT change FROM follow_positions WHERE list = ? AND user_id = ? AND since = ?")
_INTO_LIST = Statement(
    "INSERT INTO follow_lists (list, user_id, bucket, since, other_id) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP 1"
)
_FROM_LIST = Statement(
    "DELETE FROM follow_lists USING TIMESTAMP 2 WHERE list = ? AND user_id = ? AND bucket = ? AND since = ?"
)
_PAGE = Statement(
    "SELECT since, other_id FROM follow_lists WHERE list = ? AND user_id = ? AND bucket = ? AND since < ? LIMIT ?"
)
_COUNT = Statement("SELECT count(*) FROM follow_lists WHERE list = ? AND user_id = ? AND bucket = ?")
_COUNTED = Statement("SELECT bucket, change, counted_change, counted FROM buckets WHERE list = ? AND owner = ?")
_KEEP_COUNT = Statement(
    "UPDATE buckets SET counted = ?, counted_change = ? WHERE list = ? AND owner = ? AND bucket = ?"
)


@dataclass(frozen=True, slots=True)
class _Place:
    """A row of one of the two lists."""

    name: str
    user_id: int
    since: int
    other_id: int


def _places(follower_id: int, followee_id: int, row: Row) -> tuple[_Place, _Place]:
    return (
        _Place(FOLLOWING, follower_id, row[1], followee_id),
        _Place(FOLLOWERS, followee_id, row[2], follower_id),
    )


async def set_follow(
    session: CassandraSession, follower_id: int, followee_id: int, following: bool, now_ms: int
) -> None:
    row = await session.row(_READ, follower_id, followee_id)
    if following:
        if row is None:
            row = await _follow(session, follower_id, followee_id, now_ms)
        if row is not None:
            await asyncio.gather(*(_enlist(session, place) for place in _places(follower_id, followee_id, row)))
    elif row is not None:
        # The lists first: after a crash between the two the follow is still there to be ended.
        await asyncio.gather(*(_strike(session, place) for place in _places(follower_id, followee_id, row)))
        await _unfollow(session, follower_id, followee_id, row[0])


async def _follow(session: CassandraSession, follower_id: int, followee_id: int, now_ms: int) -> Row | None:
    """The follow as it is then, which another may have made; None if one ended it already."""
    follower_since, followee_since = await asyncio.gather(
        _position(session, FOLLOWING, follower_id, now_ms), _position(session, FOLLOWERS, followee_id, now_ms)
    )
    change = uuid.uuid4()
    params = (follower_id, followee_id, follower_since, followee_since, change)
    if await session.decide(_FOLLOW, params, change, _SETTLED, follower_id, followee_id):
        return (change, follower_since, followee_since)
    return await session.row(_SETTLED, follower_id, followee_id)


async def _unfollow(session: CassandraSession, follower_id: int, followee_id: int, change: uuid.UUID) -> None:
    try:
        await session.write(_UNFOLLOW, follower_id, followee_id, change)
    except MetadataUnavailable:
        row = await session.row(_SETTLED, follower_id, followee_id)
        if row is not None and row[0] == change:
            raise


async def _position(session: CassandraSession, name: str, user_id: int, now_ms: int) -> int:
    """A place in a list that nobody has or had."""
    for since in range(now_ms, now_ms + _MAX_NUDGE_MS):
        change = uuid.uuid4()
        place = (name, user_id, since)
        if await session.decide(_TAKE, (*place, change), change, _TAKEN, *place, makes_row=True):
            return since
    raise MetadataUnavailable(f"user {user_id} has more than {_MAX_NUDGE_MS} new {name} within a second")


async def _enlist(session: CassandraSession, place: _Place) -> None:
    bucket = day_of_ms(place.since)
    await session.write(_INTO_LIST, place.name, place.user_id, bucket, place.since, place.other_id)
    # After the row, so that a count taken under this name includes it.
    await name_bucket(session, place.name, place.user_id, bucket)


async def _strike(session: CassandraSession, place: _Place) -> None:
    bucket = day_of_ms(place.since)
    await session.write(_FROM_LIST, place.name, place.user_id, bucket, place.since)
    await name_bucket(session, place.name, place.user_id, bucket)


async def follows(session: CassandraSession, follower_id: int, user_ids: Sequence[int]) -> set[int]:
    unique = list(dict.fromkeys(user_ids))
    rows = await asyncio.gather(*(session.row(_READ, follower_id, user_id) for user_id in unique))
    return {user_id for user_id, row in zip(unique, rows, strict=True) if row is not None}


async def followed(session: CassandraSession, follower_id: int) -> list[int]:
    """Whom a user follows, the newest MAX_FOLLOWED of them."""
    found: list[Edge] = []
    while len(found) < MAX_FOLLOWED:
        more = await page(session, FOLLOWING, follower_id, found[-1].since_ms if found else None, _EDGES_AT_ONCE)
        found += more
        if len(more) < _EDGES_AT_ONCE:
            break
    return [edge.user_id for edge in found]


async def page(session: CassandraSession, name: str, user_id: int, before_ms: int | None, limit: int) -> list[Edge]:
    """A page of FOLLOWERS or FOLLOWING."""

    async def rows(bucket: int, position: int, size: int) -> Sequence[Row]:
        return await session.rows(_PAGE, name, user_id, bucket, position, size)

    return await page_of(session, Listing(name, user_id, day_of_ms, rows), before(before_ms), limit, _edges)


async def _edges(rows: Sequence[Row]) -> list[Edge]:
    return [Edge(user_id=row[1], since_ms=row[0]) for row in rows]


async def counts(session: CassandraSession, user_id: int) -> Mapping[str, int]:
    """How many followers and following. Only buckets that changed since are counted again."""
    followers, following = await asyncio.gather(
        _count(session, FOLLOWERS, user_id), _count(session, FOLLOWING, user_id)
    )
    return {FOLLOWERS: followers, FOLLOWING: following}


async def _count(session: CassandraSession, name: str, user_id: int) -> int:
    buckets = await session.rows(_COUNTED, name, user_id)
    return sum(await asyncio.gather(*(_count_bucket(session, name, user_id, bucket) for bucket in buckets)))


async def _count_bucket(session: CassandraSession, name: str, user_id: int, row: Row) -> int:
    bucket, change, counted_change, counted = row
    if counted is not None and change == counted_change:
        return int(counted)
    answer = await session.row(_COUNT, name, user_id, bucket)
    count = int(answer[0]) if answer else 0
    # Under the change that was read before counting: one that came meanwhile makes it count again.
    await session.write(_KEEP_COUNT, count, change, name, user_id, bucket)
    return count
