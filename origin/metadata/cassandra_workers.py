"""Worker numbers in Cassandra: a row per number that was ever leased, written by compare-and-set only."""

from __future__ import annotations

import asyncio
import random
import uuid

from origin.ids import WORKERS
from origin.metadata.base import NoWorkerNumber
from origin.metadata.cassandra_session import CassandraSession, Statement, compare_and_set, settled

_AT_ONCE = 16
"""Leases of one process under way; others wait."""
_GUESSES = 4
"""Numbers that are tried as new before all are looked at."""
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
_ONE = settled("SELECT change, owner, toUnixTimestamp(ends_at) FROM workers WHERE number = ?")


class WorkerNumbers:
    """Leases numbers; remembers which were leased ever, so as not to try them as new."""

    def __init__(self, session: CassandraSession) -> None:
        self._session = session
        self._used: set[int] = set()
        self._leasing = asyncio.Semaphore(_AT_ONCE)

    async def lease(self, owner: str, now_ms: int, lease_ms: int) -> int:
        # A number that nobody has held is the safest; then the one that rests longest.
        async with self._leasing:
            for number in self._guesses():
                if await self._take(number, None, owner, now_ms, lease_ms):
                    return number
            while candidates := await self._free(now_ms):
                for number, change in candidates:
                    if await self._take(number, change, owner, now_ms, lease_ms):
                        return number
        raise NoWorkerNumber(f"all {WORKERS} worker numbers are leased")

    def _guesses(self) -> list[int]:
        unused = [number for number in range(WORKERS) if number not in self._used]
        return random.sample(unused, min(_GUESSES, len(unused)))

    async def _free(self, now_ms: int) -> list[tuple[int, uuid.UUID | None]]:
        rows = await self._session.rows(_ALL)
        self._used = {row[0] for row in rows}
        if new := self._guesses():
            return [(number, None) for number in new]
        rested = sorted((row for row in rows if row[1] <= now_ms), key=lambda row: int(row[1]))[:_CANDIDATES]
        return [(row[0], row[2]) for row in random.sample(rested, len(rested))]

    async def _take(self, number: int, last: uuid.UUID | None, owner: str, now_ms: int, lease_ms: int) -> bool:
        self._used.add(number)
        change, ends_ms, free_ms = uuid.uuid4(), now_ms + lease_ms, now_ms + 2 * lease_ms
        if last is None:
            params: tuple[object, ...] = (number, owner, ends_ms, free_ms, change)
            return await self._session.decide(_TAKE_NEW, params, change, _ONE, number, makes_row=True)
        params = (owner, ends_ms, free_ms, change, number, last)
        return await self._session.decide(_TAKE_AGAIN, params, change, _ONE, number)

    async def renew(self, number: int, owner: str, now_ms: int, lease_ms: int) -> bool:
        change = uuid.uuid4()
        params = (now_ms + lease_ms, now_ms + 2 * lease_ms, change, number, owner, now_ms)
        return await self._session.decide(_RENEW, params, change, _ONE, number)

    async def release(self, number: int, owner: str) -> None:
        row = await self._session.row(_ONE, number)
        if row is None or row[1] != owner:
            return
        # It rests until its lease would have ended: the holder's clock may be ahead of its successor's.
        change = uuid.uuid4()
        await self._session.decide(_TAKE_AGAIN, ("", row[2], row[2], change, number, row[0]), change, _ONE, number)
