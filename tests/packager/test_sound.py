"""How loud a clip becomes, by what the first pass has measured."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packager.plan import means
from packager.settings import PackagerSettings
from packager.sound import Gain, Loudness, corrected, gain_for, read_loudness

MEANS = means("ffmpeg", PackagerSettings())
SUMMARY = """[Parsed_ebur128_5 @ 0x5] Summary:
  Integrated loudness:
    I:         -34.2 LUFS
    Threshold: -44.8 LUFS
  Loudness range:
    LRA:         5.9 LU
    Threshold: -54.8 LUFS
    LRA low:   -38.8 LUFS
  True peak:
    Peak:      {peak} dBFS
""".splitlines()


def summary(peak: str) -> list[str]:
    return [line.replace("{peak}", peak) for line in SUMMARY]


def test_the_summary_of_the_first_pass_is_read() -> None:
    assert read_loudness(summary("-13.5")) == Loudness(-34.2, -13.5)
    assert read_loudness(summary("-inf")) == Loudness(-34.2, float("-inf"))
    assert read_loudness(SUMMARY[:4]) == Loudness(-34.2, float("-inf"))  # as told without the peaks


@pytest.mark.parametrize("lines", [[], ["I: loud LUFS"], summary("nan"), summary("-13.5")[3:]])
def test_what_is_no_summary_is_none(lines: list[str]) -> None:
    assert read_loudness(lines) is None


@given(st.lists(st.text(max_size=60), max_size=5))
def test_no_words_of_a_program_break_the_reader(lines: list[str]) -> None:
    read_loudness(lines)


def test_a_quiet_clip_is_turned_up_and_a_loud_one_down() -> None:
    assert gain_for(Loudness(-20.0, -12.0), MEANS) == Gain(6.0, 0.0)
    assert gain_for(Loudness(-8.0, 0.0), MEANS) == Gain(-6.0, 0.0)


def test_silence_and_what_could_not_be_measured_stay_as_they_are() -> None:
    assert gain_for(Loudness(-70.0, float("-inf")), MEANS) == Gain()
    assert gain_for(None, MEANS) == Gain()


def test_peaks_that_would_go_over_are_held_back() -> None:
    gain = gain_for(Loudness(-30.0, -6.0), MEANS)
    assert gain.limited
    assert gain.heard
    assert gain.excess_db == pytest.approx(16 - 6 + 2.5)


def test_what_the_limiter_took_is_made_up_for() -> None:
    gain = Gain(10.0, 5.0)
    assert corrected(gain, Loudness(-16.0, -2.5), MEANS) == Gain(12.0, 5.0)
    assert corrected(gain, Loudness(-14.3, -2.5), MEANS) == gain
    assert corrected(gain, None, MEANS) == gain


@given(st.floats(-70, 10), st.floats(-70, 20))
def test_no_clip_is_turned_up_without_bound(lufs: float, peak: float) -> None:
    gain = gain_for(Loudness(lufs, peak), MEANS)
    assert -60 <= gain.db <= 30
    assert corrected(gain, Loudness(-70, -2.5), MEANS).db <= 30
