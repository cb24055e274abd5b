"""How a CRF is found, which segments speak for a clip, and which videos deserve the work."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from origin.model import HotVideo, Publication, Video, VideoStatus, Visibility
from packager.enhance.candidates import deserving
from packager.enhance.commands import EVERY_NTH, read_vmaf
from packager.enhance.manifests import ManifestUnfit, segments_of, with_av1_set, with_av1_variants
from packager.enhance.quality import (
    HIGHEST_CRF,
    HIGHEST_TARGET,
    LOWEST_CRF,
    MARGIN,
    MOST_PROBES,
    MOST_SAMPLES,
    Choice,
    Probe,
    Sample,
    choose,
    choose_samples,
    gain,
    next_crf,
    target,
)
from packager.timeline import regular_cuts


def probed(crf: int, best: float, slope: float, bend: float) -> Probe:
    """An encoder whose quality falls ever faster, and whose bytes halve with every ten of CRF."""
    over = crf - LOWEST_CRF
    return Probe(crf, max(0.0, best - slope * over - bend * over**2), round(4_000_000 * 0.5 ** (over / 10)))


@given(
    best=st.floats(92, 99), slope=st.floats(0.05, 0.6), bend=st.floats(0, 0.01), wanted=st.floats(70, HIGHEST_TARGET)
)
def test_a_few_probes_find_a_crf_that_keeps_the_quality_and_wastes_little(
    best: float, slope: float, bend: float, wanted: float
) -> None:
    probes: list[Probe] = []
    while (crf := next_crf(probes, wanted)) is not None:
        assert LOWEST_CRF <= crf <= HIGHEST_CRF
        assert crf not in [probe.crf for probe in probes]
        probes.append(probed(crf, best, slope, bend))
        assert len(probes) <= MOST_PROBES
    choice = choose(probes, wanted)
    reached = probed(choice.crf, best, slope, bend).vmaf
    # A line beside a curve: within a point of the target, on either side, unless the scale ends there.
    assert reached >= wanted - 1 or choice.crf == LOWEST_CRF
    finer = probed(choice.crf + 1, best, slope, bend).vmaf
    assert finer <= wanted + 1 or choice.crf == HIGHEST_CRF


@given(
    first=st.integers(LOWEST_CRF, HIGHEST_CRF),
    step=st.integers(1, 20),
    vmafs=st.tuples(st.floats(0, 100), st.floats(0, 100)),
    wanted=st.floats(0, 95),
)
@example(first=20, step=1, vmafs=(5e-324, 0.0), wanted=1.0)
def test_whatever_two_probes_say_a_crf_comes_out_and_bytes_between_or_near_theirs(
    first: int, step: int, vmafs: tuple[float, float], wanted: float
) -> None:
    second = min(HIGHEST_CRF, first + step)
    probes = [Probe(first, vmafs[0], 2000), Probe(second, vmafs[1], 1000)]
    if first != second:
        choice = choose(probes, wanted)
        assert LOWEST_CRF <= choice.crf <= HIGHEST_CRF
        assert choice.size_bytes > 0


def test_where_coding_harder_costs_no_quality_the_smallest_that_is_good_enough_is_taken() -> None:
    still = [Probe(40, 97.0, 2000), Probe(50, 97.0, 1000)]
    assert choose(still, 95.0) == Choice(50, 1000)
    assert choose(still, 98.0) == Choice(40, 2000)


def test_a_probe_that_meets_the_target_exactly_is_chosen() -> None:
    assert choose([Probe(30, 95.0, 2000), Probe(40, 92.0, 1000)], 92.0) == Choice(40, 1000)
    assert choose([Probe(30, 95.0, 2000), Probe(40, 92.0, 1000)], 93.0).crf == 36


def test_a_little_more_than_h264s_quality_is_asked_for_and_nothing_better_than_can_be_seen() -> None:
    assert (target(88.5), target(100.0)) == (88.5 + MARGIN, HIGHEST_TARGET)


def test_the_gain_is_of_all_rungs_together() -> None:
    assert gain([Choice(40, 600), Choice(40, 200)], [1000, 600]) == pytest.approx(0.5)
    assert gain([Choice(40, 1200)], [1000]) == pytest.approx(-0.2)


@given(frames=st.integers(1, 1830), rate=st.sampled_from([Fraction(10), Fraction(24000, 1001), Fraction(30)]))
def test_samples_are_whole_segments_in_order_from_all_over_the_clip(frames: int, rate: Fraction) -> None:
    cuts = regular_cuts(frames, rate)
    samples = choose_samples(cuts, frames, rate)
    assert 1 <= len(samples) <= MOST_SAMPLES
    ends = [*cuts[1:], frames]
    assert all((each.begin, each.end) == (cuts[each.segment], ends[each.segment]) for each in samples)
    assert all(one.segment < other.segment for one, other in pairwise(samples))
    if frames > 7 * rate:
        assert all(each.end - each.begin > rate for each in samples)


def test_a_judgement_of_too_few_frames_is_none() -> None:
    frames = 60
    text = '{"frames": [%s], "pooled_metrics": {"vmaf": {"harmonic_mean": 91.5}}}'
    whole = text % ",".join(["{}"] * (frames // EVERY_NTH))
    assert read_vmaf(whole, [Sample(1, 30, 30 + frames)]) == 91.5
    with pytest.raises(ValueError, match="judged 20 of 90 frames"):
        read_vmaf(whole, [Sample(1, 30, 30 + 90)])


def a_video(status: VideoStatus, *renditions: str) -> Video:
    publication = Publication(1, {}, renditions, (), 1000, 360, 640) if renditions else None
    return Video(1, 1, "", status, Visibility.PUBLIC, 0, publication=publication)


def test_ready_videos_that_are_hot_enough_and_have_no_av1_deserve_it_in_the_order_of_their_heat() -> None:
    plain, other = a_video(VideoStatus.READY, "v360-aa"), a_video(VideoStatus.READY, "v720-aa", "v360-bb")
    hot = [
        HotVideo(a_video(VideoStatus.READY, "v360-aa", "v360av1-bb"), 900),
        HotVideo(other, 800),
        HotVideo(a_video(VideoStatus.PLAYABLE, "v360-aa"), 700),
        HotVideo(plain, 500),
        HotVideo(plain, 499.9),
    ]
    assert deserving(hot, 500) == (other, plain)


def test_manifests_of_another_make_are_refused_rather_than_spoilt() -> None:
    with pytest.raises(ManifestUnfit):
        with_av1_variants("#EXTM3U\n", "#EXTM3U\n")
    with pytest.raises(ManifestUnfit):
        with_av1_set("<MPD></MPD>", "<MPD></MPD>")


def test_a_media_playlist_is_read_in_order() -> None:
    text = '#EXTM3U\n#EXT-X-MAP:URI="init.mp4"\n#EXTINF:1.000,\n0001.m4s\n#EXTINF:2.005,\n0002.m4s\n#EXT-X-ENDLIST\n'
    assert segments_of(text) == (("0001.m4s", 1.0), ("0002.m4s", 2.005))
