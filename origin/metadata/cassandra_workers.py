"""Worker numbers in Cassandra: a row per number that was ever leased, written by compare-and-set only."""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence

from origin.ids import WORKERS
from origin.metadata.base import NoWorkerNumber
from origin.metadata.cassandra_session import CassandraSession, Row, Statement, compare_and_set, settled

_GUESSES = 4
"""Numbers that are tried before all are looked at."""
_CANDIDATES = 16
"""Among so many of the best a number is picked, so that those who lease at once seldom want the same."""
_TAKE_NEW = compare_and_set(
    "INSERT INTO workers (number, owner, ends_at, free_at, change) VALUES (?, ?, ?, ?, ?) IF NOT EXISTS"
)
_TAKE_AGAIN = compare_and_set(
    "UPDATE workers SET owner = ?, ends_at = ?, free_at = ?, change = ? WHERE number = ? IF change = ?"
)
_RENEW = compare_and_set(
    "UPDATE workers SET ends_at = ?, free_at = ?, change = ? WHERE number = ? IF owner = ? AND ends_at > ?"
)
_ALL = Statement("SELECT number, toUnixTimestamp(free_at), change FROM workers")
_ONE = settled("SELECT owner, toUnixTimestamp(ends_at), change FROM workers WHERE number = ?")


async def lease(session: CassandraSession, owner: str, now_ms: int, lease_ms: int) -> int:
    # A number that nobody has held is the safest; then the one that rests longest.
    for number in random.sample(range(WORKERS), _GUESSES):
        if await _take(session, number, None, owner, now_ms, lease_ms):
            return number
    while candidates := _free(await session.rows(_ALL), now_ms):
        random.shuffle(candidates)
        for number, change in candidates:
            if await _take(session, number, change, owner, now_ms, lease_ms):
                return number
    raise NoWorkerNumber(f"all {WORKERS} worker numbers are leased")


def _free(rows: Sequence[Row], now_ms: int) -> list[tuple[int, uuid.UUID | None]]:
    held = {row[0] for row in rows}
    new: list[tuple[int, uuid.UUID | None]] = [(number, None) for number in range(WORKERS) if number not in held]
    rested = sorted((row for row in rows if row[1] <= now_ms), key=lambda row: int(row[1]))
    again: list[tuple[int, uuid.UUID | None]] = [(row[0], row[2]) for row in rested]
    return random.sample(new, min(_CANDIDATES, len(new))) or again[:_CANDIDATES]


async def _take(
    session: CassandraSession, number: int, last: uuid.UUID | None, owner: str, now_ms: int, lease_ms: int
) -> bool:
    change, ends_ms, free_ms = uuid.uuid4(), now_ms + lease_ms, now_ms + 2 * lease_ms
    if last is None:
        return await _decide(session, _TAKE_NEW, (number, owner, ends_ms, free_ms, change), change, number)
    return await _decide(session, _TAKE_AGAIN, (owner, ends_ms, free_ms, change, number, last), change, number)


async def renew(session: CassandraSession, number: int, owner: str, now_ms: int, lease_ms: int) -> bool:
    change = uuid.uuid4()
    params = (now_ms + lease_ms, now_ms + 2 * lease_ms, change, number, owner, now_ms)
    return await _decide(session, _RENEW, params, change, number)


async def release(session: CassandraSession, number: int, owner: str) -> None:
    row = await session.row(_ONE, number)
    if row is None or row[0] != owner:
        return
    # It rests until its lease would have ended: the holder's clock may be ahead of its successor's.
    change = uuid.uuid4()
    await _decide(session, _TAKE_AGAIN, ("", row[1], row[1], change, number, row[2]), change, number)


async def _decide(
    session: CassandraSession, statement: Statement, params: Sequence[object], change: uuid.UUID, number: int
) -> bool:
    async def last_change() -> object:
        row = await session.row(_ONE, number)
        return row[2] if row else None

    return await session.decide(statement, params, change, last_change)
