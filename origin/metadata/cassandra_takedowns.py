"""Takedowns in Cassandra: compare-and-set on a video's row, which keeps the status it had beside the one it has."""

from __future__ import annotations

import uuid
from collections.abc import Set

from origin.metadata import cassandra_shown as shown
from origin.metadata.cassandra_session import CassandraSession, compare_and_set, settled
from origin.metadata.cassandra_videos import LAST_CHANGE, LOST_RACES, contended, values_of
from origin.model import WATCHABLE, Failure, VideoStatus

_TAKE_DOWN = compare_and_set(
    "UPDATE videos SET taken_down_from = ?, takedowns = ?, status = ?, failure_code = ?, failure_detail = ?, change = ?"
    " WHERE video_id = ? IF status = ? AND takedowns = ?"
)
_RESTORE = compare_and_set(
    "UPDATE videos SET taken_down_from = null, status = ?, failure_code = null, failure_detail = null, change = ?"
    " WHERE video_id = ? IF status = ? AND taken_down_from = ?"
)
_TAKEN_DOWN = settled("SELECT status, taken_down_from, takedowns FROM videos WHERE video_id = ?")


async def take_down(session: CassandraSession, video_id: int, allowed: Set[VideoStatus], failure: Failure) -> bool:
    for _ in range(LOST_RACES):
        row = await session.row(_TAKEN_DOWN, video_id)
        if row is None or row[0] not in values_of(allowed):
            return False
        status, _, takedowns = row
        change, told = uuid.uuid4(), (VideoStatus.REJECTED.value, failure.code, failure.detail)
        params = (status, (takedowns or 0) + 1, *told, change, video_id, status, takedowns)
        if await session.decide(_TAKE_DOWN, params, change, LAST_CHANGE, video_id):
            await shown.settle(session, video_id)
            return True
    raise contended(video_id)


async def restore(session: CassandraSession, video_id: int) -> bool:
    for _ in range(LOST_RACES):
        row = await session.row(_TAKEN_DOWN, video_id)
        if row is None or row[1] is None:
            return False
        to = row[1] if row[0] == VideoStatus.REJECTED else row[0]
        if to in values_of(WATCHABLE):
            await shown.before_showing(session, video_id)
        change = uuid.uuid4()
        if await session.decide(_RESTORE, (to, change, video_id, *row[:2]), change, LAST_CHANGE, video_id):
            await shown.settle(session, video_id)
            return True
    raise contended(video_id)
