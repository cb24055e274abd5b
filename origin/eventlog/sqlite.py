"""The event log in one SQLite file: the embedded backend. Every topic has the single partition 0.

Appends share commits (see `origin.sqlite_database`). An append wakes this process's pollers at once; those of
other processes look again every LOOK_AGAIN_S.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib.resources import files
from pathlib import Path

from origin.eventlog import sqlite_statements as statements
from origin.eventlog.base import EventLogError, LogFull, LogUnavailable, Position, Record
from origin.eventlog.claims import Claims
from origin.eventlog.retention import Retention, expired_before_ms
from origin.eventlog.sole_owner import SoleOwner
from origin.eventlog.sqlite_statements import PARTITION
from origin.sqlite_database import Database, DatabaseError, DatabaseFull

logger = logging.getLogger(__name__)
LOOK_AGAIN_S = 0.1
TRIM_EVERY_MS = 60_000


class SqliteEventLog:
    """`clock` gives epoch milliseconds for `appended_at_ms` and retention."""

    def __init__(self, path: str, clock: Callable[[], int], retention: Retention | None = None) -> None:
        schema = files("origin.eventlog").joinpath("schema.sql").read_text()
        with _log_errors():
            self._database = Database(path, [schema])
        self._claims = Claims(Path(path + ".claims"))
        self._clock = clock
        self._retention = retention or Retention()
        self._trimmed_at_ms = clock()
        self._trimming: asyncio.Task[int] | None = None
        self._consumers: set[SqliteConsumer] = set()

    async def append(self, topic: str, key: str, value: bytes) -> Position:
        (position,) = await self.append_many(topic, [(key, value)])
        return position

    async def append_many(self, topic: str, records: Sequence[tuple[str, bytes]]) -> Sequence[Position]:
        if not records:
            return []
        now_ms = self._clock()
        with _log_errors():
            first = await self._database.write(lambda connection: statements.append(connection, topic, records, now_ms))
        for consumer in self._consumers:
            consumer.wake(topic)
        self._trim_sometimes(now_ms)
        return [Position(topic, PARTITION, first + index) for index in range(len(records))]

    async def consumer(
        self, group: str, topics: Sequence[str], start: Mapping[tuple[str, int], int] | None = None
    ) -> SqliteConsumer:
        begin = {topic: offset for (topic, partition), offset in (start or {}).items() if partition == PARTITION}
        consumer = SqliteConsumer(self, self._database, self._claims, group, topics, begin)
        self._consumers.add(consumer)
        return consumer

    async def read(self, topic: str, after: Mapping[int, int], limit: int) -> Sequence[Record]:
        next_offset = after.get(PARTITION, -1) + 1
        with _log_errors():
            return await self._database.read(lambda connection: statements.read(connection, topic, next_offset, limit))

    async def check(self) -> None:
        with _log_errors():
            await self._database.read(statements.topics)

    async def trim(self, now_ms: int) -> int:
        """Forget records beyond the retention; returns how many. Appending calls it once a minute.

        Raises LogUnavailable and LogFull (forgetting needs some room, too).
        """
        with _log_errors():
            return await self._trim_age(now_ms) + await self._trim_size()

    async def _trim_age(self, now_ms: int) -> int:
        topics = await self._database.read(statements.topics)
        trimmed = 0
        for topic in topics:
            before_ms = expired_before_ms(self._retention, topic, now_ms)
            while count := await self._database.write(partial(statements.trim_age, topic=topic, before_ms=before_ms)):
                trimmed += count
        return trimmed

    async def _trim_size(self) -> int:
        trimmed = 0
        while await self._database.read(statements.used_bytes) > self._retention.size_bytes:
            count = await self._database.write(statements.trim_oldest)
            if not count:
                break
            logger.warning("the event log outgrew its size: forgot records", extra={"records": count})
            trimmed += count
        return trimmed

    def _trim_sometimes(self, now_ms: int) -> None:
        if now_ms - self._trimmed_at_ms < TRIM_EVERY_MS or self._trimming is not None:
            return
        self._trimmed_at_ms = now_ms
        self._trimming = asyncio.create_task(self.trim(now_ms))
        self._trimming.add_done_callback(self._trim_ended)

    def _trim_ended(self, task: asyncio.Task[int]) -> None:
        self._trimming = None
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.warning("could not trim the event log", extra={"error": str(error)})

    def left(self, consumer: SqliteConsumer) -> None:
        """A consumer closed: those that wait for its topics look at once."""
        self._consumers.discard(consumer)
        for other in self._consumers:
            for topic in consumer.topics:
                other.wake(topic)

    async def close(self) -> None:
        for consumer in tuple(self._consumers):
            await consumer.close()
        if self._trimming is not None:
            self._trimming.cancel()
            with contextlib.suppress(asyncio.CancelledError, EventLogError):
                await self._trimming
        await self._database.close()


class SqliteConsumer(SoleOwner):
    """Claims each of its topics that nobody else of the group reads, and reads those."""

    def __init__(
        self,
        log: SqliteEventLog,
        database: Database,
        claims: Claims,
        group: str,
        topics: Sequence[str],
        begin: Mapping[str, int],
    ) -> None:
        super().__init__()
        self._log = log
        self._database = database
        self._claims = claims
        self._group = group
        self.topics = tuple(topics)
        self._begin = dict(begin)
        self._held: dict[str, int] = {}
        self._next: dict[str, int] = {}
        self._turn = 0
        self._loop = asyncio.get_running_loop()
        self._woken = asyncio.Event()
        self._closed = False

    def wake(self, topic: str) -> None:
        """There may be something new in a topic; callable from any thread."""
        if topic in self.topics:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._woken.set)

    async def poll(self, max_records: int, timeout_s: float) -> Sequence[Record]:
        deadline = self._loop.time() + timeout_s
        while True:
            self._woken.clear()
            records = await self._look(max_records)
            left_s = deadline - self._loop.time()
            if records or left_s <= 0:
                return records
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left_s, LOOK_AGAIN_S)):
                    await self._woken.wait()

    async def _look(self, max_records: int) -> Sequence[Record]:
        if self._closed:
            raise LogUnavailable(f"this consumer of {self._group} is closed")
        await self._claim_free()
        turn = self._turn % len(self.topics)
        wanted = {t: self._next[t] for t in (*self.topics[turn:], *self.topics[:turn]) if t in self._next}
        if not wanted:
            return []
        # The first topic changes each time, so that a busy one never starves another.
        self._turn += 1
        with _log_errors():
            records = await self._database.read(lambda connection: statements.read_all(connection, wanted, max_records))
        for record in records:
            self._next[record.position.topic] = record.position.offset + 1
        return records

    async def _claim_free(self) -> None:
        for topic in self.topics:
            if topic in self._held:
                continue
            with _log_errors():
                descriptor = self._claims.claim(self._group, topic)
            if descriptor is None:
                continue
            try:
                with _log_errors():
                    committed = await self._database.read(partial(statements.committed, group=self._group, topic=topic))
            except BaseException:
                self._claims.give_up(descriptor)
                raise
            self._held[topic] = descriptor
            self._next[topic] = self._begin.pop(topic, committed)

    async def commit(self, position: Position) -> None:
        group = self._group
        with _log_errors():
            await self._database.write(lambda connection: statements.commit(connection, group, position))
        self._hand.commit((position.topic, PARTITION), position.offset + 1)

    async def lag(self) -> int:
        with _log_errors():
            return await self._database.read(partial(statements.lag, group=self._group, topics=self.topics))

    async def close(self) -> None:
        self._closed = True
        for descriptor in self._held.values():
            self._claims.give_up(descriptor)
        self._held.clear()
        self._next.clear()
        self._hand.keep(set())
        self._woken.set()
        self._log.left(self)


@contextlib.contextmanager
def _log_errors() -> Iterator[None]:
    try:
        yield
    except DatabaseFull as error:
        raise LogFull(str(error)) from error
    except (DatabaseError, OSError) as error:
        raise LogUnavailable(str(error)) from error
