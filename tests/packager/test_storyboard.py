"""The storyboard's index covers the clip without a gap and stays inside its sprite."""

from __future__ import annotations

import itertools
import re
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from packager.storyboard import Storyboard, plan_storyboard, storyboard_vtt
from packager.timeline import regular_cuts


def board_of(*starts: float, lasting: float) -> Storyboard:
    return plan_storyboard([Fraction(start) for start in starts], Fraction(lasting), 360, 640)


def test_a_tile_stands_for_two_seconds_and_shows_their_middle() -> None:
    board = board_of(0, 1, 3, 5, lasting=5.5)
    assert board.even
    assert board.times == (0, 2, 4, 5.5)
    assert board.frames == (1, 3, 5)


def test_the_last_tile_repeats_the_one_before_where_no_keyframe_is_left() -> None:
    board = board_of(0, 1, 3, lasting=5)
    assert board.even
    assert board.times == (0, 2, 4, 5)
    assert board.frames == (1, 3)


def test_the_nearest_keyframe_stands_in_where_a_clips_own_are_elsewhere() -> None:
    board = board_of(0, 2, 4, lasting=6)
    assert board.times == (0, 2, 4, 6)
    assert board.frames == (0, 2, 4)


def test_keyframes_too_far_apart_have_a_tile_for_each_segment() -> None:
    board = board_of(0, 3, 6, lasting=9)
    assert not board.even
    assert board.times == (0, 3, 6, 9)
    assert board.frames == (0, 3, 6)


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
    assert board.even
    assert len(board.frames) in {board.tiles, board.tiles - 1}
    assert board.tile_width % 2 == board.tile_height % 2 == 0
