"""The store port: `open_store(url)` and the words of its contract."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from edge.store.base import Body, Entry, EntryGone, Store, StoreError, Usage, Writer
from edge.store.files import FileStore
from edge.store.memory import MemoryStore

__all__ = [
    "Body",
    "Entry",
    "EntryGone",
    "Store",
    "StoreError",
    "Usage",
    "Writer",
    "open_store",
]

DEFAULT_BYTES = 256 * 1024 * 1024
DEFAULT_ENTRIES = 200_000


async def open_store(url: str) -> Store:
    """Open `memory:?bytes=N&entries=N` or `file:///folder?bytes=N&entries=N` (both limits optional).

    Raises ValueError for any other form, StoreError when the folder cannot be used.
    """
    parts = urlsplit(url)
    limits = _limits(url, parts.query)
    if parts.scheme == "memory" and not parts.netloc and not parts.path:
        return MemoryStore(*limits)
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        store = FileStore(Path(unquote(parts.path)), *limits)
        await store.start()
        return store
    raise ValueError(f"{url!r} does not name a cache store: memory: and file:///folder are understood")


def _limits(url: str, query: str) -> tuple[int, int]:
    given = dict(parse_qsl(query, keep_blank_values=True))
    capacity, entries = given.pop("bytes", str(DEFAULT_BYTES)), given.pop("entries", str(DEFAULT_ENTRIES))
    if given or not (capacity.isdecimal() and entries.isdecimal()):
        raise ValueError(f"{url!r}: only bytes=N and entries=N may follow the question mark")
    return int(capacity), int(entries)
