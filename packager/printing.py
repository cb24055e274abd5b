"""Makes a clip's print, and before it glimpses of the clip. Shell around `prints`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from origin.prints import Glimpses, Print
from packager.pictures import grey_square
from packager.plan import EncodePlan, Means
from packager.prints import EDGE, PICTURES_FILE, SOUND_FILE, glimpses, hashes, pictures_argv, sound_print_argv

Run = Callable[[tuple[str, ...]], Awaitable[object]]
"""Runs a command line in the work folder. Raises ProcessError."""


def make_glimpses(samples: Sequence[Path]) -> Glimpses:
    """Of the sample frames. Blocking."""
    return glimpses(b"".join(grey_square(sample, EDGE) for sample in samples))


async def make_print(plan: EncodePlan, means: Means, work: Path, run: Run, *, beside: bool = False) -> Print:
    """`beside`: the first rung's encoder has taken the pictures. They lie in `work`, 37 kB for a second of the clip."""
    async with asyncio.TaskGroup() as group:
        sound = group.create_task(_sound(plan, means, work, run))
        if not beside:
            await run(pictures_argv(plan, means))
    pictures = await asyncio.to_thread(lambda: hashes((work / PICTURES_FILE).read_bytes()))
    return Print(pictures, sound.result())


async def _sound(plan: EncodePlan, means: Means, work: Path, run: Run) -> bytes:
    if plan.audio is None:
        return b""
    await run(sound_print_argv(plan, means))
    return await asyncio.to_thread((work / SOUND_FILE).read_bytes)
