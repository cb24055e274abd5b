"""`reelway review`: what waits for a person is listed, looked at, and decided."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from deploy.settings import Settings, load
from origin.eventlog import open_eventlog
from origin.events import Topic, UploadEvent, decode
from origin.metadata import open_metadata
from origin.model import Video, VideoStatus, Visibility
from origin.objects import open_objects
from origin.reviews import hold

NOW_MS = 1_800_000_000_000
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(reelway: Run) -> Run:
    return partial(reelway, "review")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "var").mkdir()
    settings = load(tmp_path)
    asyncio.run(fill(settings))
    return settings


async def fill(settings: Settings) -> None:
    log = open_eventlog(settings.events_url, lambda: NOW_MS)
    metadata = open_metadata(settings.metadata_url)
    objects = open_objects(settings.objects_url)
    for video_id in (5, 6):
        video = Video(video_id, 7, f"clip {video_id}", VideoStatus.PROCESSING, Visibility.PUBLIC, NOW_MS)
        await metadata.create_video(video)
        await objects.put(f"raw/{video_id}", b"the clip")
        event = UploadEvent(video_id, 7, f"raw/{video_id}", NOW_MS)
        await log.append(Topic.UPLOADS_REVIEW, str(video_id), hold(event, "one frame scores 0.61"))
    for store in (log, metadata, objects):
        await store.close()


async def status(settings: Settings, video_id: int) -> tuple[VideoStatus, str]:
    metadata = open_metadata(settings.metadata_url)
    video = await metadata.video(video_id)
    await metadata.close()
    return video.status, video.failure.detail if video.failure else ""


async def cleared(settings: Settings) -> list[int]:
    log = open_eventlog(settings.events_url, lambda: NOW_MS)
    events = [decode(UploadEvent, record.value) for record in await log.read(Topic.UPLOADS, {}, 10)]
    await log.close()
    return [event.video_id for event in events if event.cleared]


@pytest.mark.usefixtures("settings")
def test_what_waits_is_listed_with_its_reason(run: Run) -> None:
    code, out = run("list", "--json")
    first, _ = (json.loads(line) for line in out.splitlines())
    assert code == 0
    assert first == {
        "video_id": "5",
        "creator_id": "7",
        "since": "2027-01-15T08:00:00Z",
        "reason": "one frame scores 0.61",
        "reupload_of": "",
        "description": "clip 5",
    }
    assert "VIDEO ID" in run("list")[1]


@pytest.mark.usefixtures("settings")
def test_a_clip_is_saved_to_be_looked_at(run: Run, tmp_path: Path) -> None:
    assert run("fetch", "5", "clip.mp4") == (0, "clip.mp4: 8 bytes\n")
    assert (tmp_path / "clip.mp4").read_bytes() == b"the clip"
    code, out = run("fetch", "5", "no/such/folder")
    assert (code, "cannot be written" in out) == (1, True)
    code, out = run("fetch", "99", "clip.mp4")
    assert (code, "does not wait" in out, "review list" in out) == (1, True, True)


def test_clips_are_allowed_and_rejected_each_by_itself(run: Run, settings: Settings) -> None:
    code, out = run("allow", "99", "5")
    assert (code, "5 is allowed" in out, "1 of 2 do not wait" in out) == (1, True, True)
    assert asyncio.run(cleared(settings)) == [5]
    assert run("reject", "6", "--detail", "Not here.") == (0, "6 is rejected\n")
    assert asyncio.run(status(settings, 6)) == (VideoStatus.REJECTED, "Not here.")
    assert run("list") == (0, "nothing waits for review\n")
    assert run("allow", "5")[0] == 1


def test_videos_are_taken_down_and_restored(run: Run, settings: Settings) -> None:
    code, out = run("takedown", "99", "5", "--reason", "Stolen.")
    assert (code, "no video 99" in out, "5 is taken down" in out, "1 of 2 are as they were" in out) == (1, *[True] * 3)
    assert asyncio.run(status(settings, 5)) == (VideoStatus.REJECTED, "Stolen.")
    assert run("takedown", "5", "--json")[0] == 0
    assert run("takedown", "5", "--undo") == (0, "5 is restored\n")
    assert asyncio.run(status(settings, 5)) == (VideoStatus.PROCESSING, "")
    assert json.loads(run("list", "--json")[1].splitlines()[0])["video_id"] == "5"
    code, out = run("takedown", "6", "--undo")
    assert (code, "6 was never taken down" in out, "1 of 1 are as they were" in out) == (1, True, True)


def test_where_no_system_has_run_it_is_said(run: Run) -> None:
    code, out = run("list")
    assert code == 1
    assert "reelway up" in out
