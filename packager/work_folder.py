"""A job's own folder on this machine's disk, and the clip in it. Shell."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from pathlib import Path

from origin.objects.base import Objects
from origin.offloop import to_the_end
from packager.faults import DiskFull

CLIP_NAME = "clip.mp4"


def make_work_folder(folder: Path, free_bytes: int) -> None:
    """Anew, with `work` in it. Blocking. Raises DiskFull where the disk has less room than `free_bytes`."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "work").mkdir(parents=True)
    free = shutil.disk_usage(folder).free
    if free < free_bytes:
        raise DiskFull(f"{folder} has {free >> 20} MiB free, a job wants {free_bytes >> 20}")


async def local_clip(objects: Objects, key: str, folder: Path, most_bytes: int) -> Path:
    """The clip as a file of this machine: the store's own where it has one, else a copy in the job's folder."""
    local = await objects.local_path(key)
    if local is not None:
        return Path(local)
    target = folder / CLIP_NAME
    with contextlib.ExitStack() as opened:
        file = await to_the_end(asyncio.to_thread(lambda: opened.enter_context(target.open("wb"))))
        async for block in objects.get(key, 0, most_bytes + 1):
            await to_the_end(asyncio.to_thread(file.write, block))
        await to_the_end(asyncio.to_thread(file.close))  # writes what is buffered
    return target
