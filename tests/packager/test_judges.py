"""What strict and lenient readers of HLS, DASH and MP4, none of them ours, make of whole packages."""

from __future__ import annotations

import json
import shutil
import subprocess
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from origin.captions import DASH, HLS, caption_of, checked_track, file_name, rewriting
from origin.model import Publication, Video, VideoStatus, Visibility
from packager.growth import growing_master, growing_media, playlist_name
from packager.mpd import with_video_role
from packager.mux import Track, packager_argv
from packager.sound import AUDIO_FILE
from packager.tools import Tools
from tests.packager.mpd_rules import NAMESPACE, breaches
from tests.packager.packages import PackageMaker, Result

SCRIPT = Path(__file__).with_name("judges.mjs")
NODE = Path(__file__).parents[2] / "deploy" / "setup" / "node"
PACKAGES = Path(__file__).parents[2] / "edge" / "web" / "node_modules" / "mp4box"
JUDGED = ["bbb", "rotated", "upright", "silent", "short", "ntsc"]
"""Landscape; portrait by its rotation; remuxed; without sound; a second of mono; 24000/1001 fps."""
ROUNDING_S = 0.002

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PACKAGES.exists(), reason="the web app's packages are not installed: make test"),
]


def judged(folder: Path) -> Any:
    ended = subprocess.run([str(NODE), str(SCRIPT), str(folder)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.fixture(scope="module", params=JUDGED)
def result(request: pytest.FixtureRequest, package: PackageMaker) -> Result:
    return package(request.param)


@pytest.fixture(scope="module")
def verdict(result: Result) -> Any:
    return judged(result.out)


def frame_s(result: Result) -> float:
    return float(1 / result.case.rate)


def test_a_strict_reader_finds_the_playlists_as_rfc_8216_and_apple_want_them(result: Result, verdict: Any) -> None:
    master = verdict["strict"]["hls.m3u8"]
    assert master["independent"]
    variants = [each for each in master["variants"] if not each["iframes"]]
    assert len(variants) == len(result.case.rungs)
    assert len(master["variants"]) == 2 * len(variants)  # Apple 6.1: an I-frame list for each
    for variant in variants:
        assert variant["average"] <= variant["peak"] <= 2 * variant["average"]  # Apple 1.30
        assert variant["range"] == "SDR"
        assert variant["rate"] == pytest.approx(float(result.case.rate), abs=0.001)
        wide, high = variant["size"]
        assert wide / high == pytest.approx(result.case.size[0] / result.case.size[1], abs=0.02)  # Apple 1.33
        assert [sound["language"] for sound in variant["audio"]] == ["en"] * result.case.sound
        assert [sound["channels"] for sound in variant["audio"]] == ["2"] * result.case.sound
    media = [playlist for playlist in verdict["strict"].values() if "segments" in playlist]
    assert all(playlist["ended"] for playlist in media)
    assert {playlist["map"].rpartition("/")[2] for playlist in media} == {"init.mp4"}
    assert len({playlist["target"] for playlist in media}) == 1  # Apple 8.2


def test_a_lenient_reader_reads_the_same_and_complains_of_nothing(verdict: Any) -> None:
    for name, read in verdict["lenient"].items():
        assert read["complaints"] == [], name
        strict = verdict["strict"][name]
        if "segments" in strict:
            assert read["uris"] == [segment["uri"] for segment in strict["segments"]]
            assert read["seconds"] == [segment["duration"] for segment in strict["segments"]]
            assert read["target"] == strict["target"]


def test_the_mpd_names_the_very_files_of_the_hls_playlists_at_the_same_times(result: Result, verdict: Any) -> None:
    dash, strict = verdict["dash"], verdict["strict"]
    assert dash["complaints"] == []
    assert dash["duration"] == pytest.approx(result.package.duration_ms / 1000, abs=ROUNDING_S)
    told = [*dash["video"], *dash["audio"]]
    assert sorted(one["init"].partition("/")[0] for one in told) == sorted(result.tracks)
    for one in told:
        folder = one["init"].partition("/")[0]
        playlist = strict[f"{folder}/main.m3u8"]["segments"]
        assert [segment["uri"] for segment in one["segments"]] == [f"{folder}/{each['uri']}" for each in playlist]
        seconds = [segment["duration"] for segment in playlist]
        assert [segment["duration"] for segment in one["segments"]] == pytest.approx(seconds, abs=ROUNDING_S)
        begins = [0.0, *accumulate(seconds)][:-1]
        assert [segment["at"] for segment in one["segments"]] == pytest.approx(begins, abs=0.03)


def test_the_mpd_keeps_the_grammar_of_its_standard(result: Result) -> None:
    assert breaches(etree.parse(result.out / "dash.mpd").getroot()) == []


def test_every_track_is_cmaf_whose_segments_join_without_a_gap(result: Result, verdict: Any) -> None:
    assert sorted(verdict["tracks"]) == sorted(result.tracks)
    for folder, track in verdict["tracks"].items():
        segments = track["segments"]
        assert track["faults"] == []
        assert track["tracks"] == 1
        assert "cmfc" in track["brands"]
        assert track["boxes"] == ["ftyp", "moov", *["styp", "sidx", "moof", "mdat"] * len(segments)]
        assert all(segment["begins_with_sync"] for segment in segments)  # Apple 7.4
        for one, following in pairwise(segments):
            assert one["decoded"] == following["decode"]
            assert one["end"] == following["begin"]
        playlist = verdict["strict"][f"{folder}/main.m3u8"]["segments"]
        stored = [(segment["end"] - segment["begin"]) / track["timescale"] for segment in segments]
        assert [segment["duration"] for segment in playlist] == pytest.approx(stored, abs=ROUNDING_S)  # Apple 8.1


def test_pictures_and_sound_are_of_the_same_length_within_a_frame(result: Result, verdict: Any) -> None:
    ends = []
    for folder, track in verdict["tracks"].items():
        segments = track["segments"]
        if folder.startswith("v"):
            assert sum(segment["samples"] for segment in segments) == result.case.frames
        # Presentation starts at 1 s on every track's clock.
        ends.append((segments[-1]["end"] - track["shift"]) / track["timescale"] - 1)
    wanted = result.case.frames * frame_s(result)
    assert ends == pytest.approx([wanted] * len(ends), abs=max(frame_s(result), 1024 / 48000))  # Apple 8.3


def test_a_start_takes_a_second_of_media_and_little_more(result: Result, verdict: Any) -> None:
    lasting = min(1.0, result.case.frames * frame_s(result))
    for folder, track in verdict["tracks"].items():
        first = verdict["strict"][f"{folder}/main.m3u8"]["segments"][0]
        assert first["duration"] == pytest.approx(lasting, abs=0.03)
        assert (result.out / folder / "init.mp4").stat().st_size < 1024
        assert track["segments"][0]["begins_with_sync"]
    for name in ("hls.m3u8", f"{result.tracks[0]}/main.m3u8", "dash.mpd"):
        assert (result.out / name).stat().st_size < 8 * 1024


def test_an_i_frame_list_names_bytes_that_decode_to_a_picture(
    result: Result, verdict: Any, tools: Tools, tmp_path: Path
) -> None:
    for folder in result.package.renditions:
        whole = verdict["strict"][f"{folder}/main.m3u8"]["segments"]
        pictures = verdict["strict"][f"{folder}/iframe.m3u8"]["segments"]
        assert verdict["strict"][f"{folder}/iframe.m3u8"]["iframes"]
        assert len(pictures) >= len(whole)
        assert sum(each["duration"] for each in pictures) == pytest.approx(sum(each["duration"] for each in whole))
        for picture in pictures:
            start, size = picture["byterange"]["offset"], picture["byterange"]["length"]
            data = (result.out / folder / picture["uri"]).read_bytes()[start : start + size]
            assert len(data) == size
            assert data[4:8] == b"moof"  # Apple 6.10
        shown = tmp_path / f"{folder}.mp4"
        shown.write_bytes((result.out / folder / "init.mp4").read_bytes() + data)
        argv = [tools.ffmpeg, "-v", "quiet", "-i", shown, "-frames:v", "1", "-f", "framemd5", "-"]
        lines = subprocess.run(list(map(str, argv)), capture_output=True, text=True, check=True).stdout.splitlines()
        assert len([line for line in lines if not line.startswith("#")]) == 1


def test_the_mpds_bandwidths_are_enough_to_play_on_and_no_more(result: Result, verdict: Any) -> None:
    """`minBufferTime` at `bandwidth` first, then never faster than that: ISO 23009-1 section 5.3.5.4."""
    ahead_s = 2.0  # minBufferTime
    for one in [*verdict["dash"]["video"], *verdict["dash"]["audio"]]:
        bits = [8 * (result.out / segment["uri"]).stat().st_size for segment in one["segments"]]
        seconds = [segment["duration"] for segment in one["segments"]]
        needed = [
            sum(bits[first : last + 1]) / (ahead_s + sum(seconds[first:last]))
            for first in range(len(bits))
            for last in range(first, len(bits))
        ]
        rates = [size / second for size, second in zip(bits, seconds, strict=True) if second >= 0.5]
        assert max(needed) <= 1.01 * one["bandwidth"]  # of sound, 2.005 s are a segment
        assert one["bandwidth"] <= 1.1 * max(rates, default=sum(bits) / sum(seconds))


def test_a_growing_publication_is_read_as_it_grows(result: Result, tmp_path: Path) -> None:
    """The first rung and the sound, a segment more each time, and the end."""
    folders = [result.stages[0].renditions[0], *result.tracks[len(result.package.renditions) :]]
    texts = {folder: (result.out / folder / "main.m3u8").read_text() for folder in folders}
    longest = max(text.count(".m4s") for text in texts.values())
    for count in range(1, longest + 1):
        grown = tmp_path / str(count)
        grown.mkdir()
        master = growing_master(growing_source(result), folders)
        (grown / "hls.m3u8").write_text(master)
        for folder, text in texts.items():
            media = growing_media(text, folder, count, ended=count == longest)
            (grown / playlist_name(folder)).write_text(media)
        read = judged(grown)
        assert all(one["complaints"] == [] for one in read["lenient"].values())
        shown = read["strict"]["hls.m3u8"]
        assert shown["start"] == {"offset": 0, "precise": True}
        assert [variant["uri"] for variant in shown["variants"]] == [playlist_name(folders[0])]
        for folder in folders:
            playlist = read["strict"][playlist_name(folder)]
            assert playlist["type"] == "EVENT"
            assert playlist["ended"] == (count == longest)
            assert all((result.out / segment["uri"]).is_file() for segment in playlist["segments"])
            assert (result.out / playlist["map"]).is_file()


def test_captions_leave_the_manifests_as_well_formed_as_they_were(package: PackageMaker, tmp_path: Path) -> None:
    made = package("upright")
    track = checked_track(b"WEBVTT\n\n00:00:00.000 --> 00:00:02.000\nHello\n")
    captions = tuple(caption_of(tag, label, track) for tag, label in (("de", "<Größe> & mehr, alle"), ("pt-BR", "")))
    publication = Publication(1, {}, made.package.renditions, (), made.package.duration_ms, 720, 1280)
    video = Video(1, 1, "", VideoStatus.READY, Visibility.PUBLIC, 0, publication=publication, captions=captions)
    for name in made.tracks:
        (tmp_path / name).symlink_to(made.out / name)
    for name in [HLS, DASH, *(file_name(caption).replace(".vtt", ".m3u8") for caption in captions)]:
        sent = rewriting(video, name, name)
        assert sent is not None
        (tmp_path / name).parent.mkdir(exist_ok=True)
        source = made.out / name
        (tmp_path / name).write_text(sent.apply(source.read_text() if source.exists() else ""))
    read = judged(tmp_path)
    assert all(one["complaints"] == [] for one in read["lenient"].values())
    for variant in read["strict"][HLS]["variants"]:
        told = [(each["language"], each["name"]) for each in variant["captions"]]
        assert told == ([] if variant["iframes"] else [("de", "<Größe> & mehr, alle"), ("pt-BR", "pt-BR")])
    assert read["dash"]["complaints"] == []
    assert [each["language"] for each in read["dash"]["captions"]] == ["de", "pt-BR"]
    assert [each["uri"] for each in read["dash"]["captions"]] == [
        f"https://edge.test/{file_name(caption)}" for caption in captions
    ]
    assert breaches(etree.parse(tmp_path / DASH).getroot()) == []


def growing_source(result: Result) -> str:
    """The master of the first publication: the first rung's variant alone, as Shaka writes it then."""
    lines = (result.out / "hls.m3u8").read_text().splitlines()
    first = result.stages[0].renditions[0]
    kept = [
        line
        for line, following in pairwise([*lines, ""])
        if not line.startswith("#EXT-X-STREAM-INF") or following.startswith(first)
    ]
    return "\n".join(line for line in kept if line.startswith(("#", f"{first}/")) or not line) + "\n"


def test_but_for_what_is_added_the_package_is_what_shaka_packager_writes(
    result: Result, tools: Tools, tmp_path: Path
) -> None:
    for file in result.work.glob("*.mp4"):
        shutil.copy(file, tmp_path)
    folders = sorted(result.tracks, key=lambda name: name != result.opening)
    video = [Track(f"{name.partition('-')[0]}.mp4", name, video=True) for name in folders if name.startswith("v")]
    sound = [Track(AUDIO_FILE, name, video=False) for name in folders if name.startswith("a")]
    order = [video[0], *sound, *sorted(video[1:], key=lambda track: -int(track.folder[1:].partition("-")[0]))]
    (tmp_path / "raw").mkdir()
    subprocess.run(packager_argv(tools.shaka_packager, order, "raw", "en"), cwd=tmp_path, check=True)
    raw = tmp_path / "raw"
    for path in raw.rglob("*"):
        name = path.relative_to(raw)
        if path.suffix in {".m4s", ".mp4"}:
            assert path.read_bytes() == (result.out / name).read_bytes(), name
        elif path.suffix == ".m3u8":
            ours = (result.out / name).read_text().splitlines()
            other = [(a, b) for a, b in zip(path.read_text().splitlines(), ours, strict=True) if a != b]
            assert all(a.startswith("#EXT-X-TARGETDURATION:") for a, _ in other), other
    ours = etree.fromstring((result.out / "dash.mpd").read_bytes())
    theirs = etree.fromstring(with_video_role((raw / "dash.mpd").read_text()).encode())
    assert described(ours) == described(theirs)


def described(mpd: etree._Element) -> list[str]:
    """Its adaptation sets without thumbnails and without numbers, which come as Shaka's threads end."""
    found = []
    for adaptation in mpd.iter(f"{NAMESPACE}AdaptationSet"):
        for element in adaptation.iter(etree.Element):
            element.tail = element.text = None
            element.attrib.pop("id", None)
        if adaptation.get("contentType") != "image":
            found.append(etree.tostring(adaptation).decode())
    return sorted(found)
