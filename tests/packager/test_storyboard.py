"""The storyboard's index covers the clip without a gap and stays inside its sprite."""

from __future__ import annotations

import itertools
import re
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from packager.storyboard import plan_storyboard, storyboard_vtt
from packager.timeline import regular_cuts


def seconds(stamp: str) -> float:
    minutes, rest = stamp.split(":")
    return int(minutes) * 60 + float(rest)


@given(st.fractions(Fraction(1, 30), 61, max_denominator=1001), st.integers(32, 2000), st.integers(32, 2000))
def test_the_cues_follow_each_other_from_zero_to_the_end(duration: Fraction, width: int, height: int) -> None:
    rate = Fraction(30)
    starts = [cut / rate for cut in regular_cuts(max(1, round(duration * rate)), rate)]
    board = plan_storyboard(starts, max(duration, starts[-1] + 1 / rate), width, height)
    text = storyboard_vtt(board, "story-1/storyboard.jpg")
    assert text.startswith("WEBVTT\n\n")
    cues = re.findall(r"(\S+) --> (\S+)\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)\n", text)
    assert len(cues) == board.tiles
    assert seconds(cues[0][0]) == 0
    assert abs(seconds(cues[-1][1]) - float(duration)) <= 0.034
    for before, after in itertools.pairwise(cues):
        assert before[1] == after[0]
    for _, _, image, x, y, w, h in cues:
        assert image == "story-1/storyboard.jpg"
        assert int(x) + int(w) <= board.columns * board.tile_width
        assert int(y) + int(h) <= board.rows * board.tile_height
    assert board.tile_width % 2 == board.tile_height % 2 == 0
