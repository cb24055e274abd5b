"""One SQLite file: a writer thread that commits many callers' writes at once, and reader threads.

WAL with `synchronous=FULL`: a write that returned is on disk. Syncing the disk is what a write costs, so writes
that wait while a commit runs share the next one. `:memory:` has no threads: every call runs at once where it
is made, which keeps simulations deterministic.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Generic, TypeVar

logger = logging.getLogger(__name__)
R = TypeVar("R")
Work = Callable[[sqlite3.Connection], R]

MEMORY = ":memory:"
MAX_WAITING = 20_000
"""Writes in the queue; beyond, a caller is told at once instead of waiting for ever longer."""
MAX_BATCH = 512
"""Writes that share one commit."""
_BUSY_MS = 5_000
_CACHE_KIB = 16_384


class DatabaseError(Exception):
    """The root of this module's errors."""


class DatabaseFull(DatabaseError):
    """The disk has no room: nothing of the write is there. A retry helps once an operator made some."""


class DatabaseUnavailable(DatabaseError):
    """The file could not be read or written, or too many writes wait. A retry may help."""


class DatabaseTooNew(DatabaseError):
    """The file was written by a newer version of this program: run that version."""


class _RolledBack(Exception):
    """SQLite gave up the whole transaction: a full disk does that."""


_FULL = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE})


def _as_error(error: sqlite3.Error, path: str) -> DatabaseError:
    # Errors that Python's module raises itself carry no code.
    if getattr(error, "sqlite_errorcode", None) in _FULL:
        return DatabaseFull(f"no room for {path}: {error}")
    return DatabaseUnavailable(f"{path}: {error}")


class _Write(Generic[R]):
    """A write that waits for its commit, and whom to tell."""

    __slots__ = ("done", "error", "loop", "result", "work")

    def __init__(self, work: Work[R], loop: asyncio.AbstractEventLoop, done: asyncio.Future[R]) -> None:
        self.work = work
        self.loop = loop
        self.done = done
        self.result: R | None = None
        self.error: BaseException | None = None

    def tell(self) -> None:
        """Runs in the caller's loop."""
        if self.done.cancelled():
            return
        if self.error is not None:
            self.done.set_exception(self.error)
        else:
            self.done.set_result(self.result)  # type: ignore[arg-type]


class Database:
    """`path` is a file or MEMORY; `migrations[n]` takes the schema from version n to n + 1.

    Raises DatabaseTooNew when the file's version is beyond the migrations, DatabaseUnavailable when it cannot be
    opened.
    """

    def __init__(self, path: str, migrations: Sequence[str], readers: int = 4) -> None:
        self._path = path
        self._threaded = path != MEMORY
        try:
            if self._threaded:
                Path(path).parent.mkdir(parents=True, exist_ok=True)
            self._connection = _connect(path)
            _migrate(self._connection, migrations, path)
        except sqlite3.Error as error:
            raise _as_error(error, path) from error
        except OSError as error:
            raise DatabaseUnavailable(f"{path}: {error}") from error
        self._waiting: deque[_Write[Any]] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        if self._threaded:
            self._readers = ThreadPoolExecutor(readers, thread_name_prefix="sqlite-read")
            self._writer = threading.Thread(target=self._write_loop, name="sqlite-write", daemon=True)
            self._writer.start()

    async def read(self, work: Work[R]) -> R:
        """Run `work` on a connection that sees everything committed; it must not write."""
        self._refuse_closed()
        if not self._threaded:
            return self._guarded(work, self._connection)
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    def _read(self, work: Work[R]) -> R:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = _connect(self._path)
            connection.execute("PRAGMA query_only = ON")
            self._opened.append(connection)
        return self._guarded(work, connection)

    def _guarded(self, work: Work[R], connection: sqlite3.Connection) -> R:
        try:
            return work(connection)
        except sqlite3.Error as error:
            raise _as_error(error, self._path) from error

    async def write(self, work: Work[R]) -> R:
        """Run `work` in a transaction; returns its result once that is durable.

        An exception of `work` undoes what `work` did and nothing else. A cancelled caller's write may still
        happen.
        """
        self._refuse_closed()
        if not self._threaded:
            return self._write_here(work)
        loop = asyncio.get_running_loop()
        done: asyncio.Future[R] = loop.create_future()
        write = _Write(work, loop, done)
        with self._wake:
            self._refuse_closed()
            if len(self._waiting) >= MAX_WAITING:
                raise DatabaseUnavailable(f"{self._path}: {MAX_WAITING} writes wait already")
            self._waiting.append(write)
            self._wake.notify()
        return await done

    def _refuse_closed(self) -> None:
        if self._closing:
            raise DatabaseUnavailable(f"{self._path} is closed")

    def _write_here(self, work: Work[R]) -> R:
        with self._connection:
            self._connection.execute("BEGIN")
            return self._guarded(work, self._connection)

    def _write_loop(self) -> None:
        while batch := self._next_batch():
            self._commit(batch)
            _tell(batch)

    def _next_batch(self) -> Sequence[_Write[Any]]:
        with self._wake:
            while not self._waiting and not self._closing:
                self._wake.wait()
            return [self._waiting.popleft() for _ in range(min(MAX_BATCH, len(self._waiting)))]

    def _commit(self, batch: Sequence[_Write[Any]]) -> None:
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            for write in batch:
                self._run_one(write)
            connection.execute("COMMIT")
        except _RolledBack as error:
            _fail(batch, _as_error(error.args[0], self._path))
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            _fail(batch, _as_error(error, self._path))

    def _run_one(self, write: _Write[Any]) -> None:
        connection = self._connection
        connection.execute("SAVEPOINT one")
        try:
            write.result = write.work(connection)
        except BaseException as error:
            write.error = _as_error(error, self._path) if isinstance(error, sqlite3.Error) else error
            if not connection.in_transaction:
                cause = error if isinstance(error, sqlite3.Error) else sqlite3.Error(str(error))
                raise _RolledBack(cause) from error
            connection.execute("ROLLBACK TO one")
        connection.execute("RELEASE one")

    async def close(self) -> None:
        """Commit what waits, then close. Closing again is no error."""
        if not self._threaded:
            self._closing = True
            self._connection.close()
            return
        await asyncio.get_running_loop().run_in_executor(None, self._close)

    def _close(self) -> None:
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._writer.join()
        self._readers.shutdown()
        for connection in (*self._opened, self._connection):
            connection.close()


def _connect(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
    for pragma in (
        f"busy_timeout = {_BUSY_MS}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        f"cache_size = -{_CACHE_KIB}",
        "temp_store = MEMORY",
        "journal_size_limit = 67108864",
    ):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _migrate(connection: sqlite3.Connection, migrations: Sequence[str], path: str) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        _refuse_newer(version, len(migrations), path)
        for number, script in enumerate(migrations[version:], version + 1):
            for statement in _statements(script):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
            logger.info("migrated a database", extra={"path": path, "schema": number})
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        connection.close()
        raise


def _refuse_newer(version: int, known: int, path: str) -> None:
    if version > known:
        raise DatabaseTooNew(f"{path} has schema {version}, this program knows {known}: run a newer one")


def _statements(script: str) -> Iterable[str]:
    statement = ""
    for piece in script.split(";"):
        statement += piece + ";"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _fail(batch: Sequence[_Write[Any]], error: DatabaseError) -> None:
    """With the transaction went what every write of the batch did."""
    for write in batch:
        write.error = write.error or type(error)(*error.args)


def _tell(batch: Sequence[_Write[Any]]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[_Write[Any]]] = {}
    for write in batch:
        by_loop.setdefault(write.loop, []).append(write)
    for loop, writes in by_loop.items():
        # A loop that was closed meanwhile has nobody who waits.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_tell_here, writes)


def _tell_here(writes: Sequence[_Write[Any]]) -> None:
    for write in writes:
        write.tell()


def database_path(url: str) -> str:
    """The file that `sqlite:///file` (or `sqlite:///:memory:`) names; raises ValueError for anything else."""
    scheme, separator, path = url.partition("://")
    if scheme != "sqlite" or not separator or not path.startswith("/") or path == "/":
        raise ValueError(f"{url!r} is no SQLite database: give sqlite:///file")
    return MEMORY if path == "/:memory:" else path
