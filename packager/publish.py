"""Bring a package's files into the object store, and say what was published. Shell.

Bytes first, the pointer last: every file is durable before the caller hands the returned Publication to the catalog, so
no viewer can be sent to a file that is not there. Immutable files that an earlier stage or an earlier start of the job
stored are not sent again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from origin.model import Publication, StartupFile
from origin.objects.base import NoSuchObject, Objects
from packager.package import Package

AT_ONCE = 8
"""Files in flight: a segment is up to 2 MB, so this bounds the memory."""


async def upload(objects: Objects, video_id: int, package: Package, revision: int) -> Publication:
    """Store all files under `v/{video_id}/`. Raises the object store's errors; a repeat continues."""
    root = f"v/{video_id}"
    immutable = await asyncio.to_thread(_files_in, package)
    mutable = {name: f"{root}/r{revision}/{name}" for name in package.mutable}
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


def _files_in(package: Package) -> list[str]:
    return [f"{folder}/{name}" for folder in package.immutable for name in _names(package.folder / folder)]


def _names(folder: Path) -> Iterable[str]:
    return sorted(entry.name for entry in folder.iterdir())
