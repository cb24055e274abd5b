"""Whose pictures are published as they are, and the reason for everyone else."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packager.ladder import plan_ladder
from packager.packets import Packet
from packager.remux import NotRemuxable, Remux, plan_remux
from packager.source import VideoForm, VideoTrack
from packager.timeline import cell, regular_cuts

RATE = Fraction(30)
FORM = VideoForm(profile="High", level=40, pixel_format="yuv420p", progressive=True, square_pixels=True)


def packets(keys: set[int], count: int = 300, size: int = 15_000, tick: int = 512) -> tuple[Packet, ...]:
    return tuple(Packet(tick * n, tick * n, tick, size, n in keys, shown=True) for n in range(count))


PACKETS = packets(set(range(0, 300, 30)))
CLIP = VideoTrack(
    index=0,
    codec="h264",
    coded_width=1080,
    coded_height=1920,
    width=1080,
    height=1920,
    transfer="bt709",
    color_space="bt709",
    frame_rate=RATE,
    frames=300,
    duration_ms=10_000,
    declared_ms=10_000,
    form=replace(FORM, primaries="bt709"),
    time_base=Fraction(1, 15360),
    packets=PACKETS,
)


def planned(clip: VideoTrack) -> Remux | NotRemuxable:
    return plan_remux(clip, plan_ladder(clip.width, clip.height, clip.frame_rate))


def with_packet(number: int, **changes: Any) -> tuple[Packet, ...]:
    changed = replace(PACKETS[number], **changes)
    return (*PACKETS[:number], changed, *PACKETS[number + 1 :])


def form(**changes: Any) -> VideoTrack:
    return replace(CLIP, form=replace(CLIP.form, **changes))


REFUSED: list[tuple[VideoTrack, NotRemuxable]] = [
    (replace(CLIP, codec="hevc"), "codec"),
    (form(profile="Baseline"), "profile"),
    (form(profile="High 10"), "profile"),
    (form(level=51), "level"),
    (form(level=0), "level"),
    (form(pixel_format="yuv422p"), "pixel_format"),
    (form(progressive=False), "pixel_format"),
    (form(full_range=True), "colour"),
    (replace(CLIP, color_space="smpte170m"), "colour"),
    (replace(CLIP, transfer="arib-std-b67"), "colour"),
    (form(rotation=90), "rotated"),
    (form(mirrored=True), "rotated"),
    (form(square_pixels=False), "sample_aspect"),
    (replace(CLIP, coded_width=810, coded_height=1440, width=810, height=1440), "size"),
    (replace(CLIP, coded_width=1081, width=1081), "size"),
    (replace(CLIP, frame_rate=Fraction(28)), "frame_rate"),
    (replace(CLIP, frame_rate=Fraction(60)), "frame_rate"),
    (replace(CLIP, duration_ms=10_100), "uneven_rate"),
    (replace(CLIP, packets=with_packet(7, pts=PACKETS[7].pts + 200)), "uneven_rate"),
    (replace(CLIP, packets=with_packet(0, shown=False)), "edit_list"),
    (replace(CLIP, start=Fraction(1, 50)), "late_start"),
    (replace(CLIP, packets=PACKETS[1:]), "late_start"),
    (replace(CLIP, packets=(*PACKETS[:29], PACKETS[30], PACKETS[29], *PACKETS[31:])), "open_gop"),
    (replace(CLIP, packets=packets({0, 250})), "keyframes_apart"),
    (replace(CLIP, packets=packets(set(range(0, 300, 30)), size=22_000)), "bit_rate"),
    (replace(CLIP, packets=with_packet(40, size=1_600_000)), "peak_bit_rate"),
]


def test_a_clip_that_is_what_the_highest_rung_would_be_is_published_as_it_is() -> None:
    found = planned(CLIP)
    assert isinstance(found, Remux)
    assert (found.rung.name, found.rung.width, found.rung.height) == ("v1080", 1080, 1920)
    assert found.cuts == (0, 30, 90, 150, 210, 270)


def test_two_seconds_between_keyframes_give_segments_of_two_seconds() -> None:
    found = planned(replace(CLIP, packets=packets({0, 60, 120, 180, 240})))
    assert isinstance(found, Remux)
    assert found.cuts == (0, 60, 120, 180, 240)


def test_unmarked_colours_are_taken_for_what_players_take_them_for() -> None:
    clip = replace(CLIP, transfer="", color_space="unknown", form=replace(CLIP.form, primaries=""))
    assert isinstance(planned(clip), Remux)


@pytest.mark.parametrize(("clip", "reason"), REFUSED)
def test_everything_else_is_encoded_for_a_reason(clip: VideoTrack, reason: NotRemuxable) -> None:
    assert planned(clip) == reason


def test_every_reason_of_the_list_can_be_given() -> None:
    assert {reason for _, reason in REFUSED} == set(get_args(NotRemuxable))


@given(st.sets(st.integers(1, 299), max_size=60))
def test_segments_begin_at_keyframes_and_each_in_a_cell_of_its_own(keys: set[int]) -> None:
    found = planned(replace(CLIP, packets=packets({0} | keys)))
    if isinstance(found, Remux):
        assert set(found.cuts) <= {0} | keys
        cells = [cell(cut / RATE) for cut in found.cuts]
        assert cells == sorted(set(cells))
        assert all(end - begin <= 90 for begin, end in zip(found.cuts, (*found.cuts[1:], 300), strict=True))


@given(
    st.integers(1, 2000), st.sampled_from([Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(30)])
)
def test_our_own_segments_begin_in_every_cell_at_its_first_frame(frames: int, rate: Fraction) -> None:
    cuts = regular_cuts(frames, rate)
    assert [cell(cut / rate) for cut in cuts] == list(range(len(cuts)))
    assert all(cell((cut - 1) / rate) < cell(cut / rate) for cut in cuts[1:])
    assert cell((frames - 1) / rate) == len(cuts) - 1
