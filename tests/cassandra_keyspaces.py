"""Keyspaces of their own for tests, on whatever cluster the run has."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from origin.metadata.cassandra_cluster import connect
from origin.metadata.cassandra_migrating import prepare, scripts
from origin.metadata.cassandra_target import Target, parse_target

TIMEOUT_S = 60
DELETED_FROM = {"users", "uploads", "videos_by_creator", "public_videos", "comments_of_video", "follow_lists"}
"""Tables whose ids are never used again after a deletion, but by the next test."""


class Keyspace:
    """A migrated keyspace, with a session of the driver for what tests need beside the store."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.target: Target = parse_target(url)
        prepare(self.target, scripts())
        connected = connect(self.target, self.target.keyspace)
        self.cluster, self.session = connected.cluster, connected.session
        self._tables = [
            row[0]
            for row in self.rows(
                "SELECT table_name FROM system_schema.tables WHERE keyspace_name = %s", self.target.keyspace
            )
            if row[0] != "schema_migrations"
        ]

    def rows(self, cql: str, *params: object) -> list[tuple]:
        return list(self.session.execute(cql, params, timeout=TIMEOUT_S))

    def clear(self) -> None:
        """Truncating costs a moment per table, so only those that hold something, tombstones included."""
        asked = {table: self.session.execute_async(f"SELECT * FROM {table} LIMIT 1") for table in self._tables}
        filled = [table for table, got in asked.items() if table in DELETED_FROM or got.result().one() is not None]
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda table: self.rows(f"TRUNCATE {table}"), filled))

    def drop(self) -> None:
        self.rows(f"DROP KEYSPACE {self.target.keyspace}")
        self.cluster.shutdown()


def drop(url: str) -> None:
    target = parse_target(url)
    connected = connect(target, None)
    connected.session.execute(f"DROP KEYSPACE IF EXISTS {target.keyspace}", timeout=TIMEOUT_S)
    connected.cluster.shutdown()


def fresh_name() -> str:
    return f"t{uuid.uuid4().hex[:16]}"


@contextmanager
def keyspace(cassandra) -> Iterator[Keyspace]:
    made = Keyspace(cassandra.url(fresh_name()))
    try:
        yield made
    finally:
        made.drop()
