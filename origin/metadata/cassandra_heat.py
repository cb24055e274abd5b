"""Hot videos in Cassandra: the hour buckets, weighed and added up.

An hour that is over changes no more, so its hottest are kept in memory: what is read again and again is the present
hour.
"""

from __future__ import annotations

import asyncio
import heapq
import uuid
from collections.abc import Mapping
from operator import itemgetter

from origin.metadata import cassandra_videos as videos
from origin.metadata.base import Heat
from origin.metadata.cassandra_buckets import SHARDS
from origin.metadata.cassandra_lists import EVERYBODY
from origin.metadata.cassandra_session import CassandraSession, Statement
from origin.metadata.cassandra_shown import is_public
from origin.metadata.heat import HOT_HOURS_KEPT, hour_of, weights

_LIST = "hot hours"
_OVER_HOURS = 2
"""A flush that begins in one hour may end in the next."""
_HOTTEST_OF_HOUR = 2_000
"""Kept of an hour that is over."""
_HOURS = Statement("SELECT bucket FROM buckets WHERE list = ? AND owner = ? AND bucket > ? AND bucket <= ?")
_NAME = Statement("INSERT INTO buckets (list, owner, bucket, change) VALUES (?, ?, ?, ?) USING TTL ?")
_OF_HOUR = Statement("SELECT video_id, score FROM hot_hours WHERE hour = ? AND shard = ?")


async def name_hour(session: CassandraSession, hour: int) -> None:
    await session.write(_NAME, _LIST, EVERYBODY, hour, uuid.uuid4(), HOT_HOURS_KEPT * 3600)


class HotHours:
    """Reads the hour buckets; keeps those that are over."""

    def __init__(self, session: CassandraSession) -> None:
        self._session = session
        self._over: dict[int, Mapping[int, int]] = {}

    async def hottest(self, now_ms: int, hours: int, limit: int) -> list[Heat]:
        weight_of = dict(weights(now_ms, hours))
        newest = hour_of(now_ms)
        rows = await self._session.rows(_HOURS, _LIST, EVERYBODY, newest - len(weight_of), newest)
        heats: dict[int, float] = {}
        for (hour,) in rows:
            for video_id, score in (await self._of_hour(hour, newest)).items():
                heats[video_id] = heats.get(video_id, 0.0) + score * weight_of[hour]
        ordered = sorted(((heat, video_id) for video_id, heat in heats.items() if heat > 0), reverse=True)
        return await self._shown(ordered, limit)

    async def _of_hour(self, hour: int, newest: int) -> Mapping[int, int]:
        if hour in self._over:
            return self._over[hour]
        parts = await asyncio.gather(*(self._session.rows(_OF_HOUR, hour, shard) for shard in range(SHARDS)))
        scores = [(row[0], row[1]) for part in parts for row in part]
        if hour > newest - _OVER_HOURS:
            return dict(scores)
        for old in [each for each in self._over if each <= newest - HOT_HOURS_KEPT]:
            del self._over[old]
        self._over[hour] = dict(heapq.nlargest(_HOTTEST_OF_HOUR, scores, key=itemgetter(1)))
        return self._over[hour]

    async def _shown(self, ordered: list[tuple[float, int]], limit: int) -> list[Heat]:
        shown: list[Heat] = []
        for start in range(0, len(ordered), max(limit, 1)):
            if len(shown) >= limit:
                break
            some = ordered[start : start + limit]
            found = await videos.several(self._session, [video_id for _, video_id in some])
            shown += [
                Heat(video_id, heat) for heat, video_id in some if video_id in found and is_public(found[video_id])
            ]
        return shown[:limit]
