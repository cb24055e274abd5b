"""What a viewer sees and hears of unusual clips is what their makers saw and heard. Judged on decoded pictures."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from packager.package import Packaged
from packager.pipeline import package_file
from packager.settings import PackagerSettings
from packager.sound import read_loudness
from packager.tools import Tools

pytestmark = pytest.mark.slow
ClipMaker = Callable[[str], Path]
Color = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Published:
    packaged: Packaged
    out: Path
    folder: Path
    tools: Tools

    def whole(self, track: str) -> Path:
        """The track's segments in one file."""
        folder = next(path for path in self.out.iterdir() if path.is_dir() and path.name.startswith(track))
        target = self.folder / f"{track}.mp4"
        parts = [folder / "init.mp4", *sorted(folder.glob("0*.m4s"))]
        target.write_bytes(b"".join(path.read_bytes() for path in parts))
        return target

    @property
    def highest(self) -> Path:
        return self.whole(self.packaged.package.renditions[0].partition("-")[0])


Publish = Callable[[str], Awaitable[Published]]


@pytest.fixture
async def publish(clip: ClipMaker, tools: Tools, settings: PackagerSettings, tmp_path: Path) -> Publish:
    async def published(name: str) -> Published:
        (tmp_path / "work").mkdir()
        out = tmp_path / "out"
        done = await package_file(clip(name), out, work_folder=tmp_path / "work", tools=tools, settings=settings)
        assert isinstance(done, Packaged), done
        return Published(done, out, tmp_path, tools)

    return published


def told(tools: Tools, path: Path, *arguments: str) -> str:
    """What ffmpeg says of a file that it decodes with these filters."""
    argv = [tools.ffmpeg, "-nostdin", "-hide_banner", "-i", str(path), *arguments, "-f", "null", "-"]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stderr


def color_at(tools: Tools, path: Path, x: float, y: float, second: float = 0.0) -> Color:
    """RGB of a spot, as a player that believes the tags shows it."""
    spot = f"crop=4:4:iw*{x}:ih*{y},scale=1:1,format=rgb24"
    argv = [tools.ffmpeg, "-v", "error", "-ss", str(second), "-i", str(path), "-vf", spot, "-frames:v", "1"]
    data = subprocess.run([*argv, "-f", "rawvideo", "-"], capture_output=True, check=True).stdout
    return (data[0], data[1], data[2])


def near(one: Color, other: Color, by: int) -> bool:
    return max(abs(a - b) for a, b in zip(one, other, strict=True)) <= by


CORNERS = [(0.1, 0.1, (220, 40, 40)), (0.85, 0.1, (40, 200, 60)), (0.1, 0.85, (50, 60, 220))]
"""Of the clips with coloured corners: red, green, blue."""


@pytest.mark.parametrize("name", ["corners_709", "corners_601", "corners_2020", "corners_full", "corners_unmarked"])
async def test_colours_are_the_same_whatever_matrix_and_range_the_clip_uses(
    name: str, publish: Publish, tools: Tools
) -> None:
    published: Published = await publish(name)
    for x, y, color in CORNERS:
        assert near(color_at(tools, published.highest, x, y), color, 14), (x, y)


@pytest.mark.parametrize(("name", "turn"), [("turned_90", 90), ("turned_180", 180), ("turned_270", 270)])
async def test_a_turned_clip_stands_upright(name: str, turn: int, publish: Publish, tools: Tools) -> None:
    """The maker turns the clip with red, green and blue corners; the display matrix says so."""
    published: Published = await publish(name)
    package = published.packaged.package
    assert (package.width < package.height) == (turn != 180)
    spots = {(0.1, 0.1), (0.85, 0.1), (0.1, 0.85), (0.85, 0.85)}
    seen = {spot: color_at(tools, published.highest, *spot) for spot in spots}
    upright = {
        90: [(0.1, 0.85), (0.1, 0.1), (0.85, 0.85)],
        180: [(0.85, 0.85), (0.1, 0.85), (0.85, 0.1)],
        270: [(0.85, 0.1), (0.85, 0.85), (0.1, 0.1)],
    }[turn]
    for spot, (_, _, color) in zip(upright, CORNERS, strict=True):
        assert near(seen[spot], color, 14), (spot, seen)


@pytest.mark.parametrize(
    ("name", "red", "green", "blue"),
    [
        ("mirrored", (0.85, 0.1), (0.1, 0.1), (0.85, 0.85)),
        ("mirrored_90", (0.1, 0.1), (0.1, 0.85), (0.85, 0.1)),
    ],
)
async def test_a_mirrored_clip_is_mirrored(
    name: str,
    red: tuple[float, float],
    green: tuple[float, float],
    blue: tuple[float, float],
    publish: Publish,
    tools: Tools,
) -> None:
    published: Published = await publish(name)
    for spot, (_, _, color) in zip((red, green, blue), CORNERS, strict=True):
        assert near(color_at(tools, published.highest, *spot), color, 14), spot


async def test_a_clip_to_be_shown_upside_down_is_not_published_as_it_is_stored(publish: Publish, tools: Tools) -> None:
    published: Published = await publish("upside_down")
    assert near(color_at(tools, published.highest, 0.5, 0.1), (0, 0, 0), 8)
    assert near(color_at(tools, published.highest, 0.5, 0.9), (255, 255, 255), 8)


@pytest.mark.parametrize("name", ["hlg_white", "pq_white"])
async def test_the_white_of_paper_in_hdr_is_bright_and_not_burnt_in_sdr(
    name: str, publish: Publish, tools: Tools
) -> None:
    published: Published = await publish(name)
    red, green, blue = color_at(tools, published.highest, 0.5, 0.5)
    assert min(red, green, blue) >= 170
    assert max(red, green, blue) <= 250
    assert max(red, green, blue) - min(red, green, blue) <= 8


async def test_what_an_edit_list_cuts_off_is_not_shown(publish: Publish, tools: Tools) -> None:
    published: Published = await publish("cut_by_edit_list")
    # The first 1.5 s are red and cut off, the rest is blue.
    assert abs(published.packaged.package.duration_ms - 2500) <= 40
    assert near(color_at(tools, published.highest, 0.5, 0.5), (0, 0, 255), 20)


async def test_nothing_a_phone_wrote_about_place_and_owner_is_published(publish: Publish) -> None:
    published: Published = await publish("with_position")
    words = [b"+48.8577", b"Jane Doe", b"iPhone", b"ISO6709", b"2026-01-31", b"Lavf", b"Lavc", b"x264"]
    for path in published.out.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not [word for word in words if word in data], path


async def test_nothing_that_is_no_picture_or_sound_is_published(publish: Publish) -> None:
    published: Published = await publish("with_script")
    for path in published.out.rglob("*"):
        assert path.is_dir() or b"<script" not in path.read_bytes(), path


async def test_the_language_of_the_sound_is_told_in_its_shortest_form(publish: Publish) -> None:
    """RFC 5646 section 2.2.1: the clip says `fra`."""
    published: Published = await publish("french")
    assert 'LANGUAGE="fr"' in (published.out / "hls.m3u8").read_text()
    assert 'lang="fr"' in (published.out / "dash.mpd").read_text()


@pytest.mark.parametrize("name", ["sound_mono", "sound_surround", "sound_quiet", "sound_loud"])
async def test_sound_is_stereo_at_minus_14_lufs_with_room_for_its_peaks(
    name: str, publish: Publish, tools: Tools
) -> None:
    published: Published = await publish(name)
    text = told(tools, published.whole("a128"), "-af", "ebur128=peak=true:framelog=quiet")
    assert re.search(r"Audio: aac.*48000 Hz, stereo", text)
    loudness = read_loudness(text.splitlines())
    assert loudness is not None
    assert abs(loudness.integrated_lufs + 14) <= 1
    assert loudness.true_peak_dbtp <= -1


async def test_silence_stays_silent(publish: Publish, tools: Tools) -> None:
    published: Published = await publish("sound_silence")
    text = told(tools, published.whole("a128"), "-af", "volumedetect")
    assert float(re.findall(r"max_volume: (\S+) dB", text)[0]) < -80


async def test_interlaced_pictures_are_published_without_combs(publish: Publish, tools: Tools) -> None:
    published: Published = await publish("interlaced")
    text = told(tools, published.highest, "-vf", "idet")
    single = re.findall(r"Multi frame detection: TFF:\s*(\d+) BFF:\s*(\d+) Progressive:\s*(\d+)", text)[0]
    assert int(single[2]) >= 8 * (int(single[0]) + int(single[1]))


async def test_a_clip_of_one_frame_is_a_video(publish: Publish) -> None:
    published: Published = await publish("one_frame")
    assert published.packaged.media_s == 0.04
