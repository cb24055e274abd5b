"""The storyboard: one sprite of the clip's segments and the WebVTT index that scrubbers read. Rules file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from packager.timeline import SEGMENT_S

TILE_SHORT_SIDE = 120
COLUMNS = 6


@dataclass(frozen=True, slots=True)
class Storyboard:
    """Tiles of even size in reading order; each shows a keyframe that begins a segment."""

    times: tuple[Fraction, ...]
    """Where each tile begins to stand, and where the last one ends; seconds from the clip's start."""
    frames: tuple[Fraction, ...]
    """The second that each tile shows; the last one's is also that of a tile after it."""
    columns: int
    rows: int
    tile_width: int
    tile_height: int
    even: bool
    """Whether each tile but the last stands for SEGMENT_S, which is all that an MPD can say."""

    @property
    def tiles(self) -> int:
        return len(self.times) - 1


def plan_storyboard(starts: Sequence[Fraction], duration_s: Fraction, width: int, height: int) -> Storyboard:
    """Tiles for a clip of this duration and display size, whose segments begin at `starts`.

    A tile stands for SEGMENT_S and shows the keyframe nearest to its middle. Where keyframes are too far apart for
    that, a tile stands for each segment.
    """
    cells = range(math.ceil(duration_s / SEGMENT_S))
    nearest = [min(starts, key=lambda start: abs(start - SEGMENT_S * cell - Fraction(SEGMENT_S, 2))) for cell in cells]
    frames = tuple(sorted(set(nearest)))
    even = list(frames) in (nearest, nearest[:-1])
    times = (*(Fraction(SEGMENT_S * cell) for cell in cells), duration_s) if even else (*starts, duration_s)
    factor = Fraction(TILE_SHORT_SIDE, min(width, height))
    tile_width, tile_height = (max(2, 2 * round(side * factor / 2)) for side in (width, height))
    tiles = len(times) - 1
    columns = min(COLUMNS, tiles)
    rows = -(-tiles // columns)
    return Storyboard(times, frames if even else tuple(starts), columns, rows, tile_width, tile_height, even)


def storyboard_vtt(board: Storyboard, image: str) -> str:
    """WebVTT whose cues name a tile of `image` by a media fragment (`#xywh`, W3C Media Fragments 4.2.2)."""
    lines = ["WEBVTT", ""]
    for tile, (start, end) in enumerate(pairwise(board.times)):
        x, y = tile % board.columns * board.tile_width, tile // board.columns * board.tile_height
        lines += [
            f"{_timestamp(start)} --> {_timestamp(end)}",
            f"{image}#xywh={x},{y},{board.tile_width},{board.tile_height}",
            "",
        ]
    return "\n".join(lines)


def _timestamp(seconds: Fraction) -> str:
    milliseconds = round(seconds * 1000)
    return f"{milliseconds // 60_000:02d}:{milliseconds // 1000 % 60:02d}.{milliseconds % 1000:03d}"
