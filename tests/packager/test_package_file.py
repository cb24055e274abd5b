"""Whole packages from real clips, judged by a decoder, two manifest readers and Apple's rules."""

from __future__ import annotations

import math
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from lxml import etree
from PIL import Image

from packager.moderation import Allow, Reject, Verdict
from packager.package import Hooks, NotPackaged, Package, Packaged
from packager.pipeline import package_file
from packager.plan import SAMPLES
from packager.settings import PackagerSettings
from packager.tools import Tools
from tests.packager.packages import CASES, PackageMaker, Result, digests

pytestmark = pytest.mark.slow
MPD = {"m": "urn:mpeg:dash:schema:mpd:2011"}
ClipMaker = Callable[[str], Path]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.name)
def result(request: pytest.FixtureRequest, package: PackageMaker) -> Result:
    return package(request.param.name)


def attributes(line: str) -> dict[str, str]:
    return {key: value.strip('"') for key, value in re.findall(r'([A-Z-]+)=("[^"]*"|[^,]*)', line.partition(":")[2])}


def variants(master: str) -> dict[str, dict[str, str]]:
    return {uri: attributes(line) for line, uri in re.findall(r"(#EXT-X-STREAM-INF:.*)\n(\S+)", master)}


def playlist(path: Path) -> tuple[list[float], list[str], str]:
    text = path.read_text()
    durations = [float(value) for value in re.findall(r"#EXTINF:([\d.]+)", text)]
    names = [line for line in text.splitlines() if line and not line.startswith("#")]
    return durations, names, text


def peak_rate(path: Path) -> float:
    """The peak segment bit rate of RFC 8216 section 4.4.6.2: over neighbours that last about a target duration."""
    durations, names, text = playlist(path)
    target = int(re.findall(r"#EXT-X-TARGETDURATION:(\d+)", text)[0])
    bits = [path.with_name(name).stat().st_size * 8 for name in names]
    runs = [slice(first, last) for first in range(len(bits)) for last in range(first + 1, len(bits) + 1)]
    rates = [sum(bits[run]) / sum(durations[run]) for run in runs if 0.5 <= sum(durations[run]) / target <= 1.5]
    return max(rates, default=sum(bits) / sum(durations))


def test_the_ladder_is_what_the_clip_deserves(result: Result) -> None:
    package, case = result.package, result.case
    assert tuple(folder.partition("-")[0] for folder in package.renditions) == case.rungs
    assert (package.width, package.height) == case.size
    assert abs(package.duration_ms - 1000 * case.frames / case.rate) <= 1
    assert len(result.stages) == (1 if len(case.rungs) == 1 else 2)
    assert result.stages[-1].complete
    assert list(result.progress) == sorted(result.progress)
    assert result.progress[-1] == 1.0


def test_the_creator_is_told_how_far_each_rung_is_until_all_are_published(result: Result) -> None:
    seen = [packaging.rungs for packaging in result.told if packaging.rungs]
    for before, after in pairwise(seen):
        for old, new in zip(before, after, strict=True):
            assert new.progress >= old.progress
            assert new.published >= old.published
    assert len(seen[-1]) == len(result.case.rungs)
    assert all(rung.published and rung.progress == 1 for rung in seen[-1])
    if len(result.case.rungs) > 1:
        assert {rung.published for rung in seen[-2]} == {True, False}


def test_every_rung_decodes_to_every_frame_in_its_size(result: Result, tools: Tools, tmp_path: Path) -> None:
    for folder in result.package.renditions:
        whole = result.whole(folder, tmp_path / f"{folder}.mp4")
        wanted = "nb_read_frames,width,height,avg_frame_rate,pix_fmt,color_transfer,color_space,sample_aspect_ratio"
        argv = [
            tools.ffprobe,
            "-v",
            "error",
            "-count_frames",
            "-show_entries",
            f"stream={wanted}",
            "-of",
            "default=nw=1",
            whole,
        ]
        told = subprocess.run([str(a) for a in argv], capture_output=True, text=True, check=True)
        assert told.stderr == ""
        found = dict(line.split("=", 1) for line in told.stdout.splitlines())
        assert int(found["nb_read_frames"]) == result.case.frames
        assert min(int(found["width"]), int(found["height"])) == int(folder[1:].partition("-")[0])
        assert Fraction(found["avg_frame_rate"]) == result.case.rate
        assert (found["pix_fmt"], found["color_transfer"], found["color_space"]) == ("yuv420p", "bt709", "bt709")
        assert found["sample_aspect_ratio"] == "1:1"


def test_hls_and_dash_name_the_same_files_and_all_of_them_exist(result: Result) -> None:
    _, uris, master = playlist(result.out / "hls.m3u8")
    media = re.findall(r'#EXT-X-MEDIA:.*URI="([^"]+)"', master)
    hls = {
        str(Path(uri).parent / name)
        for uri in [*uris, *media]
        for name in [*playlist(result.out / uri)[1], "init.mp4"]
    }  # fmt: skip
    tree = etree.parse(result.out / "dash.mpd")
    dash = set()
    for template in tree.iterfind(".//m:SegmentTemplate[m:SegmentTimeline]", MPD):
        repeats = [int(entry.get("r", "0")) + 1 for entry in template.iterfind(".//m:S", MPD)]
        pattern = template.get("media").replace("$Number%04d$", "{:04d}")
        dash |= {pattern.format(number + int(template.get("startNumber"))) for number in range(sum(repeats))}
        dash.add(template.get("initialization"))
    assert hls == dash
    assert all((result.out / name).is_file() for name in hls)
    assert not any("://" in name or name.startswith("/") for name in hls)


def test_the_first_segment_is_short_and_all_tracks_cut_at_the_same_times(result: Result) -> None:
    _, uris, master = playlist(result.out / "hls.m3u8")
    media = re.findall(r'#EXT-X-MEDIA:.*URI="([^"]+)"', master)
    frame = float(1 / result.case.rate)
    duration = result.package.duration_ms / 1000
    targets: set[int] = set()
    longest = 0.0
    for uri in [*uris, *media]:
        durations, _, text = playlist(result.out / uri)
        assert abs(sum(durations) - duration) <= frame + 0.022  # Apple 8.1, and one AAC frame of priming
        assert abs(durations[0] - min(1, duration)) <= frame + 0.022
        assert all(abs(middle - 2) <= frame + 0.022 for middle in durations[1:-1])
        targets |= {int(found) for found in re.findall(r"#EXT-X-TARGETDURATION:(\d+)", text)}
        longest = max(longest, *durations)
        assert "#EXT-X-PLAYLIST-TYPE:VOD" in text
        assert text.rstrip().endswith("#EXT-X-ENDLIST")
        assert min(durations) > 0.02  # no splinter at the end
    assert targets == {max(1, math.floor(longest + 0.5))}  # Apple 8.2: the same for all


def test_the_master_keeps_apples_rules(result: Result) -> None:
    master = (result.out / "hls.m3u8").read_text()
    assert "#EXT-X-INDEPENDENT-SEGMENTS" in master
    found = variants(master)
    assert len(found) == len(result.case.rungs)
    for uri, told in found.items():
        durations, names, _ = playlist(result.out / uri)
        sound = [playlist(result.out / media) for media in re.findall(r'MEDIA:.*URI="([^"]+)"', master)]
        sizes = [(result.out / uri).with_name(name).stat().st_size * 8 for name in names]
        average = sum(sizes) / sum(durations)
        if sound:
            assert 'LANGUAGE="' in master
            assert told["AUDIO"] == "audio"
            assert told["CODECS"].endswith("mp4a.40.2")
            sizes = [path.stat().st_size * 8 for path in result.segments(result.tracks[-1])]
            average += sum(sizes) / sum(sound[0][0])
        assert told["CODECS"].startswith("avc1.64")
        assert abs(int(told["AVERAGE-BANDWIDTH"]) / average - 1) < 0.1  # Apple 1.26
        peak = peak_rate(result.out / uri)
        for media in re.findall(r'MEDIA:.*URI="([^"]+)"', master):
            peak += peak_rate(result.out / media)
        assert abs(int(told["BANDWIDTH"]) / peak - 1) < 0.1  # Apple 1.27
        assert int(told["BANDWIDTH"]) >= int(told["AVERAGE-BANDWIDTH"])
        width, height = map(int, told["RESOLUTION"].split("x"))
        assert width % 2 == height % 2 == 0
        assert abs(float(told["FRAME-RATE"]) - result.case.rate) < 0.001
    assert master.count("#EXT-X-I-FRAME-STREAM-INF") == len(found)
    assert next(iter(found)).startswith(result.opening)  # Apple 1.32


def test_what_the_first_stage_published_is_untouched_by_the_second(result: Result) -> None:
    now = digests(result.out)
    for name, digest in result.early.items():
        if "/" in name:
            assert now[name] == digest


def test_the_mpd_says_what_is_there(result: Result) -> None:
    root = etree.parse(result.out / "dash.mpd").getroot()
    assert root.get("type") == "static"
    seconds = float(re.fullmatch(r"PT([\d.]+)S", root.get("mediaPresentationDuration"))[1])
    assert abs(seconds - result.package.duration_ms / 1000) < 0.03
    kinds = [each.get("contentType") for each in root.iterfind(".//m:AdaptationSet", MPD)]
    assert sorted(kinds) == ["audio"] * result.case.sound + ["image", "video"]
    for template in root.iterfind(".//m:SegmentTemplate[m:SegmentTimeline]", MPD):
        assert int(template.get("presentationTimeOffset")) == int(template.get("timescale"))
    roles = [each.get("value") for each in root.iterfind(".//m:AdaptationSet/m:Role", MPD)]
    assert roles == ["main"] * (1 + result.case.sound)


def test_the_mpds_thumbnails_are_the_storyboards_tiles(result: Result) -> None:
    root = etree.parse(result.out / "dash.mpd").getroot()
    (shown,) = root.iterfind(".//m:AdaptationSet[@contentType='image']/m:Representation", MPD)
    columns, rows = map(int, shown.find("m:EssentialProperty", MPD).get("value").split("x"))
    template = shown.find("m:SegmentTemplate", MPD)
    with Image.open(result.out / template.get("media")) as sprite:
        assert sprite.size == (int(shown.get("width")), int(shown.get("height")))
    # Tile n is shown from 2n s on, as the storyboard says.
    assert template.get("presentationTimeOffset") is None
    assert int(template.get("duration")) == 2 * columns * rows
    assert columns * rows >= len(re.findall("xywh", (result.out / "storyboard.vtt").read_text()))


def test_the_download_is_the_streams_own_pictures_and_sound(result: Result, tools: Tools) -> None:
    path = result.out / "download.mp4"
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    rung = next(name for name in result.package.renditions if int(name[1:].partition("-")[0]) <= 720)
    for segment in sorted((result.out / rung).glob("0*.m4s")):
        body = segment.read_bytes()
        keyframe = body[body.index(b"mdat") + 4 :][:200]
        assert keyframe in data
    argv = [
        tools.ffprobe,
        "-v",
        "error",
        "-count_frames",
        "-show_entries",
        "stream=codec_type,nb_read_frames,start_time",
    ]
    told = subprocess.run([*argv, "-of", "csv=p=0", str(path)], capture_output=True, text=True, check=True)
    assert told.stderr == ""
    streams = [line.split(",") for line in told.stdout.split()]
    assert [kind for kind, *_ in streams] == ["video", "audio"][: 1 + result.case.sound]
    assert int(streams[0][2]) == result.case.frames
    assert all(abs(float(start)) < 0.03 for _, start, _ in streams)


def test_the_startup_files_are_the_first_bytes_a_player_wants(result: Result) -> None:
    names = [file.name for file in result.package.startup]
    sides = [int(name[1:]) for name in result.case.rungs]
    assert result.opening.startswith(f"v{max((side for side in sides if side <= 540), default=min(sides))}-")
    assert len(names) == (4 if result.case.sound else 2)
    assert [Path(name).name for name in names[:2]] == ["init.mp4", "0001.m4s"]
    for file in result.package.startup:
        assert (result.out / file.name).stat().st_size == file.size_bytes


def test_the_pictures_are_there_and_show_something(result: Result) -> None:
    with Image.open(result.out / "poster.jpg") as poster:
        assert abs(poster.width / poster.height - result.case.size[0] / result.case.size[1]) < 0.02
        assert not poster.getexif()
        extrema = poster.convert("L").getextrema()
        assert extrema[1] - extrema[0] > 60
    with Image.open(result.out / "preview.webp") as preview:
        assert getattr(preview, "n_frames", 1) > 5
    assert (result.out / "preview.mp4").stat().st_size < (result.out / "preview.webp").stat().st_size
    text = (result.out / "storyboard.vtt").read_text()
    image = re.findall(r"(\S+)#xywh", text)[0]
    with Image.open(result.out / image) as sprite:
        last = [int(value) for value in re.findall(r"#xywh=(\d+),(\d+),(\d+),(\d+)", text)[-1]]
        assert last[0] + last[2] <= sprite.width
        assert last[1] + last[3] <= sprite.height
    assert 20 <= len(result.package.thumbhash) <= 40


def test_the_preview_is_a_short_silent_film(result: Result, tools: Tools) -> None:
    argv = [tools.ffprobe, "-v", "error", "-show_entries", "stream=codec_name,width,height,duration", "-of", "csv=p=0"]
    told = subprocess.run([*argv, str(result.out / "preview.mp4")], capture_output=True, text=True, check=True)
    (stream,) = [line.split(",") for line in told.stdout.split()]
    assert stream[0] == "h264"
    assert min(int(side) for side in stream[1:3]) == 240
    assert float(stream[3]) <= 3.2


def test_the_cost_is_accounted(result: Result) -> None:
    assert result.packaged.usage.cpu_s > 0.1
    assert result.packaged.usage.max_rss_bytes < 900 * 1024**2


@pytest.mark.parametrize("name", ["refreshed_bit_by_bit", "open_gop_of_a_second"])
async def test_moderation_sees_pictures_of_all_of_a_clip_whose_keyframes_do_not_stand_for_it(
    name: str, clip: ClipMaker, tools: Tools, settings: PackagerSettings, tmp_path: Path
) -> None:
    seen: list[int] = []

    async def moderate(frames: tuple[Path, ...]) -> Verdict:
        seen.append(len(frames))
        return Allow()

    (tmp_path / "work").mkdir()
    job = package_file(
        clip(name),
        tmp_path / "out",
        work_folder=tmp_path / "work",
        tools=tools,
        settings=settings,
        hooks=Hooks(moderate=moderate),
    )
    assert isinstance(await job, Packaged)
    assert seen == [SAMPLES]


async def test_a_clip_that_fits_is_published_with_its_own_pictures(
    clip: ClipMaker, tools: Tools, settings: PackagerSettings, tmp_path: Path
) -> None:
    (tmp_path / "work").mkdir()
    job = package_file(clip("upright"), tmp_path / "out", work_folder=tmp_path / "work", tools=tools, settings=settings)
    done = await job
    assert isinstance(done, Packaged)
    folder = tmp_path / "out" / done.package.renditions[0]
    whole = tmp_path / "whole.mp4"
    whole.write_bytes(b"".join(path.read_bytes() for path in [folder / "init.mp4", *sorted(folder.glob("0*.m4s"))]))

    def frames(path: Path) -> str:
        argv = [tools.ffmpeg, "-v", "error", "-i", str(path), "-map", "0:v", "-f", "framemd5", "-"]
        lines = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()
        return "\n".join(line.rpartition(",")[2] for line in lines if not line.startswith("#"))

    assert frames(whole) == frames(clip("upright"))


async def test_a_rung_that_is_published_while_it_grows_ends_as_the_whole(
    clip: ClipMaker, tools: Tools, settings: PackagerSettings, tmp_path: Path
) -> None:
    out, work = tmp_path / "out", tmp_path / "work"
    work.mkdir()
    seen: list[tuple[Package, dict[str, str], str]] = []

    async def publish(package: Package) -> None:
        text = (out / "growing-v540.m3u8").read_text() if "growing-v540.m3u8" in package.mutable else ""
        seen.append((package, digests(out), text))
        for uri in [line for line in text.splitlines() if line and not line.startswith("#")]:
            assert (out / uri).is_file()

    eager = replace(settings, growth_speed=0.01)
    done = await package_file(
        clip("growing"), out, work_folder=work, tools=tools, settings=eager, hooks=Hooks(publish=publish)
    )
    assert isinstance(done, Packaged)
    growing = [each for each in seen if "dash.mpd" not in each[0].mutable]
    assert growing
    for package, _, text in growing:
        assert not package.complete
        assert text.count(".m4s") >= 3
        assert "ENDLIST" not in text
        assert "#EXT-X-START:TIME-OFFSET=0" in (out / "hls.m3u8").read_text() or package is not seen[-1][0]
    last = digests(out)
    for _, early, _ in seen:
        assert all(last[name] == digest for name, digest in early.items() if "/" in name)
    assert seen[-1][2].endswith("#EXT-X-ENDLIST\n")
    assert "EXT-X-START" not in (out / "hls.m3u8").read_text()


async def test_nothing_grows_before_the_verdict(
    clip: ClipMaker, tools: Tools, settings: PackagerSettings, tmp_path: Path
) -> None:
    (tmp_path / "work").mkdir()
    published: list[Package] = []

    async def publish(package: Package) -> None:
        published.append(package)

    async def moderate(_frames: tuple[Path, ...]) -> Verdict:
        return Reject("moderation", "No.")

    ended = await package_file(
        clip("growing"),
        tmp_path / "out",
        work_folder=tmp_path / "work",
        tools=tools,
        settings=replace(settings, growth_speed=0.01),
        hooks=Hooks(moderate=moderate, publish=publish),
    )
    assert isinstance(ended, NotPackaged)
    assert published == []


async def test_sound_and_picture_stay_together(
    clip: ClipMaker, tools: Tools, settings: PackagerSettings, tmp_path: Path
) -> None:
    out, work = tmp_path / "out", tmp_path / "work"
    work.mkdir()
    done = await package_file(clip("sync"), out, work_folder=work, tools=tools, settings=settings)
    assert isinstance(done, Packaged)

    def whole(track: str) -> Path:
        folder = next(path for path in out.iterdir() if path.name.startswith(track))
        path = tmp_path / f"{track}.mp4"
        path.write_bytes(b"".join(part.read_bytes() for part in [folder / "init.mp4", *sorted(folder.glob("0*.m4s"))]))
        return path

    def moment(whole: Path, arguments: list[str], pattern: str) -> float:
        argv = [tools.ffmpeg, "-nostdin", "-v", "info", "-copyts", "-i", str(whole), *arguments, "-f", "null", "-"]
        return float(re.findall(pattern, subprocess.run(argv, capture_output=True, text=True, check=True).stderr)[0])

    look, listen = ["-vf", "blackdetect=d=0.05"], ["-af", "silencedetect=n=-30dB:d=0.05"]
    flash = moment(whole("v360"), look, r"black_end:([\d.]+)")
    beep = moment(whole("a128"), listen, r"silence_end: ([\d.]+)")
    assert abs(flash - 4.0) < 0.001  # 3 s, and the timeline's second
    assert abs(beep - flash) < 0.005
    flash = moment(out / "download.mp4", look, r"black_end:([\d.]+)")
    beep = moment(out / "download.mp4", listen, r"silence_end: ([\d.]+)")
    assert abs(beep - flash) < 0.005


async def test_a_variable_rate_becomes_a_constant_one_of_the_same_length(
    clip: ClipMaker, tools: Tools, settings: PackagerSettings, tmp_path: Path
) -> None:
    (tmp_path / "work").mkdir()
    done = await package_file(
        clip("variable_rate"), tmp_path / "out", work_folder=tmp_path / "work", tools=tools, settings=settings
    )
    assert isinstance(done, Packaged)
    assert abs(done.package.duration_ms - 3000) <= 50


async def test_the_verdict_comes_before_the_first_publication(
    clip: ClipMaker, tools: Tools, settings: PackagerSettings, tmp_path: Path
) -> None:
    (tmp_path / "work").mkdir()
    happened: list[str] = []

    async def moderate(frames: tuple[Path, ...]) -> Verdict:
        assert len(frames) == 8
        for frame in frames:
            with Image.open(frame) as picture:
                assert min(picture.size) == 360
        happened.append("moderated")
        return Allow() if len(happened) > 1 else Reject("moderation", "No.")

    async def publish(_package: Package) -> None:
        happened.append("published")

    for expected in (["moderated"], ["moderated", "moderated", "published"]):
        await package_file(
            clip("silent"),
            tmp_path / "out",
            work_folder=tmp_path / "work",
            tools=tools,
            settings=settings,
            hooks=Hooks(moderate=moderate, publish=publish),
        )
        assert happened == expected


async def test_a_clip_without_keyframes_where_its_table_says_is_judged_by_its_rung(
    clip: ClipMaker, tools: Tools, settings: PackagerSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work").mkdir()
    looked: list[int] = []

    async def moderate(frames: tuple[Path, ...]) -> Verdict:
        looked.append(len(frames))
        return Allow()

    monkeypatch.setattr("packager.first_stage.keyframe_samples", lambda _: (Fraction(1, 7), Fraction(8, 7)))
    done = await package_file(
        clip("silent"),
        tmp_path / "out",
        work_folder=tmp_path / "work",
        tools=tools,
        settings=settings,
        hooks=Hooks(moderate=moderate),
    )
    assert isinstance(done, Packaged)
    assert looked == [8]
