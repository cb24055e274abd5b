"""What is added once all rungs are there: animated preview, storyboard, and a file for sharing. Shell."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from pathlib import Path

from packager.children import Children
from packager.mpd import with_thumbnails
from packager.mux import DASH_NAME, folder_name
from packager.packing import sha256_of
from packager.pictures import PREVIEW_S, preview_argv, storyboard_argv
from packager.plan import EncodePlan, Means, video_file
from packager.share import DOWNLOAD_NAME, share_argv
from packager.storyboard import Storyboard, plan_storyboard, storyboard_vtt

PREVIEW_NAME = "preview.mp4"
PREVIEW_PICTURE = "preview.webp"
STORYBOARD_NAME = "storyboard.vtt"
STORYBOARD_IMAGE = "storyboard.jpg"


async def add_extras(plan: EncodePlan, means: Means, children: Children, shown_s: Fraction, packed: Path) -> None:
    """Into `packed`, from the lowest rung, where decoding costs least; the preview begins just before `shown_s`."""
    rung = plan.lowest
    board = plan_storyboard(plan.cut_times, plan.duration_s, rung.width, rung.height)
    start = max(0.0, min(float(shown_s) - 0.5, float(plan.duration_s) - PREVIEW_S))
    portrait = rung.width <= rung.height
    targets, media_s = [f"{packed.name}/{name}" for name in (PREVIEW_NAME, PREVIEW_PICTURE)], float(plan.duration_s)
    await children.run(preview_argv(means.ffmpeg, video_file(rung), start, *targets, portrait=portrait), media_s)
    await children.run(storyboard_argv(means.ffmpeg, video_file(rung), board, STORYBOARD_IMAGE), media_s)
    image = children.work / STORYBOARD_IMAGE
    folder = folder_name("story", await asyncio.to_thread(sha256_of, image))
    await asyncio.to_thread(_place_storyboard, board, image, packed, folder)
    await children.run(share_argv(plan, means, f"{packed.name}/{DOWNLOAD_NAME}"), media_s)


def _place_storyboard(board: Storyboard, image: Path, packed: Path, folder: str) -> None:
    name = f"{folder}/{STORYBOARD_IMAGE}"
    (packed / folder).mkdir()
    image.rename(packed / name)
    (packed / STORYBOARD_NAME).write_text(storyboard_vtt(board, name), encoding="utf-8")
    mpd = packed / DASH_NAME
    text = with_thumbnails(mpd.read_text(encoding="utf-8"), board, name, (packed / name).stat().st_size)
    mpd.write_text(text, encoding="utf-8")
