"""hls.js in Chromium plays a rendition that grows under it, from its first frame to its last, without a stall."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.async_api import Page, Route, async_playwright

from packager.growth import growing_master, growing_media, playlist_name
from packager.package import Packaged
from packager.pipeline import package_file
from packager.settings import PackagerSettings
from packager.tools import Tools

pytestmark = pytest.mark.slow
CHROMIUM = Path("/usr/bin/chromium")
HLS_JS = Path(__file__).parents[2] / "edge/web/node_modules/hls.js/dist/hls.min.js"
SITE = "http://clip.test"
FLAGS = ("--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required", "--mute-audio")
TYPES = {".m3u8": "application/vnd.apple.mpegurl", ".m4s": "video/iso.segment", ".mp4": "video/mp4"}
PAGE = """<video id=v muted playsinline></video><script src=/hls.js></script><script>
window.told = {ended: false, stalls: 0, began: null, errors: []};
const video = document.getElementById('v'), hls = new Hls({autoStartLoad: false});
video.addEventListener('ended', () => { told.ended = true; });
video.addEventListener('waiting', () => { if (video.currentTime > 0.1 && !video.ended) told.stalls += 1; });
video.addEventListener('playing', () => { if (told.began === null) told.began = video.currentTime; });
hls.on(Hls.Events.ERROR, (_, data) => told.errors.push(data.details));
hls.on(Hls.Events.MANIFEST_PARSED, () => { hls.startLoad(0); video.play(); });
hls.loadSource('/hls.m3u8'); hls.attachMedia(video);
</script>"""


@dataclass
class GrowingSite:
    """A finished package, shown as if a segment more were encoded every 1.3 s, three at first."""

    out: Path
    folders: list[str]
    began: float = 0.0
    asked: list[str] = field(default_factory=list)

    async def answer(self, route: Route) -> None:
        name = route.request.url.removeprefix(f"{SITE}/").partition("?")[0]
        self.asked.append(name)
        if name == "":
            await route.fulfill(body=PAGE, content_type="text/html")
        elif name == "hls.js":
            await route.fulfill(path=HLS_JS, content_type="text/javascript")
        elif name == "hls.m3u8":
            self.began = time.monotonic()
            text = growing_master((self.out / name).read_text(), self.folders)
            await route.fulfill(body=text, content_type=TYPES[".m3u8"])
        elif name in {playlist_name(folder) for folder in self.folders}:
            folder = next(folder for folder in self.folders if playlist_name(folder) == name)
            await route.fulfill(body=self._grown(folder), content_type=TYPES[".m3u8"])
        elif (self.out / name).is_file():
            await route.fulfill(path=self.out / name, content_type=TYPES[Path(name).suffix])
        else:
            await route.fulfill(status=404)

    def _grown(self, folder: str) -> str:
        text = (self.out / folder / "main.m3u8").read_text()
        segments = 3 + int((time.monotonic() - self.began) / 1.3)
        return growing_media(text, folder, segments, ended=segments >= text.count(".m4s"))


async def played(page: Page, site: GrowingSite) -> dict[str, object]:
    await page.route("**/*", site.answer)
    await page.goto(f"{SITE}/")
    await page.wait_for_function("told.ended || told.errors.length > 5", timeout=60_000)
    told: dict[str, object] = await page.evaluate("({...told, duration: video.duration, at: video.currentTime})")
    return told


@pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium on this machine: apt-get install chromium")
@pytest.mark.skipif(not HLS_JS.exists(), reason="the web app's packages are not installed: make test")
async def test_a_player_that_begins_with_a_growing_playlist_plays_it_to_the_end(
    clip: Callable[[str], Path], tools: Tools, settings: PackagerSettings, tmp_path: Path
) -> None:
    (tmp_path / "work").mkdir()
    out = tmp_path / "out"
    done = await package_file(clip("calm"), out, work_folder=tmp_path / "work", tools=tools, settings=settings)
    assert isinstance(done, Packaged)
    folders = sorted(path.name for path in out.iterdir() if path.is_dir() and path.name[0] in "va")
    site = GrowingSite(out, folders)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=list(FLAGS))
        told = await played(await browser.new_page(), site)
        await browser.close()
    assert told["ended"], told
    assert told["stalls"] == 0, told
    assert told["errors"] == []
    assert isinstance(told["began"], float | int)
    assert told["began"] < 0.5  # at the beginning, not at what was the end when it came
    assert isinstance(told["duration"], float | int)
    assert abs(told["duration"] - 12) < 0.1
    assert site.asked.count(playlist_name("v360-x")) >= 3  # it came back for news
