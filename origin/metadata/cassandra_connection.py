"""Sends statements to Cassandra from asyncio: connects at the first, prepares each once.

The driver has threads of its own. A request is handed to it without waiting, and its answer comes back by
`call_soon_threadsafe`; what blocks (connect, prepare, shut down) runs in one thread that the connection owns. So a slow
or frozen node costs its requests their time limit and the event loop nothing. A caller that is cancelled leaves its
request to end by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from cassandra import ConsistencyLevel, DriverException, OperationTimedOut
from cassandra.cluster import EXEC_PROFILE_DEFAULT, ResultSet

from origin.metadata.base import MetadataError, MetadataUnavailable
from origin.metadata.cassandra_cluster import COMPARE_AND_SET, Connected, connect
from origin.metadata.cassandra_errors import as_metadata_error
from origin.metadata.cassandra_target import Target

Row = tuple[Any, ...]
MAX_IN_FLIGHT = 256
"""Requests that the cluster works on for one connection; others wait here."""
MAX_CHANGES_IN_FLIGHT = 32
"""Compare-and-sets besides: each takes the nodes four rounds, and too many at once starve each other."""
MAX_WAITING = 20_000
"""Requests that wait; beyond, a caller is told at once instead of waiting for ever longer."""
PAGE_ROWS = 1_000
_CONNECT_AGAIN_S = 0.5
"""After a failed connect, callers get its error for this long."""


@dataclass(frozen=True, slots=True)
class Statement:
    """CQL to prepare. `repeatable`: sending it twice is the same as sending it once."""

    cql: str
    consistency: int = ConsistencyLevel.LOCAL_QUORUM
    repeatable: bool = True


@dataclass(frozen=True, slots=True)
class Page:
    rows: Sequence[Row]
    next_page: bytes | None


@dataclass(frozen=True, slots=True)
class _Open:
    connected: Connected
    prepared: dict[Statement, asyncio.Task[Any]]


class CassandraConnection:
    """One event loop only. Nothing is connected before the first request."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.is_closed = False
        self._blocking = ThreadPoolExecutor(1, thread_name_prefix="cassandra-blocking")
        self._slots = asyncio.Semaphore(MAX_IN_FLIGHT)
        self._change_slots = asyncio.Semaphore(MAX_CHANGES_IN_FLIGHT)
        self._waiting = 0
        self._opening: asyncio.Task[_Open] | None = None
        self._failed: tuple[float, MetadataError] | None = None

    async def ask(self, statement: Statement, params: Sequence[Any], after: bytes | None = None) -> Page:
        """Send a statement once; the first page of its answer, or the one `after` another. Raises MetadataError."""
        if self._waiting >= MAX_WAITING:
            raise MetadataUnavailable(f"{self.target.name}: {MAX_WAITING} requests wait already")
        slots = self._slots if statement.repeatable else self._change_slots
        self._waiting += 1
        try:
            opened = await self._opened()
            prepared = await self._prepared(opened, statement)
            await slots.acquire()
        finally:
            self._waiting -= 1
        try:
            done = self._send(opened.connected, statement, prepared.bind(params), after, slots)
        except BaseException as error:
            slots.release()
            if isinstance(error, DriverException):
                raise as_metadata_error(error, self.target) from error
            raise
        return await done

    def _send(
        self, connected: Connected, statement: Statement, bound: Any, after: bytes | None, slots: asyncio.Semaphore
    ) -> asyncio.Future[Page]:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Page] = loop.create_future()
        bound.fetch_size = PAGE_ROWS
        profile = EXEC_PROFILE_DEFAULT if statement.repeatable else COMPARE_AND_SET
        asked = connected.session.execute_async(bound, execution_profile=profile, paging_state=after)

        def settle(page: Page | None, error: Exception | None) -> None:
            """Runs in the loop. The slot is free only now, also where the caller went away before."""
            slots.release()
            if done.done():
                return
            if error is not None:
                mapped = as_metadata_error(error, self.target)
                mapped.__cause__ = error
                done.set_exception(mapped)
            elif page is not None:
                done.set_result(page)

        def answered(rows: Sequence[Row] | None) -> None:
            connected.suspects.answered(asked.coordinator_host)
            next_page = ResultSet(asked, rows).paging_state if asked.has_more_pages else None
            _post(loop, partial(settle, Page(rows or (), next_page), None))

        def failed(error: Exception) -> None:
            if isinstance(error, OperationTimedOut):
                connected.suspects.timed_out(error.last_host)
            _post(loop, partial(settle, None, error))

        asked.add_callbacks(answered, failed)
        return done

    async def _opened(self) -> _Open:
        if self.is_closed:
            raise MetadataUnavailable(f"{self.target.name} is closed")
        loop = asyncio.get_running_loop()
        if self._failed is not None and loop.time() < self._failed[0]:
            raise type(self._failed[1])(*self._failed[1].args)
        if self._opening is None:
            self._opening = loop.create_task(self._open())
            self._opening.add_done_callback(_seen)
        return await asyncio.shield(self._opening)

    async def _open(self) -> _Open:
        loop = asyncio.get_running_loop()
        try:
            connecting = partial(connect, self.target, self.target.keyspace)
            connected = await loop.run_in_executor(self._blocking, connecting)
        except MetadataError as error:
            self._failed = (loop.time() + _CONNECT_AGAIN_S, error)
            self._opening = None
            raise
        self._failed = None
        return _Open(connected, {})

    async def _prepared(self, opened: _Open, statement: Statement) -> Any:
        task = opened.prepared.get(statement)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._prepare(opened, statement))
            task.add_done_callback(_seen)
            opened.prepared[statement] = task
        return await asyncio.shield(task)

    async def _prepare(self, opened: _Open, statement: Statement) -> Any:
        loop = asyncio.get_running_loop()
        try:
            prepared = await loop.run_in_executor(self._blocking, opened.connected.session.prepare, statement.cql)
        except Exception as error:
            del opened.prepared[statement]
            raise as_metadata_error(error, self.target) from error
        prepared.consistency_level = statement.consistency
        prepared.is_idempotent = statement.repeatable
        return prepared

    async def close(self) -> None:
        """End the driver's threads; what is under way fails. Closing again is no error."""
        if self.is_closed:
            return
        self.is_closed = True
        loop = asyncio.get_running_loop()
        if self._opening is not None:
            with contextlib.suppress(MetadataError):
                opened = await self._opening
                await asyncio.gather(*opened.prepared.values(), return_exceptions=True)
                await loop.run_in_executor(self._blocking, opened.connected.cluster.shutdown)
        await loop.run_in_executor(None, self._blocking.shutdown)


def _seen(task: asyncio.Task[Any]) -> None:
    """Its error is no news where every caller went away: asyncio would report it."""
    if not task.cancelled():
        task.exception()


def _post(loop: asyncio.AbstractEventLoop, work: Callable[[], None]) -> None:
    # A loop that was closed meanwhile has nobody who waits.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(work)
