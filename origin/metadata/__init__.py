"""The metadata store: users, videos, uploads, the social graph, counts. See `base` for the contract."""

from __future__ import annotations

from origin.metadata.base import (
    Edge,
    HandleTaken,
    Heat,
    Metadata,
    MetadataError,
    MetadataFull,
    MetadataTooNew,
    MetadataUnavailable,
    NotFound,
    NoWorkerNumber,
)
from origin.metadata.sqlite import SqliteMetadata
from origin.sqlite_database import database_path

__all__ = [
    "Edge",
    "HandleTaken",
    "Heat",
    "Metadata",
    "MetadataError",
    "MetadataFull",
    "MetadataTooNew",
    "MetadataUnavailable",
    "NoWorkerNumber",
    "NotFound",
    "open_metadata",
]


def open_metadata(url: str) -> Metadata:
    """Open the metadata store that a URL names: `sqlite:///file`, or `sqlite:///:memory:` for simulations.

    Raises ValueError for another scheme, MetadataTooNew for a newer version's store and MetadataUnavailable when the
    file cannot be used.
    """
    return SqliteMetadata(database_path(url))
