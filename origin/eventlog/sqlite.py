"""The event log in one SQLite file: the embedded backend. Every topic has the single partition 0.

Appends share commits (see `origin.sqlite_database`). An append wakes this process's pollers at once; those of
other processes look again every LOOK_AGAIN_S.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib.resources import files
from pathlib import Path

from origin.eventlog.base import LogFull, LogUnavailable, Position, Record
from origin.eventlog.claims import Claims
from origin.eventlog.retention import Retention, droppable_until, expired_before_ms
from origin.sqlite_database import Database, DatabaseError, DatabaseFull

logger = logging.getLogger(__name__)
LOOK_AGAIN_S = 0.1
TRIM_EVERY_MS = 60_000
_TRIM_ROWS = 1_000
"""Per transaction, so that appends never wait long for a trim."""
_PARTITION = 0


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
            first = await self._database.write(lambda connection: _append(connection, topic, records, now_ms))
        for consumer in self._consumers:
            consumer.wake(topic)
        self._trim_sometimes(now_ms)
        return [Position(topic, _PARTITION, first + index) for index in range(len(records))]

    async def consumer(
        self, group: str, topics: Sequence[str], start: Mapping[tuple[str, int], int] | None = None
    ) -> SqliteConsumer:
        begin = {topic: offset for (topic, partition), offset in (start or {}).items() if partition == _PARTITION}
        consumer = SqliteConsumer(self, self._database, self._claims, group, topics, begin)
        self._consumers.add(consumer)
        return consumer

    async def read(self, topic: str, after: Mapping[int, int], limit: int) -> Sequence[Record]:
        next_offset = after.get(_PARTITION, -1) + 1
        with _log_errors():
            return await self._database.read(lambda connection: _read(connection, topic, next_offset, limit))

    async def trim(self, now_ms: int) -> int:
        """Forget records beyond the retention; returns how many. Appending calls it once a minute."""
        topics = await self._database.read(_topics)
        trimmed = 0
        for topic in topics:
            before_ms = expired_before_ms(self._retention, topic, now_ms)
            while count := await self._database.write(partial(_trim_age, topic=topic, before_ms=before_ms)):
                trimmed += count
        while await self._database.read(_used_bytes) > self._retention.size_bytes:
            count = await self._database.write(_trim_oldest)
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
            with contextlib.suppress(asyncio.CancelledError, DatabaseError):
                await self._trimming
        await self._database.close()


class SqliteConsumer:
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
            records = await self._database.read(lambda connection: _read_all(connection, wanted, max_records))
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
                    committed = await self._database.read(partial(_committed, group=self._group, topic=topic))
            except BaseException:
                self._claims.give_up(descriptor)
                raise
            self._held[topic] = descriptor
            self._next[topic] = self._begin.pop(topic, committed)

    async def commit(self, position: Position) -> None:
        group = self._group
        with _log_errors():
            await self._database.write(lambda connection: _commit(connection, group, position))

    async def lag(self) -> int:
        with _log_errors():
            return await self._database.read(lambda c: sum(_lag(c, self._group, topic) for topic in self.topics))

    async def close(self) -> None:
        self._closed = True
        for descriptor in self._held.values():
            self._claims.give_up(descriptor)
        self._held.clear()
        self._next.clear()
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


def _append(connection: sqlite3.Connection, topic: str, records: Sequence[tuple[str, bytes]], now_ms: int) -> int:
    row = connection.execute(
        "INSERT INTO heads VALUES (?1, 0, ?2) ON CONFLICT (topic) DO UPDATE SET next_offset = next_offset + ?2"
        " RETURNING next_offset",
        (topic, len(records)),
    ).fetchone()
    first = int(row[0]) - len(records)
    connection.executemany(
        "INSERT INTO records VALUES (?, ?, ?, ?, ?)",
        [(topic, first + index, key, value, now_ms) for index, (key, value) in enumerate(records)],
    )
    return first


def _read(connection: sqlite3.Connection, topic: str, next_offset: int, limit: int) -> list[Record]:
    rows = connection.execute(
        'SELECT "offset", key, value, appended_at_ms FROM records WHERE topic = ? AND "offset" >= ?'
        ' ORDER BY "offset" LIMIT ?',
        (topic, next_offset, limit),
    )
    return [Record(Position(topic, _PARTITION, row[0]), row[1], row[2], row[3]) for row in rows]


def _read_all(connection: sqlite3.Connection, wanted: Mapping[str, int], limit: int) -> list[Record]:
    records: list[Record] = []
    for topic, next_offset in wanted.items():
        if len(records) < limit:
            records += _read(connection, topic, next_offset, limit - len(records))
    return records


def _committed(connection: sqlite3.Connection, group: str, topic: str) -> int:
    row = connection.execute(
        "SELECT next_offset FROM commits WHERE consumer_group = ? AND topic = ?", (group, topic)
    ).fetchone()
    return int(row[0]) if row else 0


def _commit(connection: sqlite3.Connection, group: str, position: Position) -> None:
    connection.execute(
        "INSERT INTO commits VALUES (?, ?, ?) ON CONFLICT (consumer_group, topic)"
        " DO UPDATE SET next_offset = max(next_offset, excluded.next_offset)",
        (group, position.topic, position.offset + 1),
    )


def _lag(connection: sqlite3.Connection, group: str, topic: str) -> int:
    row = connection.execute("SELECT first_offset, next_offset FROM heads WHERE topic = ?", (topic,)).fetchone()
    return row[1] - max(row[0], _committed(connection, group, topic)) if row else 0


def _topics(connection: sqlite3.Connection) -> list[str]:
    return [topic for (topic,) in connection.execute("SELECT topic FROM heads")]


def _trim_age(connection: sqlite3.Connection, topic: str, before_ms: int) -> int:
    head = connection.execute("SELECT next_offset FROM heads WHERE topic = ?", (topic,)).fetchone()
    wanted = [row[0] for row in connection.execute("SELECT next_offset FROM commits WHERE topic = ?", (topic,))]
    rows = connection.execute(
        'SELECT "offset", appended_at_ms FROM records WHERE topic = ? AND "offset" < ? ORDER BY "offset" LIMIT ?',
        (topic, droppable_until(head[0], wanted), _TRIM_ROWS),
    )
    old = 0
    until = -1
    for offset, appended_at_ms in rows:
        if appended_at_ms >= before_ms:
            break
        old, until = old + 1, offset + 1
    if old:
        _forget(connection, topic, until)
    return old


def _trim_oldest(connection: sqlite3.Connection) -> int:
    firsts = connection.execute(
        "SELECT r.appended_at_ms, h.topic, h.first_offset, h.next_offset FROM heads h"
        ' JOIN records r ON r.topic = h.topic AND r."offset" = h.first_offset'
    ).fetchall()
    if not firsts:
        return 0
    _, topic, first, head = min(firsts)
    until = min(first + _TRIM_ROWS, head)
    _forget(connection, topic, until)
    return int(until - first)


def _forget(connection: sqlite3.Connection, topic: str, until: int) -> None:
    connection.execute('DELETE FROM records WHERE topic = ? AND "offset" < ?', (topic, until))
    connection.execute("UPDATE heads SET first_offset = ? WHERE topic = ?", (until, topic))


def _used_bytes(connection: sqlite3.Connection) -> int:
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)
