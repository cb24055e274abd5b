"""Makes the keyspace and its tables, and tells whether they are those that this program needs.

The version is the highest row of `schema_migrations`. Statements can be repeated (IF NOT EXISTS), so one that was cut
off is run again; of several that migrate at once one holds a lock that ends by itself. `prepare` blocks.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Any

from cassandra import ConsistencyLevel, DriverException, InvalidRequest
from cassandra.query import SimpleStatement

from origin.metadata.base import MetadataMisplaced, MetadataTooNew, MetadataUnavailable, MetadataUnprepared
from origin.metadata.cassandra_cluster import SCHEMA_TIMEOUT_S, Connected, connect
from origin.metadata.cassandra_errors import as_metadata_error
from origin.metadata.cassandra_session import CassandraSession, Statement
from origin.metadata.cassandra_target import Target

_SCRIPTS = ("schema.cql", "schema_2.cql", "schema_3.cql", "schema_4.cql")
"""The n-th takes the schema from version n to n + 1."""
_SCOPE, _LOCK = "tables", "lock"
_LOCK_S = 120
"""Longer than any statement may take."""
_WAIT_S = 180.0
_ASK_AGAIN_S = 0.5
_AGREED_S = 15.0
_VERSIONS = "SELECT version FROM schema_migrations WHERE scope = ?"
_READ_VERSIONS = Statement(_VERSIONS)
_SAME_EVERYWHERE = uuid.UUID("2f6c1d0e-7a53-5c1b-9d53-0b6a5a1e8f42")


def scripts() -> list[str]:
    """The schema's history, oldest first."""
    return [files("origin.metadata").joinpath(name).read_text() for name in _SCRIPTS]


async def check(session: CassandraSession) -> None:
    """Raises MetadataUnprepared, MetadataTooNew, or what keeps the store from answering."""
    version = max((row[0] for row in await session.rows(_READ_VERSIONS, _SCOPE)), default=0)
    _refuse_newer(version, len(_SCRIPTS), session.target)
    if version < len(_SCRIPTS):
        raise MetadataUnprepared(
            f"{session.target.name} has schema {version}, this program needs {len(_SCRIPTS)}: run `reelway migrate`"
        )


def _refuse_newer(version: int, known: int, target: Target) -> None:
    if version > known:
        raise MetadataTooNew(f"{target.name} has schema {version}, this program knows {known}: run a newer one")


def prepare(target: Target, history: Sequence[str]) -> list[str]:
    """Make what is missing of `history`; one line for each thing done. Raises MetadataError."""
    connected = connect(target, None)
    try:
        return _Preparing(target, connected, history).run()
    except DriverException as error:
        raise as_metadata_error(error, target) from error
    finally:
        connected.cluster.shutdown()


class _Preparing:
    def __init__(self, target: Target, connected: Connected, history: Sequence[str]) -> None:
        self._target = target
        self._cluster = connected.cluster
        self._session = connected.session
        self._history = history
        self._done: list[str] = []

    def run(self) -> list[str]:
        self._make_keyspace()
        self._use_keyspace()
        self._make_table_of_versions()
        if self._version() < len(self._history):
            with self._lock():
                self._migrate()
        return self._done

    def _make_keyspace(self) -> None:
        keyspace, copies = self._target.keyspace, self._target.replication
        if self._rows("SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = %s", keyspace):
            return
        near = [host for host in self._cluster.metadata.all_hosts() if host.datacenter == self._target.local_dc]
        if len(near) < copies:
            raise MetadataMisplaced(
                f"{self._target.name}: {self._target.local_dc} has fewer nodes ({len(near)}) than copies ({copies}):"
                f" set replication to at most {len(near)}"
            )
        self._change(
            f"CREATE KEYSPACE IF NOT EXISTS {keyspace}"
            f" WITH replication = {{'class': 'NetworkTopologyStrategy', 'replication_factor': {copies}}}"
        )
        self._done.append(f"made the keyspace {keyspace} with {copies} copies in each data centre")

    def _use_keyspace(self) -> None:
        # Where another made it a moment ago, it can be read of before it can be used.
        give_up_s = time.monotonic() + _AGREED_S
        while not self._can_use_keyspace(last=time.monotonic() >= give_up_s):
            time.sleep(_ASK_AGAIN_S)

    def _can_use_keyspace(self, *, last: bool) -> bool:
        try:
            self._session.set_keyspace(self._target.keyspace)
        except InvalidRequest:
            if last:
                raise
            return False
        return True

    def _make_table_of_versions(self) -> None:
        # The one table that is made without the lock, which is in it. Two who make it at once must make the same one.
        same = uuid.uuid5(_SAME_EVERYWHERE, self._target.keyspace)
        self._change(
            "CREATE TABLE IF NOT EXISTS schema_migrations (scope text, version int, applied_at timestamp, holder uuid,"
            f" PRIMARY KEY (scope, version)) WITH id = {same}"
        )

    def _version(self) -> int:
        version = max((row[0] for row in self._rows(_VERSIONS.replace("?", "%s"), _SCOPE)), default=0)
        _refuse_newer(version, len(self._history), self._target)
        return int(version)

    def _migrate(self) -> None:
        for number, script in enumerate(self._history, 1):
            if number <= self._version():
                continue
            for statement in statements(script):
                self._change(statement)
            self._rows(
                "INSERT INTO schema_migrations (scope, version, applied_at) VALUES (%s, %s, toTimestamp(now()))",
                _SCOPE,
                number,
            )
            self._done.append(f"migrated {self._target.keyspace} to schema {number}")

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        holder = uuid.uuid4()
        give_up_s = time.monotonic() + _WAIT_S
        while not self._rows(
            "INSERT INTO schema_migrations (scope, version, holder) VALUES (%s, 0, %s) IF NOT EXISTS USING TTL %s",
            _LOCK,
            holder,
            _LOCK_S,
        )[0][0]:
            if time.monotonic() >= give_up_s:
                raise MetadataUnavailable(f"{self._target.name} is being migrated by another for {_WAIT_S:.0f} s")
            time.sleep(_ASK_AGAIN_S)
        try:
            yield
        finally:
            self._rows("DELETE FROM schema_migrations WHERE scope = %s AND version = 0 IF holder = %s", _LOCK, holder)

    def _rows(self, cql: str, *params: Any) -> list[Any]:
        statement = SimpleStatement(cql, consistency_level=ConsistencyLevel.LOCAL_QUORUM)
        return list(self._session.execute(statement, params, timeout=SCHEMA_TIMEOUT_S))

    def _change(self, statement: str) -> None:
        # Waits until the nodes agree.
        self._session.execute(statement, timeout=SCHEMA_TIMEOUT_S)


def statements(script: str) -> list[str]:
    """The statements of a script without its comments."""
    lines = [line.partition("--")[0] for line in script.splitlines()]
    return [text.strip() for text in "\n".join(lines).split(";") if text.strip()]
