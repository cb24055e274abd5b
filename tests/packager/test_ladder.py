"""The ladder's laws, searched by machine."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from packager.ladder import STANDARD_RATES, output_rate, plan_ladder

SIDES = st.integers(min_value=32, max_value=4320)
RATES = st.fractions(min_value=Fraction(1), max_value=Fraction(250), max_denominator=1001)


@given(SIDES, SIDES, RATES)
@example(1080, 1923, Fraction(30))
def test_every_rung_is_even_never_above_the_source_and_of_its_aspect(width: int, height: int, rate: Fraction) -> None:
    for rung in plan_ladder(width, height, rate).rungs:
        assert rung.width % 2 == rung.height % 2 == 0
        assert 0 < rung.width <= width
        assert 0 < rung.height <= height
        scale = Fraction(rung.short_side, min(width, height))
        longest = max(width, height) * scale
        # One pixel of rounding to even; a rung of the source's own size loses at most one on each side.
        assert abs(max(rung.width, rung.height) - longest) <= 1 + max(width, height) / Fraction(min(width, height))


@given(SIDES, SIDES)
def test_a_portrait_clip_gets_the_landscape_clips_ladder_turned(width: int, height: int) -> None:
    upright, lying = plan_ladder(width, height, Fraction(30)), plan_ladder(height, width, Fraction(30))
    if width != height:
        assert [(r.width, r.height) for r in upright.rungs] == [(r.height, r.width) for r in lying.rungs]


@given(SIDES, SIDES, RATES)
def test_names_are_unique_and_the_first_rung_is_one_of_the_ladder(width: int, height: int, rate: Fraction) -> None:
    ladder = plan_ladder(width, height, rate)
    names = [rung.name for rung in ladder.rungs]
    assert len(set(names)) == len(names)
    assert ladder.first in ladder.rungs
    assert ladder.first not in ladder.rest


@given(RATES)
def test_the_published_rate_is_a_standard_one_of_at_most_thirty(rate: Fraction) -> None:
    assert output_rate(rate) in STANDARD_RATES
    assert output_rate(rate) <= 30


@pytest.mark.parametrize(
    ("recorded", "published"),
    [
        (Fraction(30), Fraction(30)),
        (Fraction(60), Fraction(30)),
        (Fraction(61), Fraction(30)),
        (Fraction(60000, 1001), Fraction(30000, 1001)),
        (Fraction(50), Fraction(25)),
        (Fraction(24000, 1001), Fraction(24000, 1001)),
        (Fraction(25), Fraction(25)),
        (Fraction(240), Fraction(30)),
        (Fraction(120), Fraction(30)),
        (Fraction(2987, 100), Fraction(30000, 1001)),
        (Fraction(3), Fraction(10)),
        (Fraction(0), Fraction(30)),
    ],
)
def test_rates_of_real_cameras(recorded: Fraction, published: Fraction) -> None:
    assert output_rate(recorded) == published


def test_a_phones_portrait_clip_gets_four_rungs_and_starts_with_540() -> None:
    ladder = plan_ladder(1080, 1920, Fraction(30))
    assert [(rung.name, rung.width, rung.height) for rung in ladder.rungs] == [
        ("v1080", 1080, 1920),
        ("v720", 720, 1280),
        ("v540", 540, 960),
        ("v360", 360, 640),
    ]
    assert ladder.first.name == "v540"
    assert [rung.name for rung in ladder.rest] == ["v1080", "v720", "v360"]


def test_a_clip_below_540_starts_with_360() -> None:
    assert plan_ladder(480, 853, Fraction(30)).first.name == "v360"


def test_a_clip_below_360_gets_one_rung_of_its_own_even_size() -> None:
    ladder = plan_ladder(641, 273, Fraction(25))
    assert [(rung.name, rung.width, rung.height) for rung in ladder.rungs] == [("v272", 640, 272)]
    assert ladder.rest == ()


def test_the_smallest_clip_still_gets_150_kilobits() -> None:
    (rung,) = plan_ladder(32, 32, Fraction(30)).rungs
    assert rung.max_rate == 150_000


def test_an_empty_picture_has_no_ladder() -> None:
    with pytest.raises(ValueError, match="0x1"):
        plan_ladder(0, 1, Fraction(30))
