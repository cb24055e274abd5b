"""The judges of `test_judges` over packages with AV1 renditions: they find nothing less in order than before."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from packager.settings import PackagerSettings
from packager.tools import Tools
from tests.packager.gallery import enhanced
from tests.packager.packages import PackageMaker, Result
from tests.packager.test_judges import (  # noqa: F401  -- collected here once more
    judged,
    pytestmark,
    test_a_lenient_reader_reads_the_same_and_complains_of_nothing,
    test_a_start_takes_a_second_of_media_and_little_more,
    test_a_strict_reader_finds_the_playlists_as_rfc_8216_and_apple_want_them,
    test_an_i_frame_list_names_bytes_that_decode_to_a_picture,
    test_every_track_is_cmaf_whose_segments_join_without_a_gap,
    test_pictures_and_sound_are_of_the_same_length_within_a_frame,
    test_the_mpd_keeps_the_grammar_of_its_standard,
    test_the_mpd_names_the_very_files_of_the_hls_playlists_at_the_same_times,
    test_the_mpds_bandwidths_are_enough_to_play_on_and_no_more,
)


@pytest.fixture(scope="module", params=["upright", "silent"])
def plain(request: pytest.FixtureRequest, package: PackageMaker) -> Result:
    """Remuxed, in three rungs with sound; one rung without sound."""
    return package(request.param)


@pytest.fixture(scope="module")
def result(
    plain: Result,
    clip: Callable[[str], Path],
    settings: PackagerSettings,
    tmp_path_factory: pytest.TempPathFactory,
) -> Result:
    return asyncio.run(enhanced(plain, clip(plain.case.name), tmp_path_factory.mktemp("av1"), settings))


@pytest.fixture(scope="module")
def verdict(result: Result) -> Any:
    return judged(result.out)


def test_av1_has_variants_of_its_own_behind_the_others_with_the_same_sound(
    plain: Result, result: Result, verdict: Any
) -> None:
    before = judged(plain.out)["strict"]["hls.m3u8"]["variants"]
    variants = verdict["strict"]["hls.m3u8"]["variants"]
    shown = [each for each in variants if not each["iframes"]]
    assert [each for each in variants if "av1-" not in each["uri"]] == before
    count = len(shown) // 2
    assert all(each["codecs"].startswith("avc1.") for each in shown[:count])
    assert all(each["codecs"].startswith("av01.") for each in shown[count:])
    for h264, av1 in zip(shown[:count], shown[count:], strict=True):
        assert av1["size"] == h264["size"]
        assert av1["audio"] == h264["audio"]
        assert av1["peak"] < h264["peak"]


def test_av1_has_an_adaptation_set_of_its_own_and_h264s_is_the_first(plain: Result, result: Result) -> None:
    before, after = [(each.out / "dash.mpd").read_text() for each in (plain, result)]
    begin = after.rindex("    <AdaptationSet", 0, after.index("av01"))
    end = after.index("</AdaptationSet>\n", begin) + len("</AdaptationSet>\n")
    assert after[:begin] + after[end:] == before
    sets = after.split("<AdaptationSet")[1:]
    pictures = [each for each in sets if 'contentType="video"' in each]
    assert ["av01" in each for each in pictures] == [False, True]
    assert not any("avc1" in each and "av01" in each for each in sets)


def test_every_av1_segment_begins_where_its_h264_one_does(result: Result, verdict: Any) -> None:
    by_rung = {name.partition("-")[0]: track for name, track in verdict["tracks"].items()}
    for rung in result.case.rungs:
        if not rung.endswith("av1"):
            times = [
                [(each["begin"] - track["shift"]) / track["timescale"] for each in track["segments"]]
                for track in (by_rung[rung], by_rung[f"{rung}av1"])
            ]
            assert times[0] == pytest.approx(times[1], abs=0.002)


def test_every_frame_of_an_av1_rendition_decodes(result: Result, tools: Tools, tmp_path: Path) -> None:
    for folder in result.package.renditions:
        whole = result.whole(folder, tmp_path / f"{folder}.mp4")
        argv = [tools.ffmpeg, "-v", "error", "-xerror", "-i", whole, "-f", "framemd5", "-"]
        told = subprocess.run(list(map(str, argv)), capture_output=True, text=True, check=True)
        assert len([line for line in told.stdout.splitlines() if not line.startswith("#")]) == result.case.frames
        assert told.stderr == ""
