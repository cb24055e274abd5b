"""The object store: immutable blobs under keys. See `base` for the contract."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from origin.objects.abilities import DirectParts, PresignedPart, Sweeps, Swept, WriteOnce
from origin.objects.base import (
    InvalidKey,
    NoSuchObject,
    ObjectInfo,
    Objects,
    ObjectStoreError,
    Part,
    StoreDenied,
    StoreFull,
    StoreUnavailable,
    StoreUnprepared,
    TooManyParts,
)
from origin.objects.files import FileObjects
from origin.objects.s3_cors import PageReport
from origin.objects.s3_replication import ReplicationReport
from origin.objects.s3_url import parse

__all__ = [
    "DirectParts",
    "InvalidKey",
    "NoSuchObject",
    "ObjectInfo",
    "ObjectStoreError",
    "Objects",
    "PageReport",
    "Part",
    "PresignedPart",
    "ReplicationReport",
    "StoreDenied",
    "StoreFull",
    "StoreUnavailable",
    "StoreUnprepared",
    "Sweeps",
    "Swept",
    "TooManyParts",
    "WriteOnce",
    "check_direct_uploads",
    "check_replication",
    "open_objects",
    "prepare_objects",
]

# boto3 takes a quarter of a second to import, which those with files need not wait for: hence the imports below.


def open_objects(url: str) -> Objects:
    """Open the object store that a URL names: `file:///folder` or `s3://[key:secret@]bucket?endpoint=…&region=…`.

    A remote store is not connected to yet. Raises ValueError for what is no such URL and StoreUnavailable when the
    folder cannot be used.
    """
    folder = _folder(url)
    if folder is not None:
        return FileObjects(folder)
    from origin.objects.s3 import S3Objects

    return S3Objects(parse(url))


async def prepare_objects(url: str) -> Sequence[str]:
    """Make what the store needs (bucket, lifecycle and CORS rules, replication when the URL names a replica).

    A line for each thing done or left to the operator. Idempotent. Raises ValueError and the port's errors."""
    if _folder(url) is not None:
        return ()
    from origin.objects.s3_prepare import prepare

    return await prepare(parse(url))


async def check_replication(url: str, within_s: float = 10.0) -> ReplicationReport | None:
    """Send a probe object and look for it in the replica; None when the URL names no replica.

    Raises ValueError and, when a bucket cannot be used at all, the port's errors.
    """
    place = None if _folder(url) is not None else parse(url)
    if place is None or place.replica is None:
        return None
    from origin.objects.s3_prepare import check_replica

    return await check_replica(place, place.replica, within_s)


async def check_direct_uploads(url: str) -> PageReport | None:
    """May pages send parts to the bucket? None for a store that takes no parts from clients.

    Raises ValueError and, when the bucket cannot be used at all, the port's errors.
    """
    if _folder(url) is not None:
        return None
    from origin.objects.s3_prepare import check_pages

    return await check_pages(parse(url))


def _folder(url: str) -> Path | None:
    """The folder of a `file:` URL; None for a remote store's. Raises ValueError for neither."""
    parts = urlsplit(url)
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return Path(unquote(parts.path))
    if parts.scheme == "s3":
        return None
    named = f"{parts.scheme}:" if parts.scheme else "a URL without a scheme"
    raise ValueError(f"{named} is no object store: give file:///folder or s3://bucket?endpoint=…&region=…")
