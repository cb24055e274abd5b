"""The storyboard: one sprite of the clip's segments and the WebVTT index that scrubbers read. Rules file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

TILE_SHORT_SIDE = 120
COLUMNS = 6


@dataclass(frozen=True, slots=True)
class Storyboard:
    """Tiles of even size in reading order; tile n shows the keyframe that begins segment n."""

    times: tuple[Fraction, ...]
    """Where each tile begins to stand, and where the last one ends; seconds from the clip's start."""
    columns: int
    rows: int
    tile_width: int
    tile_height: int

    @property
    def tiles(self) -> int:
        return len(self.times) - 1


def plan_storyboard(starts: Sequence[Fraction], duration_s: Fraction, width: int, height: int) -> Storyboard:
    """One tile for each segment that begins at `starts`, for a clip of this duration and display size."""
    factor = Fraction(TILE_SHORT_SIDE, min(width, height))
    tile_width, tile_height = (max(2, 2 * round(side * factor / 2)) for side in (width, height))
    columns = min(COLUMNS, len(starts))
    return Storyboard((*starts, duration_s), columns, -(-len(starts) // columns), tile_width, tile_height)


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
