"""Every screen by outside judges: axe-core, the keyboard, the security policy, layout shift, deep links, bad days."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.web.conftest import PHONE, WIDE, Opener, Visit

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

AXE = Path(__file__).resolve().parents[3] / "edge/web/node_modules/axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
CURRENT = ".slide:not([inert])"


async def found_by_axe(visit: Visit) -> list[str]:
    await visit.page.evaluate(AXE.read_text())
    result: dict[str, Any] = await visit.page.evaluate("rules => axe.run(document, { runOnly: rules })", RULES)
    return [
        f"{violation['id']}: {node['html'][:160]} {node.get('failureSummary', '')}"
        for violation in result["violations"]
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("viewport", [PHONE, WIDE], ids=["phone", "wide"])
async def test_axe_finds_nothing_on_any_screen(open_visit: Opener, viewport: dict[str, int], scheme: str) -> None:
    visit = await open_visit(viewport, color_scheme=scheme)
    found: dict[str, list[str]] = {}
    await visit.open()
    await visit.playing()
    found["reel"] = await found_by_axe(visit)
    await visit.page.keyboard.press("d")
    await visit.page.wait_for_selector("#panel dd")
    found["panel"] = await found_by_axe(visit)
    await visit.page.keyboard.press("d")
    for name, key in (("comments", "c"), ("keys", "?"), ("handle", "l")):
        await visit.page.keyboard.press(key)
        await visit.page.wait_for_timeout(700)
        found[name] = await found_by_axe(visit)
        await visit.page.keyboard.press("Escape")
        await visit.page.wait_for_timeout(400)
    profile = await visit.page.locator(f"{CURRENT} .act.profile").get_attribute("href")
    for path in ("/following", str(profile), "/upload", "/u/nobody"):
        await visit.open(path)
        await visit.page.wait_for_selector(".tile, .blank, .drop")
        await visit.page.wait_for_timeout(500)
        found[path] = await found_by_axe(visit)
    assert {name: violations for name, violations in found.items() if violations} == {}


async def test_no_screen_breaks_the_security_policy_or_shifts_its_layout(open_visit: Opener) -> None:
    for viewport in (PHONE, WIDE):
        visit = await open_visit(viewport)
        await visit.open()
        await visit.playing()
        await visit.swipe()
        await visit.swipe()
        await visit.page.locator(f"{CURRENT} .act.more").click()
        await visit.page.wait_for_selector("dialog[open]")
        await visit.page.keyboard.press("Escape")
        await visit.page.locator(f"{CURRENT} .act.profile").click()
        await visit.page.wait_for_selector(".tile img")
        await visit.page.locator("#uploads").click()
        await visit.page.wait_for_selector(".drop")
        await visit.page.wait_for_timeout(500)
        seen = await visit.witnessed()
        assert seen["violations"] == []
        assert seen["shift"] == 0, seen["shifts"]


async def test_the_page_is_served_with_a_strict_policy(visit: Visit) -> None:
    answer = await visit.page.goto(visit.url)
    assert answer is not None
    policy = (await answer.all_headers())["content-security-policy"]
    assert "unsafe-inline" not in policy
    assert "unsafe-eval" not in policy
    assert "default-src 'self'" in policy


async def test_everything_can_be_done_with_the_keyboard(visit: Visit) -> None:
    await visit.open()
    await visit.playing()
    first = await visit.shown()
    second = await visit.swipe("ArrowDown")
    assert second != first
    assert await visit.swipe("ArrowUp") == first
    await visit.page.keyboard.press("Space")
    await visit.page.wait_for_selector(f"{CURRENT}.paused")
    await visit.page.keyboard.press("Space")
    await visit.page.wait_for_selector(f"{CURRENT}:not(.paused)")
    await visit.page.keyboard.press("m")
    await visit.page.wait_for_selector(f"{CURRENT} .act.sound[aria-label='Sound on']")
    await visit.page.keyboard.press("c")
    await visit.page.wait_for_selector("dialog[open] textarea")
    for _ in range(12):
        await visit.page.keyboard.press("Tab")
        assert await visit.page.evaluate(
            "document.activeElement === document.body || !!document.activeElement?.closest('dialog')"
        ), "focus left the open sheet"
    await visit.page.keyboard.press("Escape")
    await visit.page.wait_for_selector("dialog", state="detached")
    await visit.page.keyboard.press("?")
    await visit.page.wait_for_selector("dialog[open] kbd")


async def test_back_leaves_a_sheet_and_not_the_app(visit: Visit) -> None:
    await visit.open()
    await visit.playing()
    shown = await visit.shown()
    await visit.page.locator(f"{CURRENT} .act.comment").click()
    await visit.page.wait_for_selector("dialog[open]")
    await visit.page.go_back()
    await visit.page.wait_for_selector("dialog", state="detached")
    assert await visit.shown() == shown
    assert visit.page.url.rstrip("/") == visit.url


async def test_a_shared_link_opens_its_video_and_the_feed_goes_on_below(
    visit: Visit, library: list[dict[str, Any]]
) -> None:
    video_id = library[2]["id"]
    await visit.open(f"/watch/{video_id}")
    await visit.playing()
    assert await visit.shown() == video_id
    assert await visit.swipe() != video_id


async def test_a_link_to_nothing_says_so_and_leads_on(visit: Visit) -> None:
    visit.expected = ["status of 404"]
    await visit.open("/watch/123")
    await visit.page.wait_for_selector("text=Not here any more")
    await visit.page.get_by_role("link", name="Go to For You").click()
    await visit.playing()


async def test_a_feed_that_fails_is_explained_and_tried_again(visit: Visit) -> None:
    visit.expected = ["status of 503"]
    problem = '{"code": "overloaded", "detail": "The feed rests for a moment."}'
    await visit.page.route("**/v1/feed?*", lambda route: route.fulfill(status=503, body=problem))
    await visit.open()
    await visit.page.wait_for_selector("text=The feed rests for a moment.")
    await visit.page.unroute("**/v1/feed?*")
    await visit.page.get_by_role("button", name="Try again").click()
    await visit.playing()


async def test_the_feed_ends_in_words_and_begins_again(visit: Visit) -> None:
    await visit.context.add_init_script(
        """const real = fetch; window.fetch = async (...request) => { const answer = await real(...request);
        return String(request[0]).startsWith('/v1/feed')
          ? Response.json({ ...await answer.json(), next_cursor: null }) : answer; };"""
    )
    await visit.open()
    await visit.playing()
    for _ in range(3):
        await visit.swipe()
    await visit.page.keyboard.press("j")
    await visit.page.get_by_role("button", name="Start again").click()
    await visit.playing()
    assert await visit.page.locator("video").count() <= 3


async def test_an_expired_token_is_renewed_once_without_a_word(visit: Visit) -> None:
    visit.expected = ["status of 401"]
    await visit.open()
    await visit.playing()
    await visit.page.evaluate(
        """() => { const kept = JSON.parse(localStorage['reelway.session']);
        kept.token = `${kept.token.slice(0, -6)}AAAAAA`; localStorage['reelway.session'] = JSON.stringify(kept); }"""
    )
    await visit.page.reload()
    await visit.playing()
    assert await visit.page.locator(".toast").count() == 0


async def test_wide_screens_have_comments_beside_a_stage_of_nine_to_sixteen(open_visit: Opener) -> None:
    visit = await open_visit(WIDE)
    await visit.open()
    await visit.playing()
    await visit.page.wait_for_selector("#side .comments")
    box = await visit.page.locator(f"{CURRENT} .stage").bounding_box()
    assert box is not None
    assert abs(box["width"] / box["height"] - 9 / 16) < 0.01
    before = await visit.shown()
    await visit.page.get_by_role("button", name="Next video").click()
    await visit.until("before => document.querySelector('.slide:not([inert])')?.dataset.video !== before", arg=before)
