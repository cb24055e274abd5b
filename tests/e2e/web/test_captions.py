"""Captions that a creator gives are shown to those who ask for them, by the app's own player."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.clips import moving
from tests.e2e.conftest import SignIn
from tests.e2e.system import RunningSystem
from tests.e2e.web.conftest import Visit

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

TRACK = b"WEBVTT\n\n00:00.000 --> 00:02.000\nFirst words\n\n00:02.000 --> 00:04.000\nLast words\n"
CURRENT = ".slide:not([inert])"
SHOWN = f"""() => [...document.querySelector('{CURRENT} video').textTracks].filter((track) => track.mode === 'showing')
  .flatMap((track) => [...track.activeCues ?? []]).map((cue) => cue.text)"""
AT = f"""seconds => {{ const video = document.querySelector('{CURRENT} video');
  video.pause(); video.currentTime = seconds; }}"""


async def test_captions_come_when_they_are_asked_for_at_their_time_and_stay_chosen(
    visit: Visit, system: RunningSystem, sign_in: SignIn, tmp_path: Path
) -> None:
    creator = sign_in(system)
    clip = moving(tmp_path / "spoken.mp4")
    made = creator.create_upload(clip, "with words")
    creator.send_file(made.location, clip, lambda _: None)
    assert [document["status"] for document in creator.video_events(made.video_id)][-1] == "ready"
    for language, track in (("de", TRACK.replace(b"words", b"Worte")), ("en", TRACK)):
        creator.request(
            "PUT",
            f"/v1/videos/{made.video_id}/captions/{language}",
            headers={"Content-Type": "text/vtt"},
            content=track,
        )
    await visit.open(f"/watch/{made.video_id}")
    await visit.playing()
    assert await visit.page.evaluate(SHOWN) == []
    await visit.page.keyboard.press("t")
    await visit.page.wait_for_selector(f"{CURRENT} .act.captions[aria-pressed=true]")
    for seconds, words in ((0.5, "First words"), (3.0, "Last words")):
        await visit.page.evaluate(AT, seconds)
        await visit.until(f"words => ({SHOWN})().join() === words", arg=words)
    await visit.page.reload()
    await visit.playing()
    await visit.page.evaluate(AT, 0.5)
    await visit.until(f"words => ({SHOWN})().join() === words", arg="First words")
