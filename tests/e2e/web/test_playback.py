"""Watching: over HTTP/3, without stalls, with the prefetch plan followed."""

from __future__ import annotations

import json
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Response

from tests.e2e.web.conftest import Opener, Visit

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

FIRST_FRAME_MS = 150
ROUNDS = 3


def name_of(url: str) -> str:
    """`{video id}/{rendition}/{file}` of a media URL."""
    return urlsplit(url).path.split("/v/", 1)[1]


async def test_a_video_plays_over_h3_to_its_end_without_a_stall(visit: Visit) -> None:
    await visit.open()
    await visit.playing()
    # It loops: the end was reached when time has run and then stands before where it was.
    await visit.page.evaluate(
        """() => { const video = document.querySelector('.slide:not([inert]) video'); let last = 0;
        window.ends = 0; video.addEventListener('timeupdate', () => {
          if (last > video.duration - 0.6 && video.currentTime < 1) ends += 1; last = video.currentTime; }); }"""
    )
    await visit.until("ends >= 1", within_s=30)
    assert await visit.page.evaluate("performance.getEntriesByName('reelway:stall').length") == 0
    assert await visit.page.evaluate("document.querySelector('.slide:not([inert]) video').buffered.length") == 1
    assert await visit.page.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol") == "h3"
    media = [one for one in await visit.media() if one["network"] > 0]
    assert media
    assert {one["protocol"] for one in media} == {"h3"}


async def test_the_prefetch_plan_is_followed_in_order_and_its_bytes_are_used(visit: Visit) -> None:
    pages: list[dict[str, Any]] = []

    async def keep(response: Response) -> None:
        if urlsplit(response.url).path == "/v1/feed":
            pages.append(await response.json())

    visit.page.on("response", keep)
    await visit.open()
    await visit.playing()
    await visit.until("performance.getEntriesByName('reelway:prefetched').length >= 4")
    ahead = {item["video"]["id"] for item in pages[0]["items"][1:4]}
    planned = [one["url"] for one in pages[0]["prefetch"]]
    assert {one["video_id"] for one in pages[0]["prefetch"]} <= ahead
    await visit.until("count => performance.getEntriesByName('reelway:prefetched').length >= count", arg=len(planned))
    marks = await visit.page.evaluate("performance.getEntriesByName('reelway:prefetched').map((one) => one.detail.url)")
    assert marks[: len(planned)] == planned
    for _ in range(3):
        await visit.swipe()
    asked = [one for one in await visit.media() if one["by"] == "xmlhttprequest" and one["url"] in planned]
    assert {one["url"] for one in asked} == set(planned), "the player asked for other files than the plan named"
    assert all(one["network"] == 0 for one in asked), [name_of(one["url"]) for one in asked if one["network"]]
    await visit.page.keyboard.press("d")
    await visit.page.wait_for_selector("#panel dd[data-field=used]")
    fields = dict(
        await visit.page.evaluate(
            "[...document.querySelectorAll('#panel dd')].map((one) => [one.dataset.field, one.textContent])"
        )
    )
    assert fields["used"] != "0 B"
    assert fields["stalls"] == "0"


async def test_the_first_frame_after_a_swipe_comes_within_150_ms_at_the_median(open_visit: Opener) -> None:
    """Three rounds, of which one must hold: the machine has other work, the app must not be what is slow."""
    medians = []
    for _ in range(ROUNDS):
        visit = await open_visit()
        await visit.open()
        await visit.playing()
        for _ in range(4):
            # A viewer looks before swiping on; meanwhile the next player is primed.
            await visit.until("document.querySelectorAll('video.painted').length >= 2")
            await visit.page.wait_for_timeout(1200)
            await visit.swipe()
        frames = await visit.page.evaluate(
            "performance.getEntriesByName('reelway:first-frame').map((one) => one.duration)"
        )
        medians.append(median(frames[1:]))
        await visit.context.close()
        if medians[-1] <= FIRST_FRAME_MS:
            break
    assert min(medians) <= FIRST_FRAME_MS, medians


async def test_no_more_than_three_players_exist_however_far_one_swipes(visit: Visit) -> None:
    await visit.open()
    await visit.playing()
    seen = [await visit.shown()]
    for _ in range(5):
        seen.append(await visit.swipe())
        assert await visit.page.locator("video").count() <= 3
    assert len(set(seen)) == len(seen)
    assert await visit.swipe("k") == seen[-2]


async def test_media_requests_carry_cmcd_unless_the_browser_has_the_answer(visit: Visit) -> None:
    sent: dict[str, dict[str, str]] = {}
    visit.page.on("request", lambda request: sent.setdefault(request.url, request.headers))
    await visit.open()
    await visit.playing()
    segments = {url: headers for url, headers in sent.items() if url.endswith((".m4s", ".m3u8", "init.mp4"))}
    assert segments
    for url, headers in segments.items():
        assert "sid=" in headers.get("cmcd-session", ""), name_of(url)
        assert "cid=" in headers["cmcd-session"]


async def test_what_was_watched_is_reported_once(visit: Visit) -> None:
    told: list[dict[str, Any]] = []

    def keep(request: Any) -> None:
        if urlsplit(request.url).path == "/v1/interactions":
            told.extend(json.loads(request.post_data)["events"])

    visit.page.on("request", keep)
    await visit.open()
    await visit.playing()
    first = await visit.shown()
    await visit.page.wait_for_timeout(2600)
    second = await visit.swipe()
    await visit.page.wait_for_timeout(300)
    await visit.swipe()
    async with visit.page.expect_response(lambda response: response.url.endswith("/v1/interactions")) as answer:
        await visit.page.wait_for_timeout(100)
    assert (await answer.value).status == 202
    assert (await (await answer.value).json())["rejected"] == []
    kinds = {(one["video_id"], one["type"]) for one in told}
    assert (first, "view") in kinds
    assert (second, "skip") in kinds
    assert len({one["event_id"] for one in told}) == len(told)
    assert all(one["feed_id"] for one in told)


async def test_a_video_that_will_not_play_is_passed_over_with_a_note(visit: Visit) -> None:
    visit.expected = ["status of 404", "while loading"]
    await visit.open()
    await visit.playing()
    first = await visit.shown()
    await visit.page.route("**/hls.m3u8", lambda route: route.fulfill(status=404, body="{}"))
    for _ in range(4):
        if await visit.page.locator(".toast").count():
            break
        await visit.page.keyboard.press("j")
        await visit.page.wait_for_timeout(1500)
    assert "would not play" in await visit.page.locator(".toast").first.inner_text()
    assert await visit.shown() != first


async def test_a_video_reached_without_a_network_plays_when_the_network_is_back(visit: Visit) -> None:
    visit.expected = ["ERR_INTERNET_DISCONNECTED", "Failed to fetch"]
    await visit.open()
    await visit.playing()
    await visit.context.set_offline(True)
    for _ in range(3):
        await visit.page.keyboard.press("j")
        await visit.page.wait_for_timeout(400)
    await visit.page.wait_for_selector("text=It plays when you are back")
    await visit.page.keyboard.press("l")
    await visit.page.wait_for_selector("text=needs the network")
    await visit.context.set_offline(False)
    await visit.playing()
