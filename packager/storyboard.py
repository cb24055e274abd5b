"""The storyboard: one sprite of the clip's keyframes and the WebVTT index that scrubbers read. Rules file."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from packager.encode import SEGMENT_S, TIMELINE_START_S

TILE_SHORT_SIDE = 120
COLUMNS = 6


@dataclass(frozen=True, slots=True)
class Storyboard:
    """Tiles of even size in reading order; tile n shows the keyframe that begins segment n."""

    tiles: int
    columns: int
    rows: int
    tile_width: int
    tile_height: int


def plan_storyboard(duration_s: Fraction, width: int, height: int) -> Storyboard:
    """One tile per segment of a clip of this duration and display size."""
    after_first = max(Fraction(0), duration_s - TIMELINE_START_S)
    tiles = 1 + -(-after_first // SEGMENT_S)
    factor = Fraction(TILE_SHORT_SIDE, min(width, height))
    tile_width, tile_height = (max(2, 2 * round(side * factor / 2)) for side in (width, height))
    columns = min(COLUMNS, tiles)
    return Storyboard(tiles, columns, -(-tiles // columns), tile_width, tile_height)


def storyboard_vtt(board: Storyboard, duration_s: Fraction, image: str) -> str:
    """WebVTT whose cues name a tile of `image` by a media fragment (`#xywh`, W3C Media Fragments 4.2.2)."""
    lines = ["WEBVTT", ""]
    for tile in range(board.tiles):
        start = Fraction(max(0, SEGMENT_S * tile - TIMELINE_START_S))
        end = min(Fraction(SEGMENT_S * (tile + 1) - TIMELINE_START_S), duration_s)
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
