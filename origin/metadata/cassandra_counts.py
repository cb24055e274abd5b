"""Counts and hot videos in Cassandra: a flush is applied once, though it touches many rows and may be cut off anywhere.

Flushes are numbered by compare-and-set, each after the one that its batch names, and a number is kept with the flush's
id, so a repeat has the same one. What it adds is kept until it is applied, so that anybody can finish it. A row
holds its totals and the number of the last flush in them; that number is the timestamp of its cells too. So, for each
row:
- a row whose number is this flush's has it already and is left alone;
- two who apply one flush at once read the same base and write the same cells;
- one that slept and writes late writes at an older number, below what came after.
All this rests on one flush at a time: the next is numbered only when the one before was applied, since only then the
speed layer ends it (`origin.counters`). One that finds a later one's number in a row is over: it was applied.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from origin.counters.base import Batch
from origin.metadata.base import BatchForked, MetadataUnavailable
from origin.metadata.batch_text import deltas_of, deltas_text, written_of, written_text
from origin.metadata.cassandra_buckets import shard_of
from origin.metadata.cassandra_heat import name_hour
from origin.metadata.cassandra_session import CassandraSession, Statement, all_of, compare_and_set, settled
from origin.metadata.cassandra_shown import write_likes
from origin.metadata.heat import HEAT_OF, hour_of
from origin.model import CountKind

_NEWEST = "newest"
_KEPT_S = 7 * 24 * 3600
_VIDEOS_AT_ONCE = 64
_TRIES = 8
_BATCH = Statement("SELECT flush, hour, applied FROM count_batches WHERE batch_id = ?")
_DELTAS = Statement("SELECT deltas, applied FROM count_batches WHERE batch_id = ?")
_KEEP_DELTAS = Statement("INSERT INTO count_batches (batch_id, deltas) VALUES (?, ?) USING TTL ? AND TIMESTAMP 1")
_WRITE_BATCH = Statement(
    "INSERT INTO count_batches (batch_id, flush, hour) VALUES (?, ?, ?) USING TTL ? AND TIMESTAMP ?"
)
_LATEST = 1 << 40
"""No flush has so high a number."""
_APPLIED = Statement("UPDATE count_batches USING TTL ? SET applied = true, deltas = null WHERE batch_id = ?")
# The row 'newest' is written by compare-and-set only, the others by plain writes only.
_NUMBERED = settled("SELECT newest_id, flush, hour, written FROM count_batches WHERE batch_id = ?")
_FIRST_NUMBER = compare_and_set(
    "INSERT INTO count_batches (batch_id, flush, newest_id, hour, written) VALUES (?, 1, ?, ?, ?) IF NOT EXISTS"
)
_NEXT_NUMBER = compare_and_set(
    "UPDATE count_batches SET flush = ?, newest_id = ?, hour = ?, written = ? WHERE batch_id = ? IF flush = ?"
)
_TOTALS = Statement("SELECT creator_id, views, likes, comments, shares, flush FROM video_counts WHERE video_id = ?")
_WRITE_TOTALS = Statement(
    "UPDATE video_counts USING TIMESTAMP ? SET views = ?, likes = ?, comments = ?, shares = ?, flush = ?"
    " WHERE video_id = ?"
)
_HEAT = Statement("SELECT score, flush FROM hot_hours WHERE hour = ? AND shard = ? AND video_id = ?")
_WRITE_HEAT = Statement(
    "INSERT INTO hot_hours (hour, shard, video_id, score, flush) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?"
)
_KINDS = (CountKind.VIEWS, CountKind.LIKES, CountKind.COMMENTS, CountKind.SHARES)


class _Overtaken(Exception):
    """A row has a later flush in it."""


@dataclass(frozen=True, slots=True)
class _Flush:
    batch_id: str
    number: int
    hour: int
    """Of its first attempt, so that a repeat in the next hour heats no other bucket."""


async def apply(session: CassandraSession, batch: Batch, now_ms: int) -> bool:
    known = await session.row(_BATCH, batch.batch_id)
    if known is None or known[0] is None:
        await _number(session, batch, hour_of(now_ms))
        known = await session.row(_BATCH, batch.batch_id)
    if known is None or known[0] is None:
        raise MetadataUnavailable(f"the number of the flush {batch.batch_id} is not to be read")
    if known[2]:
        return False
    return await _write(session, _Flush(batch.batch_id, known[0], known[1]), batch.deltas)


async def _write(session: CassandraSession, flush: _Flush, deltas: Mapping[tuple[int, CountKind], int]) -> bool:
    by_video: dict[int, dict[CountKind, int]] = {}
    for (video_id, kind), delta in deltas.items():
        by_video.setdefault(video_id, {})[kind] = delta
    try:
        await name_hour(session, flush.hour)
        await all_of((partial(_apply_to, session, flush, *each) for each in by_video.items()), _VIDEOS_AT_ONCE)
    except _Overtaken as error:
        return await _overtaken(session, flush.batch_id, error)
    await session.write(_APPLIED, _KEPT_S, flush.batch_id)
    return True


async def _overtaken(session: CassandraSession, batch_id: str, error: _Overtaken) -> bool:
    known = await session.row(_BATCH, batch_id)
    if known is None or not known[2]:
        raise MetadataUnavailable(f"the flush {batch_id} was overtaken by a later one") from error
    return False


async def _number(session: CassandraSession, batch: Batch, hour: int) -> None:
    """Give a flush its number, unless it has one. Raises BatchForked."""
    batch_id, written = batch.batch_id, written_text(batch)
    await session.write(_KEEP_DELTAS, batch_id, deltas_text(batch), _KEPT_S)
    for _ in range(_TRIES):
        newest = await session.row(_NUMBERED, _NEWEST)
        if newest is not None and newest[0] == batch_id:
            return await _keep_number(session, batch_id, newest[1], newest[2])
        await _refuse_fork(session, batch, newest)
        number = 1 if newest is None else newest[1] + 1
        statement, params = _FIRST_NUMBER, [_NEWEST, batch_id, hour, written]
        if newest is not None:
            statement, params = _NEXT_NUMBER, [number, batch_id, hour, written, _NEWEST, newest[1]]
        if await session.decide(statement, params, batch_id, _NUMBERED, _NEWEST):
            return await _keep_number(session, batch_id, number, hour)
    raise MetadataUnavailable("too many flushes begin at once")


async def _refuse_fork(session: CassandraSession, batch: Batch, newest: Sequence[Any] | None) -> None:
    """Raises BatchForked when the newest flush is another than the one before the batch, once that one is applied."""
    if newest is None or newest[3] is None:
        return
    newest_id, number, hour, written = newest[0], newest[1], newest[2], written_of(newest[3])
    # A version that kept no chain numbers flushes too, and leaves what stands there of an earlier one.
    if newest_id == batch.after or written.batch_id != newest_id:
        return
    kept = await session.row(_DELTAS, newest_id)
    if kept is not None and kept[0] and not kept[1]:
        await _keep_number(session, newest_id, number, hour)
        await _write(session, _Flush(newest_id, number, hour), deltas_of(kept[0]))
    raise BatchForked(batch, written)


async def _keep_number(session: CassandraSession, batch_id: str, number: int, hour: int) -> None:
    # By timestamp the first number stays: one that slept since it looked for the flush may have numbered it again.
    await session.write(_WRITE_BATCH, batch_id, number, hour, _KEPT_S, _LATEST - number)


async def _apply_to(session: CassandraSession, flush: _Flush, video_id: int, deltas: Mapping[CountKind, int]) -> None:
    heat = sum(HEAT_OF[kind] * delta for kind, delta in deltas.items())
    await asyncio.gather(_heat(session, flush, video_id, heat), _total(session, flush, video_id, deltas))


async def _total(session: CassandraSession, flush: _Flush, video_id: int, deltas: Mapping[CountKind, int]) -> None:
    row = await session.row(_TOTALS, video_id)
    if row is None or row[0] is None or _has(flush, row[5]):
        return
    totals = {kind: total + deltas.get(kind, 0) for kind, total in zip(_KINDS, row[1:5], strict=True)}
    if CountKind.LIKES in deltas:
        # First: what is skipped above on a repeat is written.
        await write_likes(session, video_id, row[0], totals[CountKind.LIKES], flush.number)
    await session.write(_WRITE_TOTALS, flush.number, *totals.values(), flush.number, video_id)


async def _heat(session: CassandraSession, flush: _Flush, video_id: int, heat: int) -> None:
    shard = shard_of(video_id)
    row = await session.row(_HEAT, flush.hour, shard, video_id)
    score, last = row if row is not None else (0, 0)
    if not _has(flush, last):
        await session.write(_WRITE_HEAT, flush.hour, shard, video_id, score + heat, flush.number, flush.number)


def _has(flush: _Flush, last: int) -> bool:
    if last > flush.number:
        raise _Overtaken
    return last == flush.number
