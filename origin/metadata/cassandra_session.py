"""Asks Cassandra from asyncio: connects at the first request, prepares each statement once, pages, retries, compares and sets.

The driver has threads of its own. A request is handed to it without waiting, and its answer comes back by
`call_soon_threadsafe`; what blocks (connect, prepare, shut down) runs in one thread that the session owns. So a slow
or frozen node costs its requests their time limit and the event loop nothing. A caller that is cancelled leaves its
request to end by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from cassandra import ConsistencyLevel, DriverException
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ResultSet
from cassandra.query import UNSET_VALUE

from origin.metadata.base import MetadataError, MetadataUnavailable
from origin.metadata.cassandra_cluster import COMPARE_AND_SET, connect
from origin.metadata.cassandra_errors import as_metadata_error
from origin.metadata.cassandra_target import Target
from origin.retry import Backoff

Row = tuple[Any, ...]
UNSET = UNSET_VALUE
"""As a parameter: leave the column as it is."""
MAX_IN_FLIGHT = 256
"""Requests that the cluster works on for one session; others wait here."""
MAX_WAITING = 20_000
"""Requests that wait; beyond, a caller is told at once instead of waiting for ever longer."""
PAGE_ROWS = 1_000
KEYS_AT_ONCE = 20
"""Partitions that one request reads: each costs the coordinator, each request costs us."""
_ATTEMPTS = 4
_GIVE_UP_S = 10.0
_BACKOFF = Backoff(base_s=0.05, cap_s=1.0)
_CONNECT_AGAIN_S = 0.5
"""After a failed connect, callers get its error for this long."""


@dataclass(frozen=True, slots=True)
class Statement:
    """CQL to prepare. `repeatable`: sending it twice is the same as sending it once."""

    cql: str
    consistency: int = ConsistencyLevel.LOCAL_QUORUM
    repeatable: bool = True


def near(cql: str) -> Statement:
    """A read that any one replica may answer: counts and feeds."""
    return Statement(cql, ConsistencyLevel.LOCAL_ONE)


def settled(cql: str) -> Statement:
    """A read that first ends compare-and-sets under way on its partition."""
    return Statement(cql, ConsistencyLevel.LOCAL_SERIAL)


def compare_and_set(cql: str) -> Statement:
    """A lightweight transaction. Its table's cells are written by nothing else, or only with timestamps far below
    the ballots that such transactions write with."""
    return Statement(cql, repeatable=False)


@dataclass(frozen=True, slots=True)
class Page:
    rows: Sequence[Row]
    next_page: bytes | None


@dataclass(frozen=True, slots=True)
class _Open:
    cluster: Cluster
    session: Any
    prepared: dict[Statement, asyncio.Task[Any]]


class CassandraSession:
    """One event loop only. Nothing is connected before the first request."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._blocking = ThreadPoolExecutor(1, thread_name_prefix="cassandra-blocking")
        self._slots = asyncio.Semaphore(MAX_IN_FLIGHT)
        self._waiting = 0
        self._opening: asyncio.Task[_Open] | None = None
        self._failed: tuple[float, MetadataError] | None = None
        self._closed = False

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
                return await self._once(statement, params, after)
            except MetadataUnavailable:
                last = attempt == _ATTEMPTS - 1 or loop.time() >= give_up_s
                if last or self._closed or not statement.repeatable:
                    raise
            await self._pause(attempt)
        raise AssertionError("unreachable")

    async def decide(
        self, statement: Statement, params: Sequence[Any], change: object, last_change: Callable[[], Awaitable[object]]
    ) -> bool:
        """Whether a compare-and-set that writes `change` was done.

        Where the answer is lost, `last_change` reads (settled) what the row's last one was: if it is ours, it was done.
        If not, ours is tried again; should it be refused then, nobody knows whether ours came and went before, and
        MetadataUnavailable is raised.
        """
        for attempt in range(_ATTEMPTS):
            try:
                page = await self._once(statement, params, None)
            except MetadataUnavailable:
                if self._closed:
                    raise
                if await last_change() == change:
                    return True
                await self._pause(attempt)
                continue
            done = bool(page.rows[0][0])
            if done or attempt == 0:
                return done
            break
        raise MetadataUnavailable(f"{self.target.name}: the outcome of a change is not known")

    async def _pause(self, attempt: int) -> None:
        await asyncio.sleep(_BACKOFF.delay_s(attempt, random.random()))  # noqa: S311 -- jitter, no secret

    async def _once(self, statement: Statement, params: Sequence[Any], after: bytes | None) -> Page:
        if self._waiting >= MAX_WAITING:
            raise MetadataUnavailable(f"{self.target.name}: {MAX_WAITING} requests wait already")
        self._waiting += 1
        try:
            opened = await self.opened()
            prepared = await self._prepared(opened, statement)
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        try:
            sent = self._send(opened.session, statement, prepared.bind(params), after)
        except BaseException as error:
            self._slots.release()
            if isinstance(error, DriverException):
                raise as_metadata_error(error, self.target) from error
            raise
        return await sent

    def _send(self, session: Any, statement: Statement, bound: Any, after: bytes | None) -> asyncio.Future[Page]:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Page] = loop.create_future()
        bound.fetch_size = PAGE_ROWS
        profile = EXEC_PROFILE_DEFAULT if statement.repeatable else COMPARE_AND_SET
        asked = session.execute_async(bound, execution_profile=profile, paging_state=after)

        def answered(rows: Sequence[Row] | None) -> None:
            next_page = ResultSet(asked, rows).paging_state if asked.has_more_pages else None
            _post(loop, partial(self._settle, done, Page(rows or (), next_page), None))

        def failed(error: Exception) -> None:
            _post(loop, partial(self._settle, done, None, error))

        asked.add_callbacks(answered, failed)
        return done

    def _settle(self, done: asyncio.Future[Page], page: Page | None, error: Exception | None) -> None:
        """Runs in the caller's loop. The slot is free only now, also where the caller went away before."""
        self._slots.release()
        if done.done():
            return
        if page is not None:
            done.set_result(page)
        elif error is not None:
            mapped = as_metadata_error(error, self.target)
            mapped.__cause__ = error
            done.set_exception(mapped)

    async def opened(self) -> _Open:
        """The connection, made if there is none. Raises MetadataError."""
        if self._closed:
            raise MetadataUnavailable(f"{self.target.name} is closed")
        loop = asyncio.get_running_loop()
        if self._failed is not None and loop.time() < self._failed[0]:
            raise type(self._failed[1])(*self._failed[1].args)
        if self._opening is None:
            self._opening = loop.create_task(self._open())
        return await asyncio.shield(self._opening)

    async def _open(self) -> _Open:
        loop = asyncio.get_running_loop()
        try:
            connecting = partial(connect, self.target, self.target.keyspace)
            cluster, session = await loop.run_in_executor(self._blocking, connecting)
        except MetadataError as error:
            self._failed = (loop.time() + _CONNECT_AGAIN_S, error)
            self._opening = None
            raise
        self._failed = None
        return _Open(cluster, session, {})

    async def _prepared(self, opened: _Open, statement: Statement) -> Any:
        task = opened.prepared.get(statement)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._prepare(opened, statement))
            opened.prepared[statement] = task
        return await asyncio.shield(task)

    async def _prepare(self, opened: _Open, statement: Statement) -> Any:
        loop = asyncio.get_running_loop()
        try:
            prepared = await loop.run_in_executor(self._blocking, opened.session.prepare, statement.cql)
        except Exception as error:
            del opened.prepared[statement]
            raise as_metadata_error(error, self.target) from error
        prepared.consistency_level = statement.consistency
        prepared.is_idempotent = statement.repeatable
        return prepared

    async def close(self) -> None:
        """End the driver's threads; what is under way fails. Closing again is no error."""
        if self._closed:
            return
        self._closed = True
        loop = asyncio.get_running_loop()
        if self._opening is not None:
            with contextlib.suppress(MetadataError):
                opened = await self._opening
                await asyncio.gather(*opened.prepared.values(), return_exceptions=True)
                await loop.run_in_executor(self._blocking, opened.cluster.shutdown)
        await loop.run_in_executor(None, self._blocking.shutdown)


def _post(loop: asyncio.AbstractEventLoop, work: Callable[[], None]) -> None:
    # A loop that was closed meanwhile has nobody who waits.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(work)


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
