"""Prints in Cassandra. A print is written at timestamp 1 and forgotten at 2, so none comes back that was forgotten."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from functools import partial

from origin.metadata.base import BAND_MOST
from origin.metadata.cassandra_session import CassandraSession, Statement, all_of
from origin.prints import Print, bands

_KEEP = Statement("INSERT INTO prints (video_id, pictures, sound) VALUES (?, ?, ?) USING TIMESTAMP 1")
_FIND_BY = Statement("INSERT INTO print_bands (band, video_id) VALUES (?, ?) USING TIMESTAMP 1")
_HOLDERS = Statement("SELECT band, video_id FROM print_bands WHERE band IN ? PER PARTITION LIMIT ?")
_SEVERAL = Statement("SELECT video_id, pictures, sound FROM prints WHERE video_id IN ?")
_FORGET = Statement("DELETE FROM prints USING TIMESTAMP 2 WHERE video_id = ?")
_FIND_NO_MORE = Statement("DELETE FROM print_bands USING TIMESTAMP 2 WHERE band = ? AND video_id = ?")
_AT_ONCE = 16


async def keep(session: CassandraSession, video_id: int, print_: Print) -> None:
    # First, so that what is found can be forgotten.
    await session.write(_KEEP, video_id, print_.pictures, print_.sound)
    wanted = bands(print_)
    held = Counter(row[0] for row in await session.each(_HOLDERS, sorted(wanted), then=[BAND_MOST]))
    works = [partial(session.write, _FIND_BY, band, video_id) for band in wanted if held[band] < BAND_MOST]
    await all_of(works, _AT_ONCE)


async def holders(session: CassandraSession, bands: Set[int]) -> list[int]:
    return [row[1] for row in await session.each(_HOLDERS, sorted(bands), then=[BAND_MOST])]


async def several(session: CassandraSession, video_ids: Sequence[int]) -> Mapping[int, Print]:
    rows = await session.each(_SEVERAL, video_ids)
    return {row[0]: Print(row[1], row[2]) for row in rows}


async def forget(session: CassandraSession, video_id: int) -> None:
    if (kept := (await several(session, [video_id])).get(video_id)) is None:
        return
    works = [partial(session.write, _FIND_NO_MORE, band, video_id) for band in bands(kept)]
    await all_of(works, _AT_ONCE)
    # Last, so that a repeat finds what was left.
    await session.write(_FORGET, video_id)
