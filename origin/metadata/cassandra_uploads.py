"""Uploads in Cassandra.

Cells of `uploads` and their timestamps: a state is written at its own place in UploadState as timestamp, so the latest
state stays whoever writes last; the length is fixed by compare-and-set; terms that come with the last bytes are at
timestamp 2; the rest is written once, at timestamp 1. A deletion is far above them all.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Sequence
from dataclasses import replace

from origin.metadata import upload_terms
from origin.metadata.base import NotFound
from origin.metadata.cassandra_buckets import day_of_id, shard_of
from origin.metadata.cassandra_lists import EVERYBODY, Listing, name_bucket, of_shards, page_of
from origin.metadata.cassandra_session import CassandraSession, Row, Statement, compare_and_set, settled
from origin.model import Upload, UploadState

_STATES = tuple(UploadState)
_SELECT = """SELECT upload_id, video_id, user_id, state, length, metadata, multipart_id, object_key,
    toUnixTimestamp(created_at), toUnixTimestamp(expires_at), terms FROM uploads"""
_READ = Statement(f"{_SELECT} WHERE upload_id = ?")
_SEVERAL = Statement(f"{_SELECT} WHERE upload_id IN ?")
_CREATE = Statement(
    "INSERT INTO uploads (upload_id, video_id, user_id, length, metadata, multipart_id, object_key, created_at,"
    " expires_at, terms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP 1"
)
_ADVANCE = Statement("UPDATE uploads USING TIMESTAMP ? SET state = ? WHERE upload_id = ?")
_DELETE = Statement("DELETE FROM uploads WHERE upload_id = ?")
_FIX_LENGTH = compare_and_set(
    "UPDATE uploads SET length = ?, change = ? WHERE upload_id = ? IF length = null AND user_id != null"
)
_SET_TERMS = Statement("UPDATE uploads USING TIMESTAMP 2 SET terms = ? WHERE upload_id = ?")
_LENGTH = settled("SELECT change, length, user_id FROM uploads WHERE upload_id = ?")
_INTO_STATE = Statement("INSERT INTO uploads_by_state (state, bucket, shard, upload_id) VALUES (?, ?, ?, ?)")
_FROM_STATE = Statement("DELETE FROM uploads_by_state WHERE state = ? AND bucket = ? AND shard = ? AND upload_id = ?")
_IN_STATE = Statement(
    "SELECT upload_id FROM uploads_by_state WHERE state = ? AND bucket = ? AND shard = ? AND upload_id > ? LIMIT ?"
)
_INTO_USER = Statement("INSERT INTO uploads_of_user (user_id, state, upload_id) VALUES (?, ?, ?)")
_FROM_USER = Statement("DELETE FROM uploads_of_user WHERE user_id = ? AND state = ? AND upload_id = ?")
_OF_USER = Statement("SELECT upload_id FROM uploads_of_user WHERE user_id = ? AND state = ? AND upload_id > ? LIMIT ?")


def _upload(row: Row) -> Upload:
    upload = Upload(row[0], row[1], row[2], _STATES[row[3]], *row[4:10])
    return replace(upload, terms=upload_terms.decode(row[10]))


def _is_there(row: Row | None) -> bool:
    # A change that came late to a deleted upload makes a row without a user.
    return row is not None and row[2] is not None and row[3] is not None


async def create(session: CassandraSession, upload: Upload) -> None:
    place = _STATES.index(upload.state)
    await _enlist(session, upload.upload_id, upload.user_id, place)
    await session.write(_ADVANCE, place + 1, place, upload.upload_id)
    await session.write(
        _CREATE,
        upload.upload_id,
        upload.video_id,
        upload.user_id,
        upload.length,
        upload.metadata,
        upload.multipart_id,
        upload.object_key,
        upload.created_at_ms,
        upload.expires_at_ms,
        upload_terms.encode(upload.terms),
    )


async def one(session: CassandraSession, upload_id: int) -> Upload:
    row = await session.row(_READ, upload_id)
    if row is None or not _is_there(row):
        raise NotFound(f"no upload {upload_id}")
    return _upload(row)


async def set_length(session: CassandraSession, upload_id: int, length: int) -> bool:
    change = uuid.uuid4()
    if await session.decide(_FIX_LENGTH, (length, change, upload_id), change, _LENGTH, upload_id):
        return True
    row = await session.row(_LENGTH, upload_id)
    return row is not None and row[1] == length and row[2] is not None


async def set_digest(session: CassandraSession, upload_id: int, digest: str) -> None:
    row = await session.row(_READ, upload_id)
    if row is not None and _is_there(row):
        terms = replace(upload_terms.decode(row[10]), digest=digest)
        await session.write(_SET_TERMS, upload_terms.encode(terms), upload_id)


async def advance(session: CassandraSession, upload_id: int, state: UploadState) -> None:
    row = await session.row(_READ, upload_id)
    place = _STATES.index(state)
    if row is None or not _is_there(row) or row[3] >= place:
        return
    # In the list of the new state first: an upload is never in none.
    await _enlist(session, upload_id, row[2], place)
    await session.write(_ADVANCE, place + 1, place, upload_id)
    await _strike(session, upload_id, row[2], range(place))


async def delete(session: CassandraSession, upload_id: int) -> None:
    row = await session.row(_READ, upload_id)
    if row is None or row[2] is None:
        return
    await session.write(_DELETE, upload_id)
    await _strike(session, upload_id, row[2], range(len(_STATES)))


async def in_state(session: CassandraSession, state: UploadState, after_id: int, limit: int) -> list[Upload]:
    place = _STATES.index(state)

    async def rows(bucket: int, position: int, size: int) -> Sequence[Row]:
        def read(shard: int) -> Awaitable[Sequence[Row]]:
            return session.rows(_IN_STATE, place, bucket, shard, position, size)

        return await of_shards(read, size, newest_first=False)

    async def shown(rows: Sequence[Row]) -> list[Upload]:
        return await _still(session, state, [row[0] for row in rows])

    listing = Listing(_list(place), EVERYBODY, day_of_id, rows, newest_first=False, forgets=True)
    return await page_of(session, listing, after_id, limit, shown)


async def of_user(session: CassandraSession, user_id: int, state: UploadState, limit: int) -> list[Upload]:
    found: list[Upload] = []
    after_id, place = -1, _STATES.index(state)
    while len(found) < limit:
        rows = await session.rows(_OF_USER, user_id, place, after_id, limit)
        found += await _still(session, state, [row[0] for row in rows])
        if len(rows) < limit:
            break
        after_id = rows[-1][0]
    return found[:limit]


async def _still(session: CassandraSession, state: UploadState, upload_ids: Sequence[int]) -> list[Upload]:
    """Those that have the state by their own rows, in order. What a crash left of others is struck from the list."""
    found = {row[0]: _upload(row) for row in await session.each(_SEVERAL, upload_ids) if _is_there(row)}
    moved = [each for each in found.values() if _STATES.index(each.state) > _STATES.index(state)]
    await asyncio.gather(*(_strike(session, each.upload_id, each.user_id, [_STATES.index(state)]) for each in moved))
    return [found[each] for each in upload_ids if each in found and found[each].state is state]


def _list(place: int) -> str:
    return f"uploads {_STATES[place]}"


async def _enlist(session: CassandraSession, upload_id: int, user_id: int, place: int) -> None:
    bucket = day_of_id(upload_id)
    await asyncio.gather(
        session.write(_INTO_STATE, place, bucket, shard_of(upload_id), upload_id),
        session.write(_INTO_USER, user_id, place, upload_id),
    )
    # After the row: a listing that finds a bucket empty forgets the bucket as it was named then.
    await name_bucket(session, _list(place), EVERYBODY, bucket)


async def _strike(session: CassandraSession, upload_id: int, user_id: int, places: Sequence[int]) -> None:
    bucket, shard = day_of_id(upload_id), shard_of(upload_id)
    for place in places:
        await asyncio.gather(
            session.write(_FROM_STATE, place, bucket, shard, upload_id),
            session.write(_FROM_USER, user_id, place, upload_id),
        )
