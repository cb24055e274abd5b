"""Likes, comments and follows from the page: shown at once, kept by the system, undone when refused."""

from __future__ import annotations

import secrets

import pytest

from tests.e2e.conftest import SignIn
from tests.e2e.system import RunningSystem
from tests.e2e.web.conftest import WIDE, Opener, Visit

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

CURRENT = ".slide:not([inert])"


async def test_a_guest_watches_at_once_and_is_asked_for_a_handle_only_to_like(
    visit: Visit, system: RunningSystem, sign_in: SignIn
) -> None:
    visit.expected = ["status of 409"]
    await visit.open()
    await visit.playing()
    assert await visit.page.locator("dialog").count() == 0
    other = sign_in(system)
    taken = f"taken{secrets.token_hex(4)}"
    other.call("POST", "/v1/sessions", {"handle": taken})
    video_id = await visit.shown()
    before = other.call("GET", f"/v1/videos/{video_id}")["counts"]["likes"]
    await visit.page.keyboard.press("l")
    await visit.page.fill("#handle", taken)
    await visit.page.keyboard.press("Enter")
    await visit.page.wait_for_selector("#handle-help.bad")
    assert "taken" in await visit.page.locator("#handle-help").inner_text()
    await visit.choose_handle()
    await visit.page.wait_for_selector(f"{CURRENT} .act.like[aria-pressed=true]")
    await visit.page.wait_for_timeout(300)
    await visit.page.reload()
    await visit.open(f"/watch/{video_id}")
    await visit.page.wait_for_selector(f"{CURRENT} .act.like[aria-pressed=true]")
    assert other.call("GET", f"/v1/videos/{video_id}")["counts"]["likes"] == before + 1


async def test_tapping_twice_likes_and_tapping_once_pauses(visit: Visit) -> None:
    await visit.open()
    await visit.playing()
    await visit.page.keyboard.press("l")
    await visit.choose_handle()
    await visit.swipe()
    await visit.page.mouse.dblclick(180, 360)
    await visit.page.wait_for_selector(f"{CURRENT} .act.like[aria-pressed=true]")
    assert not await visit.page.evaluate(f"document.querySelector('{CURRENT} video').paused")
    await visit.page.wait_for_timeout(500)
    await visit.page.mouse.click(180, 360)
    await visit.page.wait_for_selector(f"{CURRENT}.paused")
    await visit.page.mouse.click(180, 360)
    await visit.page.wait_for_selector(f"{CURRENT}:not(.paused)")
    await visit.page.wait_for_timeout(500)
    await visit.page.mouse.move(180, 360)
    await visit.page.mouse.down()
    await visit.page.wait_for_selector(f"{CURRENT}.fast")
    assert await visit.page.evaluate(f"document.querySelector('{CURRENT} video').playbackRate") == 2
    await visit.page.mouse.up()
    await visit.page.wait_for_selector(f"{CURRENT}:not(.fast)")


async def test_a_refused_like_is_undone_and_explained(visit: Visit) -> None:
    visit.expected = ["status of 503"]
    await visit.open()
    await visit.playing()
    await visit.page.keyboard.press("l")
    await visit.choose_handle()
    await visit.swipe()
    problem = '{"code": "overloaded", "detail": "Likes rest for a moment."}'
    await visit.page.route("**/like", lambda route: route.fulfill(status=503, body=problem))
    await visit.page.keyboard.press("l")
    await visit.page.wait_for_selector("text=Likes rest for a moment.")
    await visit.page.wait_for_selector(f"{CURRENT} .act.like[aria-pressed=false]")


async def test_a_comment_appears_at_once_and_stays(open_visit: Opener, system: RunningSystem, sign_in: SignIn) -> None:
    visit = await open_visit(WIDE)
    await visit.open()
    await visit.playing()
    video_id = await visit.shown()
    text = "<b>calm</b> & lovely"
    await visit.page.fill("#side textarea", text)
    await visit.page.keyboard.press("Enter")
    await visit.choose_handle()
    await visit.page.wait_for_selector(".remark:not(.sending) .said")
    assert await visit.page.locator(".remark .said").first.inner_text() == text
    await visit.page.wait_for_timeout(300)
    other = sign_in(system)
    kept = other.call("GET", f"/v1/videos/{video_id}/comments")["items"]
    assert [one["text"] for one in kept].count(text) == 1
    assert kept[0]["text"] == text
    await visit.page.get_by_role("button", name="Delete comment").click()
    await visit.page.wait_for_selector(f".remark:has-text('{text}')", state="detached")
    left = other.call("GET", f"/v1/videos/{video_id}/comments")["items"]
    assert [one["id"] for one in left] == [one["id"] for one in kept[1:]]


async def test_whom_one_follows_comes_to_the_following_feed(visit: Visit) -> None:
    await visit.open("/following")
    await visit.page.wait_for_selector("text=Nobody here yet")
    await visit.page.get_by_role("link", name="Find people in For You").click()
    await visit.playing()
    handle = await visit.page.locator(f"{CURRENT} .handle").inner_text()
    await visit.page.locator(f"{CURRENT} .follow").click()
    await visit.page.wait_for_selector(f"{CURRENT} .follow[aria-pressed=true]")
    await visit.page.wait_for_timeout(500)
    await visit.open("/following")
    await visit.playing()
    assert await visit.page.locator(f"{CURRENT} .handle").inner_text() == handle


async def test_a_profile_shows_its_videos_and_opens_them(visit: Visit) -> None:
    await visit.open()
    await visit.playing()
    await visit.page.locator(f"{CURRENT} .act.profile").click()
    await visit.page.wait_for_selector(".grid .tile img")
    tile = visit.page.locator(".grid .tile").first
    address = await tile.get_attribute("href")
    await tile.click()
    await visit.playing()
    assert visit.page.url.endswith(str(address))
    await visit.page.go_back()
    await visit.page.wait_for_selector(".grid .tile")
