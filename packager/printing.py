"""Makes a clip's print. Shell around `prints`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from origin.prints import Print
from packager.plan import EncodePlan, Means
from packager.prints import OPENING_S, PICTURES_FILE, SOUND_FILE, hashes, pictures_argv, sound_print_argv

Run = Callable[[tuple[str, ...]], Awaitable[object]]
"""Runs a command line in the work folder. Raises ProcessError."""


async def make_opening(plan: EncodePlan, means: Means, work: Path, run: Run) -> Print:
    """Of the pictures that the clip begins with."""
    return Print(await _pictures(plan, means, work, run, OPENING_S))


async def make_print(plan: EncodePlan, means: Means, work: Path, run: Run) -> Print:
    """What is decoded for it lies in `work` meanwhile: some 37 kB for a second of the clip."""
    async with asyncio.TaskGroup() as group:
        pictures = group.create_task(_pictures(plan, means, work, run, float(plan.duration_s)))
        sound = group.create_task(_sound(plan, means, work, run))
    return Print(pictures.result(), sound.result())


async def _pictures(plan: EncodePlan, means: Means, work: Path, run: Run, seconds: float) -> bytes:
    await run(pictures_argv(plan, means, seconds))
    return await asyncio.to_thread(lambda: hashes(_taken(work / PICTURES_FILE)))


async def _sound(plan: EncodePlan, means: Means, work: Path, run: Run) -> bytes:
    if plan.audio is None:
        return b""
    await run(sound_print_argv(plan, means))
    return await asyncio.to_thread(_taken, work / SOUND_FILE)


def _taken(file: Path) -> bytes:
    taken = file.read_bytes()
    file.unlink()
    return taken
