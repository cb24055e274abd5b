"""The animated preview and the storyboard, from renditions of our own making. Shell."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from pathlib import Path

from packager.children import Children
from packager.mux import folder_name
from packager.packing import sha256_of
from packager.pictures import PREVIEW_S, preview_argv, storyboard_argv
from packager.plan import EncodePlan, Means, video_file
from packager.storyboard import plan_storyboard, storyboard_vtt

PREVIEW_NAME = "preview.webp"
STORYBOARD_NAME = "storyboard.vtt"
STORYBOARD_IMAGE = "storyboard.jpg"


async def add_moving_pictures(
    plan: EncodePlan, means: Means, children: Children, shown_s: Fraction, packed: Path
) -> None:
    """Into `packed`, from the lowest rung, where decoding costs least; the preview begins just before `shown_s`."""
    rung = plan.lowest
    board = plan_storyboard(plan.cut_times, plan.duration_s, rung.width, rung.height)
    start = max(0.0, min(float(shown_s) - 0.5, float(plan.duration_s) - PREVIEW_S))
    portrait = rung.width <= rung.height
    target, media_s = f"{packed.name}/{PREVIEW_NAME}", float(plan.duration_s)
    await children.run(preview_argv(means.ffmpeg, video_file(rung), start, target, portrait=portrait), media_s)
    await children.run(storyboard_argv(means.ffmpeg, video_file(rung), board, STORYBOARD_IMAGE), media_s)
    image = children.work / STORYBOARD_IMAGE
    folder = folder_name("story", await asyncio.to_thread(sha256_of, image))
    text = storyboard_vtt(board, f"{folder}/{STORYBOARD_IMAGE}")
    await asyncio.to_thread(_place_storyboard, image, packed / folder, text)


def _place_storyboard(image: Path, folder: Path, text: str) -> None:
    folder.mkdir()
    image.rename(folder / STORYBOARD_IMAGE)
    (folder.parent / STORYBOARD_NAME).write_text(text, encoding="utf-8")
