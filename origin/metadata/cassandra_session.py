"""How Cassandra is asked: reads of all pages, writes that are tried again, compare-and-sets whose outcome is known."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from typing import Any
from weakref import WeakValueDictionary

from cassandra import ConsistencyLevel
from cassandra.query import UNSET_VALUE

from origin.metadata.base import MetadataUnavailable
from origin.metadata.cassandra_connection import CassandraConnection, Page, Row, Statement
from origin.metadata.cassandra_target import Target
from origin.retry import Backoff

__all__ = ["UNSET", "CassandraSession", "Page", "Row", "Statement", "all_of", "compare_and_set", "near", "settled"]
UNSET = UNSET_VALUE
"""As a parameter: leave the column as it is."""
KEYS_AT_ONCE = 20
"""Partitions that one request reads: each costs the coordinator, each request costs us."""
MAX_REMEMBERED = 10_000
_ATTEMPTS = 4
_GIVE_UP_S = 10.0
_BACKOFF = Backoff(base_s=0.05, cap_s=1.0)


def near(cql: str) -> Statement:
    """A read that any one replica may answer: counts and feeds."""
    return Statement(cql, ConsistencyLevel.LOCAL_ONE)


def settled(cql: str) -> Statement:
    """A read that first ends compare-and-sets under way on its partition."""
    return Statement(cql, ConsistencyLevel.LOCAL_SERIAL)


def compare_and_set(cql: str) -> Statement:
    """A lightweight transaction. Its cells are written by nothing else, or at timestamps far below its ballots."""
    return Statement(cql, repeatable=False)


class Once:
    """Remembers what was written once and for all, so that it is not written again; forgets the oldest."""

    def __init__(self) -> None:
        self._done: dict[Hashable, None] = {}

    def has(self, key: Hashable) -> bool:
        return key in self._done

    def add(self, key: Hashable) -> None:
        if len(self._done) >= MAX_REMEMBERED:
            del self._done[next(iter(self._done))]
        self._done[key] = None


class CassandraSession:
    """One event loop only. Nothing is connected before the first request."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.once = Once()
        self._turns: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()
        self._connection = CassandraConnection(target)

    async def rows(self, statement: Statement, *params: Any) -> list[Row]:
        """Every row, page by page. Raises MetadataError."""
        page = await self.page(statement, *params)
        rows = list(page.rows)
        while page.next_page is not None:
            page = await self.page(statement, *params, after=page.next_page)
            rows += page.rows
        return rows

    async def each(
        self, statement: Statement, keys: Sequence[int], *params: Any, then: Sequence[Any] = ()
    ) -> list[Row]:
        """The rows of many keys, asked for by `IN ?` after `params` and before `then`; in no order.

        Raises MetadataError."""
        unique = list(dict.fromkeys(keys))
        parts = (unique[start : start + KEYS_AT_ONCE] for start in range(0, len(unique), KEYS_AT_ONCE))
        answers = await asyncio.gather(*(self.rows(statement, *params, part, *then) for part in parts))
        return [row for rows in answers for row in rows]

    async def row(self, statement: Statement, *params: Any) -> Row | None:
        """The only row, or None. Raises MetadataError."""
        rows = (await self.page(statement, *params)).rows
        return rows[0] if rows else None

    async def write(self, statement: Statement, *params: Any) -> None:
        """Raises MetadataError; then the write may still happen."""
        await self.page(statement, *params)

    async def page(self, statement: Statement, *params: Any, after: bytes | None = None) -> Page:
        """One page, tried again with backoff where that is harmless. Raises MetadataError."""
        loop = asyncio.get_running_loop()
        give_up_s = loop.time() + _GIVE_UP_S
        for attempt in range(_ATTEMPTS):
            try:
                return await self._connection.ask(statement, params, after)
            except MetadataUnavailable:
                last = attempt == _ATTEMPTS - 1 or loop.time() >= give_up_s
                if last or self._connection.is_closed or not statement.repeatable:
                    raise
            await self._pause(attempt)
        raise AssertionError("unreachable")

    async def decide(
        self,
        statement: Statement,
        params: Sequence[Any],
        change: object,
        last_change: Statement,
        *key: Any,
        makes_row: bool = False,
    ) -> bool:
        """Whether a compare-and-set that writes `change` was done. Raises MetadataError.

        Where the answer is lost, `last_change` of `key` reads (settled, first column) the row's last one: if it is
        ours, it was done. If not, ours is tried again, as it may never have arrived. Should it be refused then and
        the last one be another's, nobody knows whether ours came and went before: MetadataUnavailable is raised.
        With `makes_row`, which says that no row is changed soon after it was made, it was not done.

        Those of one process on one row take turns: the nodes would let them all fail.
        """
        give_up_s = asyncio.get_running_loop().time() + _GIVE_UP_S
        turn = self._turns.setdefault((last_change, key), asyncio.Lock())
        try:
            async with asyncio.timeout_at(give_up_s):
                await turn.acquire()
        except TimeoutError:
            raise MetadataUnavailable(f"{self.target.name}: too many change one row at once") from None
        try:
            return await self._decide(statement, params, change, (last_change, *key), makes_row, give_up_s)
        finally:
            turn.release()

    async def _decide(
        self,
        statement: Statement,
        params: Sequence[Any],
        change: object,
        last_change: tuple[Any, ...],
        makes_row: bool,
        give_up_s: float,
    ) -> bool:
        attempt = 0
        while attempt < _ATTEMPTS and (attempt == 0 or asyncio.get_running_loop().time() < give_up_s):
            try:
                page = await self._connection.ask(statement, params)
            except MetadataUnavailable:
                if self._connection.is_closed:
                    raise
                row = await self.row(*last_change)
                if row is not None and (row[0] == change or makes_row):
                    return bool(row[0] == change)
                await self._pause(attempt)
                attempt += 1
                continue
            if page.rows[0][0] or attempt == 0:
                return bool(page.rows[0][0])
            # The first may have been carried out only now.
            row = await self.row(*last_change)
            if row is not None and (row[0] == change or makes_row):
                return bool(row[0] == change)
            break
        raise MetadataUnavailable(f"{self.target.name}: the outcome of a change is not known")

    async def _pause(self, attempt: int) -> None:
        await asyncio.sleep(_BACKOFF.delay_s(attempt, random.random()))  # noqa: S311 -- jitter, no secret

    async def close(self) -> None:
        """End the driver's threads; what is under way fails. Closing again is no error."""
        await self._connection.close()


async def all_of(works: Iterable[Callable[[], Awaitable[None]]], at_once: int) -> None:
    """Do all works, so many at a time; the first error ends the others and is raised."""
    waiting = iter(works)

    async def some() -> None:
        for work in waiting:
            await work()

    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(at_once):
                tasks.create_task(some())
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from errors
