"""Render a demo clip. Shell around `demo_scenes`."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from packager.demo_scenes import RATE, SCENES, TITLE_S, WIDTH, picture_graph, sound_source
from packager.process import ProcessLimits, run
from packager.settings import PackagerSettings
from packager.tools import find_tools

TITLE_HEIGHT = 160
TITLE_FILE = "title.png"


async def make_demo_clip(path: Path, index: int, seconds: float) -> None:
    """Write scene number `index` (it wraps around) as a portrait MP4 of 720x1280 at 30 fps with stereo sound.

    Raises ToolMissing without ffmpeg and ProcessError when it fails.
    """
    scene = SCENES[index % len(SCENES)]
    target = await asyncio.to_thread(lambda: str(path.absolute()))
    with tempfile.TemporaryDirectory(prefix="reelway-demo-") as folder:
        await asyncio.to_thread(_draw_title, scene.title, Path(folder) / TITLE_FILE)
        argv = (
            find_tools(PackagerSettings()).ffmpeg, "-nostdin", "-hide_banner", "-v", "error", "-y",
            "-loop", "1", "-framerate", str(RATE), "-t", str(TITLE_S), "-i", TITLE_FILE,
            "-f", "lavfi", "-i", sound_source(scene, seconds),
            "-filter_complex", picture_graph(scene), "-map", "[picture]", "-map", "1:a", "-t", str(seconds),
            "-r", str(RATE), "-c:v", "libx264", "-preset", "superfast", "-crf", "23",
            "-maxrate", "6M", "-bufsize", "9M", "-c:a", "aac", "-b:a", "96k", "-ar", "48000",
            "-movflags", "+faststart", "-f", "mp4", target,
        )  # fmt: skip
        await run(argv, cwd=Path(folder), limits=ProcessLimits(wall_s=300, cpu_s=120))


def _draw_title(text: str, target: Path) -> None:
    """White letters with a soft shadow, in the face that Pillow carries, so that no font need be installed."""
    font = ImageFont.load_default(size=76)
    middle = (WIDTH / 2, TITLE_HEIGHT / 2)
    shadow = Image.new("L", (WIDTH, TITLE_HEIGHT), 0)
    ImageDraw.Draw(shadow).text(middle, text, font=font, fill=210, anchor="mm")
    shadow = shadow.filter(ImageFilter.GaussianBlur(9))
    card = Image.new("RGBA", (WIDTH, TITLE_HEIGHT), (0, 0, 0, 0))
    card.putalpha(shadow)
    ImageDraw.Draw(card).text(middle, text, font=font, fill=(255, 255, 255, 255), anchor="mm")
    card.save(target)
