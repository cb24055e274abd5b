"""Processes for the full-disk tests: each limits the size of its files, fills a store, and checks what is left.

python full_disk_children.py NAME FOLDER
"""

from __future__ import annotations

import asyncio
import itertools
import resource
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from origin.eventlog import LogFull, open_eventlog
from origin.metadata import MetadataFull, open_metadata
from origin.model import User
from origin.objects import NoSuchObject, StoreFull, open_objects

LIMIT_BYTES = 1_000_000


def limit_files(limit: int) -> None:
    """Writing beyond `limit` bytes of a file fails, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))


async def pieces(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * 100_000


async def refused(step: Callable[[], Awaitable[object]], error: type[Exception]) -> None:
    try:
        await step()
    except error:
        return
    raise AssertionError(f"{error.__name__} was not raised")


async def objects(folder: Path) -> None:
    store = open_objects(f"file://{folder}/objects")
    await store.put("before", b"kept")
    identifier = await store.create_multipart("raw/1")
    one = await store.put_part(identifier, 1, pieces(6))
    two = await store.put_part(identifier, 2, pieces(6))
    limit_files(LIMIT_BYTES)
    await refused(lambda: store.put("big", b"x" * 2_000_000), StoreFull)
    await refused(lambda: store.put("big", pieces(20)), StoreFull)
    await refused(lambda: store.put("before", pieces(20)), StoreFull)
    await refused(lambda: store.put_part(identifier, 3, pieces(20)), StoreFull)
    await refused(lambda: store.put_part(identifier, 2, pieces(20)), StoreFull)
    await refused(lambda: store.complete(identifier, [one, two]), StoreFull)
    await refused(lambda: store.stat("big"), NoSuchObject)
    assert list(await store.list_parts(identifier)) == [one, two]
    assert b"".join([block async for block in store.get("before")]) == b"kept"
    await store.put("small", b"fits")
    scratch = [path for path in (folder / "objects/scratch").rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert scratch == [], scratch
    limit_files(resource.RLIM_INFINITY)
    assert (await store.complete(identifier, [one, two])).size_bytes == 1_200_000
    await store.close()


async def eventlog(folder: Path) -> None:
    log = open_eventlog(f"sqlite://{folder}/events.db", lambda: 1)
    limit_files(LIMIT_BYTES)
    acknowledged = 0
    try:
        for n in itertools.count():
            await log.append("t", "k", b"%d" % n + b"x" * 500)
            acknowledged = n + 1
    except LogFull:
        pass
    await refused(lambda: log.append_many("t", [("k", b"y" * 500)] * 100), LogFull)
    assert acknowledged > 10
    assert len(await log.read("t", {}, 100_000)) == acknowledged
    limit_files(resource.RLIM_INFINITY)
    assert (await log.append("t", "k", b"room again")).offset == acknowledged
    await log.close()
    again = open_eventlog(f"sqlite://{folder}/events.db", lambda: 1)
    assert len(await again.read("t", {}, 100_000)) == acknowledged + 1
    await again.close()


async def metadata(folder: Path) -> None:
    store = open_metadata(f"sqlite://{folder}/metadata.db")
    limit_files(LIMIT_BYTES)
    made: set[int] = set()

    async def make(user_id: int) -> None:
        await store.create_user(User(user_id, f"user{user_id}" + "x" * 200, False, 1))
        made.add(user_id)

    for first in itertools.count(0, 50):
        results = await asyncio.gather(*(make(n) for n in range(first, first + 50)), return_exceptions=True)
        if any(results):
            assert all(result is None or isinstance(result, MetadataFull) for result in results), results
            break
    assert set(await store.users(list(range(100_000)))) == made
    limit_files(resource.RLIM_INFINITY)
    await make(1_000_000)
    await store.close()


CHILDREN = {"objects": objects, "eventlog": eventlog, "metadata": metadata}

if __name__ == "__main__":
    asyncio.run(CHILDREN[sys.argv[1]](Path(sys.argv[2])))
