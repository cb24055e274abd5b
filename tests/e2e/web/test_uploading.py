"""Uploading from the page: it survives a reload and a lost network, and ends in a video that plays."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Request

from tests.e2e.clips import moving
from tests.e2e.web.conftest import Visit

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

BYTES_A_SECOND = 3_000_000


async def slow_uplink(visit: Visit, bytes_a_second: int) -> None:
    session = await visit.context.new_cdp_session(visit.page)
    await session.send("Network.enable")
    await session.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 5, "downloadThroughput": -1, "uploadThroughput": bytes_a_second},
    )


async def begin(visit: Visit, clip: Path, bytes_a_second: int | None = None) -> None:
    """Choose a clip and post it; the uplink is slowed once the page is there."""
    await visit.open("/upload")
    if bytes_a_second is not None:
        await slow_uplink(visit, bytes_a_second)
    await visit.page.set_input_files("#clip", clip)
    await visit.page.wait_for_selector("video.local")
    await visit.page.fill("#description", "From the page #e2e")
    await visit.page.get_by_role("button", name="Post").click()
    await visit.choose_handle()
    await visit.page.wait_for_selector("text=Uploading")


async def share_sent(visit: Visit) -> float:
    return float(await visit.page.evaluate("document.querySelector('progress').value / 1000"))


async def test_an_upload_survives_a_reload_and_plays_at_the_end(visit: Visit, tmp_path: Path) -> None:
    clip = moving(tmp_path / "clip.mp4", "720x1280", 6, "-b:v", "20M", "-x264-params", "nal-hrd=cbr:force-cfr=1")
    assert clip.stat().st_size > 10_000_000
    offsets: list[int] = []

    def keep(request: Request) -> None:
        if request.method == "PATCH":
            offsets.append(int(request.headers["upload-offset"]))

    await begin(visit, clip, BYTES_A_SECOND)
    await visit.until("document.querySelector('progress').value > 650", within_s=60)
    visit.page.on("request", keep)
    await visit.page.reload()
    await visit.until("document.querySelector('progress')?.value > 0 || document.querySelector('.step')")
    await visit.page.wait_for_selector("text=Your video is live", timeout=120_000)
    assert offsets
    assert offsets[0] > 0, "the upload began again from nothing"
    await visit.page.get_by_role("link", name="Watch it").click()
    await visit.playing()
    assert "From the page" in await visit.page.locator(".slide:not([inert]) .description").inner_text()


async def test_an_upload_waits_for_a_lost_network_and_goes_on_by_itself(visit: Visit, tmp_path: Path) -> None:
    visit.expected = ["ERR_INTERNET_DISCONNECTED", "net::ERR_"]
    clip = moving(tmp_path / "clip.mp4", "720x1280", 4, "-b:v", "20M", "-x264-params", "nal-hrd=cbr:force-cfr=1")
    await begin(visit, clip, BYTES_A_SECOND)
    await visit.until("document.querySelector('progress').value > 100", within_s=60)
    await visit.context.set_offline(True)
    await visit.page.wait_for_selector("text=goes on by itself when you are back")
    await visit.context.set_offline(False)
    await visit.page.wait_for_selector("text=Your video is live", timeout=120_000)


async def test_a_file_that_is_no_video_is_refused_in_words(visit: Visit, tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("not a clip")
    await visit.open("/upload")
    await visit.page.wait_for_selector(".drop")
    await visit.page.set_input_files("#clip", notes)
    assert "is not a video" in await visit.page.locator(".refusal").inner_text()
