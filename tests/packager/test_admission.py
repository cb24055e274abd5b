"""What is taken and what is refused, and in which words."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packager.admission import Accepted, Refused, admit
from packager.settings import UploadLimits
from packager.source import AudioTrack, SourceInfo, VideoTrack

LIMITS = UploadLimits()
AUDIO = AudioTrack(index=1, codec="aac", language="")
VIDEO = VideoTrack(
    index=0,
    codec="hevc",
    coded_width=1920,
    coded_height=1080,
    width=1080,
    height=1920,
    transfer="bt709",
    color_space="bt709",
    frame_rate=Fraction(30),
    frames=900,
    duration_ms=30_000,
    declared_ms=30_000,
)
SOURCE = SourceInfo(size_bytes=20_000_000, streams=2, video=VIDEO, audio=AUDIO)


def clip(**video: Any) -> SourceInfo:
    return replace(SOURCE, video=replace(VIDEO, **video))


def test_a_phones_clip_is_accepted() -> None:
    assert admit(SOURCE, LIMITS) == Accepted(SOURCE, VIDEO)


def test_a_silent_clip_is_accepted() -> None:
    assert isinstance(admit(replace(SOURCE, audio=None), LIMITS), Accepted)


@pytest.mark.parametrize(
    ("source", "code"),
    [
        (replace(SOURCE, size_bytes=LIMITS.size_bytes + 1), "too_large"),
        (replace(SOURCE, streams=9), "too_many_streams"),
        (replace(SOURCE, video=None), "no_video_track"),
        (clip(codec="gif"), "unsupported_codec"),
        (clip(codec=""), "unsupported_codec"),
        (replace(SOURCE, audio=replace(AUDIO, codec="apac")), "unsupported_codec"),
        (clip(coded_width=8192, coded_height=8192), "too_many_pixels"),
        (clip(width=16, height=16), "unsupported_shape"),
        (clip(width=100, height=500), "unsupported_shape"),
        (clip(duration_ms=75_000, declared_ms=75_000, frames=2250), "too_long"),
        (clip(duration_ms=60_501), "too_long"),
        (clip(declared_ms=90_000), "too_long"),
        (clip(frames=0, duration_ms=0), "empty"),
        (clip(frame_rate=Fraction(1000)), "frame_rate_too_high"),
        (clip(duration_ms=11_000, frames=330), "truncated"),
    ],
)
def test_what_cannot_be_packaged_is_refused_with_its_reason(source: SourceInfo, code: str) -> None:
    answer = admit(source, LIMITS)
    assert isinstance(answer, Refused)
    assert answer.code == code
    assert answer.detail.endswith(".")


def test_a_recorder_that_stops_a_few_frames_late_is_forgiven() -> None:
    assert isinstance(admit(clip(duration_ms=60_400, declared_ms=60_400), LIMITS), Accepted)


def test_a_refusal_tells_what_was_measured_and_what_is_allowed() -> None:
    answer = admit(clip(duration_ms=75_000, declared_ms=75_000), LIMITS)
    assert isinstance(answer, Refused)
    assert "75 s" in answer.detail
    assert "60 s" in answer.detail


@given(st.integers(0, 200_000), st.integers(0, 200_000))
def test_nothing_longer_than_the_limit_is_ever_accepted(duration_ms: int, declared_ms: int) -> None:
    answer = admit(clip(duration_ms=duration_ms, declared_ms=declared_ms), LIMITS)
    if isinstance(answer, Accepted):
        assert 0 < duration_ms <= LIMITS.duration_ms + LIMITS.duration_tolerance_ms
