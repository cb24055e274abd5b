from __future__ import annotations

import asyncio
import sqlite3
import threading

import pytest

from origin import sqlite_database
from origin.eventlog import open_eventlog
from origin.eventlog.retention import DAY_MS, Retention
from origin.eventlog.sqlite import SqliteEventLog
from origin.metadata import MetadataTooNew, open_metadata
from origin.sqlite_database import Database, DatabaseTooNew, DatabaseUnavailable, database_path

SCHEMA = "CREATE TABLE t (n INTEGER PRIMARY KEY);\n"


def insert(n: int):
    return lambda connection: connection.execute("INSERT INTO t VALUES (?)", (n,)) and n


def numbers(connection: sqlite3.Connection) -> list[int]:
    return [row[0] for row in connection.execute("SELECT n FROM t ORDER BY n")]


async def test_each_write_of_a_shared_commit_has_its_own_outcome(tmp_path):
    database = Database(f"{tmp_path}/x.db", [SCHEMA])
    results = await asyncio.gather(*(database.write(insert(n % 30)) for n in range(40)), return_exceptions=True)
    assert sum(isinstance(result, DatabaseUnavailable) for result in results) == 10
    assert await database.read(numbers) == list(range(30))
    await database.close()


async def test_an_exception_of_the_work_undoes_that_work_only(tmp_path):
    database = Database(f"{tmp_path}/x.db", [SCHEMA])

    def half(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO t VALUES (100)")
        raise LookupError("no")

    results = await asyncio.gather(
        database.write(insert(1)), database.write(half), database.write(insert(2)), return_exceptions=True
    )
    assert isinstance(results[1], LookupError)
    assert await database.read(numbers) == [1, 2]
    await database.close()


async def held_at(gate: threading.Event, database: Database) -> asyncio.Task[bool]:
    """A write that has begun and lasts until the gate opens."""
    begun = threading.Event()

    def hold(_: sqlite3.Connection) -> bool:
        begun.set()
        return gate.wait(30)

    held = asyncio.create_task(database.write(hold))
    assert await asyncio.to_thread(begun.wait, 30)
    return held


async def test_waiting_writes_share_a_commit(tmp_path):
    database = Database(f"{tmp_path}/x.db", [SCHEMA])
    gate = threading.Event()
    first = await held_at(gate, database)
    rest = [asyncio.create_task(database.write(insert(n))) for n in range(100)]
    await asyncio.sleep(0)
    commits: list[str] = []
    database._connection.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)
    gate.set()
    await asyncio.gather(first, *rest)
    assert len(commits) == 2
    await database.close()


async def test_too_many_waiting_writes_are_refused_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite_database, "MAX_WAITING", 5)
    database = Database(f"{tmp_path}/x.db", [SCHEMA])
    gate = threading.Event()
    first = await held_at(gate, database)
    waiting = [asyncio.create_task(database.write(insert(n))) for n in range(5)]
    await asyncio.sleep(0)
    with pytest.raises(DatabaseUnavailable, match="wait already"):
        await database.write(insert(9))
    gate.set()
    await asyncio.gather(first, *waiting)
    await database.close()


async def test_closing_commits_what_waits(tmp_path):
    database = Database(f"{tmp_path}/x.db", [SCHEMA])
    writes = [asyncio.create_task(database.write(insert(n))) for n in range(50)]
    await asyncio.sleep(0)
    await database.close()
    await database.close()
    assert await asyncio.gather(*writes) == list(range(50))
    for call in (database.write(insert(99)), database.read(numbers)):
        with pytest.raises(DatabaseUnavailable, match="closed"):
            await call


async def test_a_reader_cannot_write(tmp_path):
    database = Database(f"{tmp_path}/x.db", [SCHEMA])
    with pytest.raises(DatabaseUnavailable):
        await database.read(insert(1))
    await database.close()


async def test_an_older_file_is_migrated_and_a_newer_one_refused(tmp_path):
    path = f"{tmp_path}/x.db"
    old = Database(path, [SCHEMA])
    await old.write(insert(1))
    await old.close()
    migrated = Database(path, [SCHEMA, "ALTER TABLE t ADD COLUMN extra TEXT; CREATE TABLE u (m INTEGER);"])
    assert await migrated.read(numbers) == [1]
    await migrated.close()
    with pytest.raises(DatabaseTooNew, match="schema 2, this program knows 1"):
        Database(path, [SCHEMA])


async def test_a_migration_that_fails_changes_nothing(tmp_path):
    path = f"{tmp_path}/x.db"
    await Database(path, [SCHEMA]).close()
    with pytest.raises(DatabaseUnavailable):
        Database(path, [SCHEMA, "CREATE TABLE u (m INTEGER); CREATE TABLE t (m INTEGER);"])
    database = Database(path, [SCHEMA, "CREATE TABLE u (m INTEGER);"])
    await database.close()


async def test_the_metadata_of_a_newer_version_is_refused_with_a_sentence(tmp_path):
    url = f"sqlite://{tmp_path}/m.db"
    await open_metadata(url).close()
    connection = sqlite3.connect(f"{tmp_path}/m.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(MetadataTooNew, match="run a newer one"):
        open_metadata(url)


async def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "x.db").write_bytes(b"something else entirely" * 100)
    with pytest.raises(DatabaseUnavailable, match="not a database"):
        Database(f"{tmp_path}/x.db", [SCHEMA])


@pytest.mark.parametrize("url", ["", "sqlite:", "sqlite://", "sqlite:///", "sqlite://host/x", "file:///x", "x.db"])
def test_a_url_that_names_no_file_is_refused(url):
    with pytest.raises(ValueError, match="no SQLite database"):
        database_path(url)


async def filled(log: SqliteEventLog, topic: str, count: int) -> None:
    await log.append_many(topic, [("k", b"x" * 300)] * count)
    if log._trimming is not None:
        await log._trimming


async def offsets(log: SqliteEventLog, topic: str) -> list[int]:
    return [record.position.offset for record in await log.read(topic, {}, 10_000)]


async def test_old_records_go_when_no_group_wants_them(tmp_path):
    now_ms = 1_800_000_000_000
    log = SqliteEventLog(f"{tmp_path}/e.db", lambda: now_ms)
    for topic in ("t", "t.dlq"):
        await filled(log, topic, 10)
    consumer = await log.consumer("g", ["t"])
    records = await consumer.poll(100, 1)
    await consumer.commit(records[3].position)
    now_ms += 8 * DAY_MS
    await filled(log, "t", 1)
    assert await offsets(log, "t.dlq") == list(range(10))
    assert await offsets(log, "t") == list(range(4, 11))
    assert await consumer.lag() == 7
    await consumer.commit(records[9].position)
    assert await log.trim(now_ms) == 6
    now_ms += 30 * DAY_MS
    assert await log.trim(now_ms) == 10
    assert (await log.append("t.dlq", "k", b"new")).offset == 10
    await log.close()


async def test_a_log_that_outgrows_its_size_forgets_the_oldest_even_unread(tmp_path, caplog):
    now_ms = 1_800_000_000_000
    log = SqliteEventLog(f"{tmp_path}/e.db", lambda: now_ms, Retention(size_bytes=1_200_000))
    late = await log.consumer("late", ["t"])
    for _ in range(6):
        await filled(log, "t", 1000)
        now_ms += 1
    assert 2000 <= await log.trim(now_ms) <= 4000
    assert "outgrew" in caplog.text
    (first, *_) = await late.poll(1, 1)
    assert first.position.offset >= 2000
    await log.close()


async def test_appending_trims_by_itself_now_and_then(tmp_path):
    now_ms = 1_800_000_000_000
    log = SqliteEventLog(f"{tmp_path}/e.db", lambda: now_ms)
    await filled(log, "t", 10)
    now_ms += 8 * DAY_MS
    await filled(log, "t", 1)
    assert await offsets(log, "t") == [10]
    await log.close()


async def test_two_logs_on_one_file_see_each_others_records(tmp_path):
    url = f"sqlite://{tmp_path}/e.db"
    one, two = open_eventlog(url, lambda: 1), open_eventlog(url, lambda: 1)
    consumer = await two.consumer("g", ["t"])
    assert list(await consumer.poll(10, 0)) == []
    rival = await one.consumer("g", ["t"])
    waiting = asyncio.create_task(consumer.poll(10, 30))
    assert list(await rival.poll(10, 0)) == []
    await one.append("t", "k", b"x")
    async with asyncio.timeout(20):
        assert len(await waiting) == 1
    await one.close()
    await two.close()
