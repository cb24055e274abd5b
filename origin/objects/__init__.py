"""The object store: immutable blobs under keys. See `base` for the contract."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from origin.objects.base import (
    InvalidKey,
    NoSuchObject,
    ObjectInfo,
    Objects,
    ObjectStoreError,
    Part,
    StoreFull,
    StoreUnavailable,
)
from origin.objects.files import FileObjects

__all__ = [
    "InvalidKey",
    "NoSuchObject",
    "ObjectInfo",
    "ObjectStoreError",
    "Objects",
    "Part",
    "StoreFull",
    "StoreUnavailable",
    "open_objects",
]


def open_objects(url: str) -> Objects:
    """Open the object store that a URL names: `file:///folder`.

    Raises ValueError for another scheme and StoreUnavailable when the folder cannot be used.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return FileObjects(Path(unquote(parts.path)))
    raise ValueError(f"{url!r} is no object store: give file:///folder")
