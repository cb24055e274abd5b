"""The metadata store: users, videos, uploads, the social graph, counts. See `base` for the contract."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from origin.metadata.base import (
    BatchForked,
    Edge,
    HandleTaken,
    Heat,
    Metadata,
    MetadataDenied,
    MetadataError,
    MetadataFull,
    MetadataMisplaced,
    MetadataTooNew,
    MetadataUnavailable,
    MetadataUnprepared,
    NotFound,
    NoWorkerNumber,
)
from origin.metadata.cassandra_target import parse_target
from origin.metadata.sqlite import SqliteMetadata
from origin.sqlite_database import database_path

__all__ = [
    "BatchForked",
    "Edge",
    "HandleTaken",
    "Heat",
    "Metadata",
    "MetadataDenied",
    "MetadataError",
    "MetadataFull",
    "MetadataMisplaced",
    "MetadataTooNew",
    "MetadataUnavailable",
    "MetadataUnprepared",
    "NoWorkerNumber",
    "NotFound",
    "open_metadata",
    "prepare_metadata",
]


def open_metadata(url: str) -> Metadata:
    """Open the metadata store that a URL names: `sqlite:///file`, `sqlite:///:memory:` for simulations, or
    `cassandra://host,host/keyspace?local_dc=NAME`, which connects at the first call.

    Raises ValueError for another scheme, MetadataTooNew for a newer version's file and MetadataUnavailable when the
    file cannot be used.
    """
    if url.startswith("cassandra:"):
        # Here, as the driver takes long to load: whoever has no Cassandra need not wait for it.
        from origin.metadata.cassandra import CassandraMetadata

        return CassandraMetadata(parse_target(url))
    return SqliteMetadata(database_path(url))


async def prepare_metadata(url: str) -> Sequence[str]:
    """Make what the store lacks, a keyspace or a newer schema; one line for each thing that was done.

    Harmless to repeat, and several may do it at once. An SQLite file is made when it is opened. Raises ValueError
    and MetadataError.
    """
    if url.startswith("cassandra:"):
        from origin.metadata.cassandra_migrating import prepare, scripts

        return await asyncio.to_thread(prepare, parse_target(url), scripts())
    database_path(url)
    return ()
