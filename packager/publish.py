"""Bring a package's files into the object store, and say what was published. Shell.

Two packagers may work on one video for a while (one was frozen, and its event given to the other), and both make the
same next revision; the catalog takes one of them. So the files of a revision lie under a digest of what they say, and
who loses overwrites nothing of who wins.

Bytes first, the pointer last: every file is durable before the caller hands the returned Publication to the catalog, so
no viewer can be sent to a file that is not there. Immutable files that an earlier stage or an earlier start of the job
stored are not sent again.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable
from pathlib import Path

from origin.model import Publication, StartupFile
from origin.objects.base import NoSuchObject, Objects
from packager.package import Package

AT_ONCE = 8
"""Files in flight: a segment is up to 2 MB, so this bounds the memory."""
DIGEST_CHARS = 16


async def upload(objects: Objects, video_id: int, package: Package, revision: int) -> Publication:
    """Store all files under `v/{video_id}/`. Raises the object store's errors; a repeat continues."""
    root = f"v/{video_id}"
    immutable = await asyncio.to_thread(_files_in, package)
    digest = await asyncio.to_thread(_digest, package)
    mutable = {name: f"{root}/r{revision}/{digest}/{name}" for name in package.mutable}
    gate = asyncio.Semaphore(AT_ONCE)
    async with asyncio.TaskGroup() as group:
        for name in immutable:
            group.create_task(_put(objects, f"{root}/{name}", package.folder / name, gate, keep=True))
        for name, key in mutable.items():
            group.create_task(_put(objects, key, package.folder / name, gate, keep=False))
    return Publication(
        revision=revision,
        files=mutable,
        renditions=package.renditions,
        startup=tuple(StartupFile(file.name, file.size_bytes) for file in package.startup),
        duration_ms=package.duration_ms,
        width=package.width,
        height=package.height,
        thumbhash=package.thumbhash,
    )


async def _put(objects: Objects, key: str, path: Path, gate: asyncio.Semaphore, *, keep: bool) -> None:
    async with gate:
        body = await asyncio.to_thread(path.read_bytes)
        if keep and await _stored(objects, key, len(body)):
            return
        await objects.put(key, body)


async def _stored(objects: Objects, key: str, size_bytes: int) -> bool:
    try:
        return (await objects.stat(key)).size_bytes == size_bytes
    except NoSuchObject:
        return False


def _digest(package: Package) -> str:
    """Of the mutable files, which are small; blocking."""
    digest = hashlib.sha256()
    for name in sorted(package.mutable):
        digest.update(name.encode() + b"\0" + hashlib.sha256((package.folder / name).read_bytes()).digest())
    return digest.hexdigest()[:DIGEST_CHARS]


def _files_in(package: Package) -> list[str]:
    return [f"{folder}/{name}" for folder in package.immutable for name in _names(package.folder / folder)]


def _names(folder: Path) -> Iterable[str]:
    return sorted(entry.name for entry in folder.iterdir())
