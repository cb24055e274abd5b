"""Makes a clip's print. Shell around `prints`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from origin.prints import PICTURES_PER_S, Print
from packager.plan import EncodePlan, Means
from packager.prints import (
    OPENING_S,
    PICTURE_BYTES,
    PICTURES_FILE,
    SOUND_FILE,
    hashes,
    pictures_argv,
    sound_print_argv,
)

POLL_S = 0.05
Run = Callable[[tuple[str, ...]], Awaitable[object]]
"""Runs a command line in the work folder. Raises ProcessError."""


async def make_opening(plan: EncodePlan, means: Means, work: Path, run: Run) -> Print:
    """Of the pictures that the clip begins with."""
    await run(pictures_argv(plan, means, OPENING_S))
    return Print(await _hashed(work))


async def opening_beside(plan: EncodePlan, work: Path, encoded: asyncio.Event) -> Print:
    """The same, as soon as the first rung's encoder has taken them, which tells when it has `encoded` all."""
    wanted = max(1, round(min(OPENING_S, float(plan.duration_s)) * PICTURES_PER_S)) * PICTURE_BYTES
    taken = work / PICTURES_FILE
    while not encoded.is_set() and await asyncio.to_thread(_size, taken) < wanted:  # noqa: ASYNC110 -- nothing tells when
        await asyncio.sleep(POLL_S)
    return Print(await _hashed(work, wanted))


async def make_print(plan: EncodePlan, means: Means, work: Path, run: Run, *, beside: bool = False) -> Print:
    """`beside`: the first rung's encoder has taken the pictures. They lie in `work`, 37 kB for a second of the clip."""
    async with asyncio.TaskGroup() as group:
        sound = group.create_task(_sound(plan, means, work, run))
        if not beside:
            await run(pictures_argv(plan, means, float(plan.duration_s)))
    return Print(await _hashed(work), sound.result())


async def _hashed(work: Path, most_bytes: int = -1) -> bytes:
    return await asyncio.to_thread(lambda: hashes(_beginning(work / PICTURES_FILE, most_bytes)))


async def _sound(plan: EncodePlan, means: Means, work: Path, run: Run) -> bytes:
    if plan.audio is None:
        return b""
    await run(sound_print_argv(plan, means))
    return await asyncio.to_thread((work / SOUND_FILE).read_bytes)


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _beginning(file: Path, most_bytes: int) -> bytes:
    with file.open("rb") as opened:
        return opened.read(most_bytes)
