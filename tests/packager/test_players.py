"""hls.js, dash.js and Shaka Player in Chromium play what was packaged, from the edge by a signed URL of another origin.

Judged by what a viewer sees: the end is reached, nothing stalls, nothing is missing in between. Never by times.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright

from packager.growth import growing_master, growing_media, playlist_name
from packager.package import Hooks, Package, Packaged
from packager.pipeline import package_file
from packager.settings import PackagerSettings
from packager.tools import Tools
from tests.packager.gallery import enhanced
from tests.packager.packages import PackageMaker
from tests.packager.stage import SCRIPTS, Stage, staged, throttle

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
    "--mute-audio",
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium on this machine: apt-get install chromium"),
    pytest.mark.skipif(
        not all(path.exists() for path in SCRIPTS.values()),
        reason="the web app's packages are not installed: make test",
    ),
]

EVERY_PLAYER = pytest.mark.parametrize(
    ("player", "manifest"),
    [("hls", "hls.m3u8"), ("shaka", "hls.m3u8"), ("shaka", "dash.mpd"), ("dash", "dash.mpd")],
)
WITHOUT_AV1 = """
const knows = MediaSource.isTypeSupported.bind(MediaSource);
MediaSource.isTypeSupported = (type) => !type.includes('av01') && knows(type);
const asks = navigator.mediaCapabilities.decodingInfo.bind(navigator.mediaCapabilities);
navigator.mediaCapabilities.decodingInfo = async (asked) => {
  const told = await asks(asked);
  return asked.video?.contentType.includes('av01') ? { ...told, supported: false, smooth: false } : told;
};
"""
"""A browser on a device whose decoder is older than AV1."""


@dataclass(frozen=True, slots=True)
class Published:
    """What was published first, with its files as they were then, and at last."""

    first: Package
    last: Package


@dataclass(frozen=True, slots=True)
class Enhanced:
    before: Package
    after: Package


PublishedMaker = Callable[[str], Published]


@pytest.fixture(scope="module")
def published(
    clip: Callable[[str], Path], tools: Tools, settings: PackagerSettings, tmp_path_factory: pytest.TempPathFactory
) -> PublishedMaker:
    """Packages a clip at its first use."""

    @cache
    def made(name: str) -> Published:
        folder = tmp_path_factory.mktemp(name)
        (folder / "work").mkdir()
        stages: list[Package] = []

        async def publish(package: Package) -> None:
            if not stages:
                shutil.copytree(package.folder, folder / "first")
            stages.append(package)

        hooks = Hooks(publish=publish)
        job = package_file(
            clip(name), folder / "out", work_folder=folder / "work", tools=tools, settings=settings, hooks=hooks
        )
        assert isinstance(asyncio.run(job), Packaged)
        return Published(replace(stages[0], folder=folder / "first"), stages[-1])

    return made


@pytest.fixture(scope="module")
def lively(published: PublishedMaker) -> Published:
    """Twelve seconds in three renditions, the highest published first, with sound."""
    return published("lively")


@pytest.fixture(scope="module")
def calm(published: PublishedMaker) -> Published:
    """Twelve seconds in one rendition, which may grow, with sound."""
    return published("calm")


@pytest.fixture(scope="module")
def with_av1(
    package: PackageMaker,
    clip: Callable[[str], Path],
    settings: PackagerSettings,
    tmp_path_factory: pytest.TempPathFactory,
) -> Enhanced:
    """Five seconds in three renditions with sound, before and after AV1 was added."""
    before = package("upright")
    after = asyncio.run(enhanced(before, clip("upright"), tmp_path_factory.mktemp("av1"), settings))
    return Enhanced(before.package, after.package)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(tmp_path) as made:
        yield made


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=list(FLAGS))
        yield await browser.new_page()
        await browser.close()


def peaks(out: Path) -> list[float]:
    """Kilobits per second of the renditions, lowest first."""
    return sorted(
        int(rate) / 1000 for rate in re.findall(r"#EXT-X-STREAM-INF:BANDWIDTH=(\d+)", (out / "hls.m3u8").read_text())
    )


def assert_seamless(told: dict[str, Any], seconds: float) -> None:
    assert told["ended"], told
    assert told["stalls"] == 0, told
    assert told["ranges"] == 1, told
    assert told["faults"] == []
    assert told["began"] < 0.5, told
    assert told["duration"] == pytest.approx(seconds, abs=0.1)


@EVERY_PLAYER
async def test_a_player_follows_the_network_up_and_down_without_a_stall(
    player: str, manifest: str, lively: Published, stage: Stage, page: Page
) -> None:
    await stage.publish(lively.last)
    lowest, _, highest = peaks(lively.last.folder)
    changes = asyncio.create_task(throttle(page, [(0, 2.5 * lowest), (3, 4 * highest), (4, 2 * lowest)]))
    await stage.open(page, player, manifest)
    told = await stage.ended(page)
    await changes
    assert_seamless(told, 12)
    assert len(stage.rungs()) >= 2, stage.asked
    assert {status for _, status in stage.asked} <= {200, 206}
    if manifest == "dash.mpd":
        assert told["tiles"] == tiles_of(lively.last.folder, told["tiles"])


@pytest.mark.parametrize("player", ["dash", "shaka"])
async def test_a_player_of_the_mpd_goes_on_when_the_other_renditions_follow(
    player: str, lively: Published, stage: Stage, page: Page
) -> None:
    assert not lively.first.complete
    await stage.publish(lively.first)
    await stage.open(page, player, "dash.mpd")
    await page.wait_for_function("told.began !== null")
    await stage.publish(lively.last)
    assert_seamless(await stage.ended(page), 12)
    assert stage.rungs() == ["v720"]


@EVERY_PLAYER
async def test_a_player_that_knows_av1_plays_it_to_its_end(
    player: str, manifest: str, with_av1: Enhanced, stage: Stage, page: Page
) -> None:
    await stage.publish(with_av1.before)
    await stage.add(with_av1.after)
    await stage.open(page, player, manifest)
    assert_seamless(await stage.ended(page), 5)
    assert stage.rungs()
    assert all(rung.endswith("av1") for rung in stage.rungs())


@EVERY_PLAYER
async def test_a_player_that_has_begun_goes_on_in_h264_when_av1_is_added(
    player: str, manifest: str, with_av1: Enhanced, stage: Stage, page: Page
) -> None:
    await stage.publish(with_av1.before)
    await stage.open(page, player, manifest)
    await page.wait_for_function("told.began !== null")
    await stage.add(with_av1.after)
    assert_seamless(await stage.ended(page), 5)
    assert not any(rung.endswith("av1") for rung in stage.rungs())
    assert {status for _, status in stage.asked} <= {200, 206}


@EVERY_PLAYER
async def test_a_player_that_does_not_know_av1_plays_what_it_played_before(
    player: str, manifest: str, with_av1: Enhanced, stage: Stage, page: Page
) -> None:
    await page.add_init_script(WITHOUT_AV1)
    await stage.publish(with_av1.before)
    await stage.add(with_av1.after)
    await stage.open(page, player, manifest)
    assert_seamless(await stage.ended(page), 5)
    assert stage.rungs()
    assert not any(rung.endswith("av1") for rung in stage.rungs())


@pytest.mark.parametrize("player", ["hls", "shaka"])
async def test_a_rendition_that_grows_is_played_from_its_first_frame_to_its_last(
    player: str, calm: Published, stage: Stage, page: Page, tmp_path: Path
) -> None:
    """Three segments at first, and one more every 1.3 s."""
    await stage.publish(grown(calm.last, 3, tmp_path / "3"))
    assert (await page.request.get(stage.signed("dash.mpd"))).status == 404
    growing = asyncio.create_task(grow(stage, calm.last, tmp_path))
    await stage.open(page, player, "hls.m3u8")
    told = await stage.ended(page)
    await growing
    assert_seamless(told, 12)
    assert [name for name, _ in stage.asked].count(playlist_name("v360-x")) >= 3  # it came back for news


async def grow(stage: Stage, package: Package, folder: Path) -> None:
    segments = (package.folder / package.renditions[0] / "main.m3u8").read_text().count(".m4s")
    for count in range(4, segments):
        await asyncio.sleep(1.3)
        await stage.publish(grown(package, count, folder / str(count)))
    await asyncio.sleep(1.3)
    await stage.publish(package)


def grown(package: Package, segments: int, folder: Path) -> Package:
    """The publication of a rendition of which so many segments are encoded."""
    folder.mkdir()
    tracks = [name for name in package.immutable if name[0] in "va"]
    for name in tracks:
        (folder / name).symlink_to(package.folder / name)
        text = (package.folder / name / "main.m3u8").read_text()
        (folder / playlist_name(name)).write_text(growing_media(text, name, segments, ended=False))
    (folder / "hls.m3u8").write_text(growing_master((package.folder / "hls.m3u8").read_text(), tracks))
    mutable = ("hls.m3u8", *map(playlist_name, tracks))
    return replace(package, complete=False, folder=folder, immutable=tuple(tracks), mutable=mutable)


def tiles_of(out: Path, seconds: Iterable[str]) -> dict[str, list[int]]:
    """Where in the sprite the storyboard's WebVTT says that the picture of each second is."""
    cues = re.findall(r"00:(\S+) --> 00:(\S+)\n\S+#xywh=(\d+),(\d+)", (out / "storyboard.vtt").read_text())
    return {
        second: [int(x), int(y)]
        for second in seconds
        for begin, end, x, y in cues
        if float(begin) <= float(second) < float(end)
    }
