"""What the first version promised to show: a real clip by the command line, then played to its end over HTTP/3."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.e2e.clips import big_buck_bunny, phone_recording
from tests.e2e.system import RunningSystem
from tests.e2e.web.conftest import Opener

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

WATCH = """() => { const video = document.querySelector('.slide:not([inert]) video'); let last = 0;
  window.ends = 0; video.addEventListener('timeupdate', () => {
    if (last > video.duration - 0.6 && video.currentTime < 1) ends += 1; last = video.currentTime; }); }"""


@pytest.mark.parametrize(("name", "display"), [("bunny", (1280, 720)), ("phone", (1080, 1920))])
async def test_an_uploaded_clip_plays_to_its_end_over_h3_with_zero_stalls(
    system: RunningSystem, open_visit: Opener, tmp_path: Path, name: str, display: tuple[int, int]
) -> None:
    clip = big_buck_bunny() if name == "bunny" else phone_recording(tmp_path / "phone.mp4")
    done = await asyncio.to_thread(system.command, "upload", str(clip), "--json", timeout_s=500)
    assert done.returncode == 0, done.stdout + done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert any("playable_s" in line for line in told)
    ready = next(line for line in told if "ready_s" in line)
    visit = await open_visit()
    await visit.open(f"/watch/{ready['video_id']}")
    await visit.playing()
    assert await visit.shown() == ready["video_id"]
    await visit.page.evaluate(WATCH)
    await visit.until("ends >= 1", within_s=90)
    assert await visit.page.evaluate("performance.getEntriesByName('reelway:stall').length") == 0
    assert {one["protocol"] for one in await visit.media() if one["network"] > 0} == {"h3"}
    width, height = await visit.page.evaluate(
        """(({videoWidth, videoHeight}) => [videoWidth, videoHeight])(
        document.querySelector('.slide:not([inert]) video'))"""
    )
    assert width * display[1] == pytest.approx(height * display[0], rel=0.02)
