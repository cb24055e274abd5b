"""Users in Cassandra. A handle is claimed by compare-and-set in a row of its own, then the user is written.

A claim holds while its user has that handle. One whose user does not is either under way, which takes seconds, or was
left by a crash; it may be taken over once it is older than _UNDER_WAY_MS. A claimer that slept through that finds
out: its last step, on the same row, is refused.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Mapping, Sequence

from origin.metadata.base import HandleTaken, MetadataUnavailable, NotFound
from origin.metadata.cassandra_session import CassandraSession, Row, Statement, compare_and_set, settled
from origin.model import User

_UNDER_WAY_MS = 60_000
_SELECT = "SELECT user_id, handle, guest, toUnixTimestamp(created_at) FROM users"
_READ = Statement(f"{_SELECT} WHERE user_id = ?")
_SEVERAL = Statement(f"{_SELECT} WHERE user_id IN ?")
# The users table is written with plain writes only. A creation is older than any change, however clocks differ.
_CREATE = Statement("INSERT INTO users (user_id, handle, guest, created_at) VALUES (?, ?, ?, ?) USING TIMESTAMP 1")
_RENAME = Statement("UPDATE users SET handle = ?, guest = ? WHERE user_id = ?")
_DELETE = Statement("DELETE FROM users WHERE user_id = ?")
# The handles table is written by compare-and-set only. Ages are all told by the cluster's clocks.
_CLAIM = compare_and_set("INSERT INTO handles (handle_key, user_id, change) VALUES (?, ?, ?) IF NOT EXISTS")
_TAKE_OVER = compare_and_set("UPDATE handles SET user_id = ?, change = ? WHERE handle_key = ? IF change = ?")
_RELEASE = compare_and_set("DELETE FROM handles WHERE handle_key = ? IF user_id = ?")
_HOLDER = settled(
    "SELECT change, user_id, writetime(user_id), toUnixTimestamp(now()) FROM handles WHERE handle_key = ?"
)


def _user(row: Row) -> User:
    return User(*row)


async def create(session: CassandraSession, user: User) -> None:
    key = user.handle.casefold()
    claim = await _claim(session, key, user.user_id)
    await session.write(_CREATE, user.user_id, user.handle, user.guest, user.created_at_ms)
    if not await _confirm(session, key, user.user_id, claim):
        await session.write(_DELETE, user.user_id)
        raise HandleTaken(f"the handle {user.handle!r} is taken")


async def rename(session: CassandraSession, user_id: int, handle: str) -> User:
    before = await one(session, user_id)
    key, old_key = handle.casefold(), before.handle.casefold()
    if key != old_key:
        claim = await _claim(session, key, user_id)
        await session.write(_RENAME, handle, False, user_id)
        if not await _confirm(session, key, user_id, claim):
            await session.write(_RENAME, before.handle, before.guest, user_id)
            raise HandleTaken(f"the handle {handle!r} is taken")
        # If it fails, a stale claim is left, which anyone may take over.
        with contextlib.suppress(MetadataUnavailable):
            await session.write(_RELEASE, old_key, user_id)
    else:
        await session.write(_RENAME, handle, False, user_id)
    return User(user_id, handle, False, before.created_at_ms)


async def _claim(session: CassandraSession, key: str, user_id: int) -> uuid.UUID:
    """The name of our claim. Raises HandleTaken."""
    change = uuid.uuid4()
    if await session.decide(_CLAIM, (key, user_id, change), change, _HOLDER, key, makes_row=True):
        return change
    holder = await session.row(_HOLDER, key)
    if holder is None:
        raise MetadataUnavailable(f"the handle {key!r} is changing hands")
    if not await _is_stale(session, key, user_id, holder):
        raise HandleTaken(f"the handle {key!r} is taken")
    if not await session.decide(_TAKE_OVER, (user_id, change, key, holder[0]), change, _HOLDER, key):
        raise HandleTaken(f"the handle {key!r} is taken")
    return change


async def _is_stale(session: CassandraSession, key: str, user_id: int, holder: Row) -> bool:
    _, holder_id, claimed_us, now_ms = holder
    if holder_id == user_id:
        return True
    if now_ms - claimed_us // 1000 < _UNDER_WAY_MS:
        return False
    row = await session.row(_READ, holder_id)
    return row is None or _user(row).handle.casefold() != key


async def _confirm(session: CassandraSession, key: str, user_id: int, claim: uuid.UUID) -> bool:
    change = uuid.uuid4()
    return await session.decide(_TAKE_OVER, (user_id, change, key, claim), change, _HOLDER, key)


async def one(session: CassandraSession, user_id: int) -> User:
    row = await session.row(_READ, user_id)
    if row is None:
        raise NotFound(f"no user {user_id}")
    return _user(row)


async def several(session: CassandraSession, user_ids: Sequence[int]) -> Mapping[int, User]:
    return {row[0]: _user(row) for row in await session.each(_SEVERAL, user_ids)}
