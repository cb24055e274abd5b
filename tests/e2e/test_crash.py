"""kill -9 at the worst moments: what was acknowledged is there afterwards, and every job ends once."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from deploy.client import Client
from tests.e2e.clips import moving
from tests.e2e.conftest import SignIn
from tests.e2e.system import RunningSystem

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def _until_ready(client: Client, video_id: str) -> dict[str, Any]:
    last: dict[str, Any] = {}
    for document in client.video_events(video_id):
        last = dict(document)
    return last


class Killed(Exception):
    pass


def test_an_upload_killed_in_the_middle_resumes_at_its_offset(
    mortal: RunningSystem, sign_in: SignIn, tmp_path: Path
) -> None:
    clip = moving(tmp_path / "clip.mp4", "720x1280", 6, "-b:v", "12M", "-x264-params", "nal-hrd=cbr:force-cfr=1")
    size = clip.stat().st_size
    assert size > 6 << 20, size
    client = sign_in(mortal)
    created = client.create_upload(clip, "killed while uploading")
    acknowledged = 0

    def kill_after_the_first_chunk(offset: int) -> None:
        nonlocal acknowledged
        acknowledged = offset
        if offset > 0:
            mortal.kill()
            raise Killed

    with pytest.raises(Killed):
        client.send_file(created.location, clip, kill_after_the_first_chunk)
    assert 0 < acknowledged < size
    mortal.start()
    again = sign_in(mortal, client.token)
    assert again.offset(created.location) >= acknowledged
    again.send_file(created.location, clip, lambda _: None)
    assert _until_ready(again, created.video_id)["status"] == "ready"


def test_packaging_killed_in_the_middle_completes_once_after_the_restart(
    mortal: RunningSystem, sign_in: SignIn, tmp_path: Path
) -> None:
    clip = moving(tmp_path / "clip.mp4", "720x1280", 6)
    client = sign_in(mortal)
    created = client.create_upload(clip, "killed while packaging")
    client.send_file(created.location, clip, lambda _: None)
    _wait_for(client, created.video_id, {"processing", "playable"})
    mortal.kill()
    mortal.start()
    again = sign_in(mortal, client.token)
    assert _until_ready(again, created.video_id)["status"] == "ready"
    mine = again.call("GET", f"/v1/users/{_creator(again, created.video_id)}/videos")["items"]
    assert [video["id"] for video in mine] == [created.video_id]
    assert mortal.command("dlq", "list", "--json").stdout == ""


def _creator(client: Client, video_id: str) -> str:
    return str(client.call("GET", f"/v1/videos/{video_id}")["creator"]["id"])


def _wait_for(client: Client, video_id: str, statuses: set[str]) -> None:
    deadline = time.monotonic() + 60
    while client.call("GET", f"/v1/videos/{video_id}")["status"] not in statuses:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_counts_are_right_after_kills_between_increments_and_flushes(
    mortal: RunningSystem, sign_in: SignIn, tmp_path: Path
) -> None:
    client = sign_in(mortal)
    created = client.create_upload(clip := moving(tmp_path / "clip.mp4", seconds=2), "counted")
    client.send_file(created.location, clip, lambda _: None)
    assert _until_ready(client, created.video_id)["status"] == "ready"
    acknowledged = 0
    for round_number in range(3):
        for _ in range(20):
            events = [_view(created.video_id) for _ in range(25)]
            acknowledged += client.call("POST", "/v1/interactions", {"events": events})["accepted"]
        time.sleep(0.05 + 0.45 * round_number)
        mortal.kill()
        mortal.start()
        client = sign_in(mortal, client.token)
    deadline = time.monotonic() + 20
    while (views := client.call("GET", f"/v1/videos/{created.video_id}")["counts"]["views"]) != acknowledged:
        assert time.monotonic() < deadline, (views, acknowledged)
        time.sleep(0.1)
    time.sleep(2.5)
    assert client.call("GET", f"/v1/videos/{created.video_id}")["counts"]["views"] == acknowledged


def _view(video_id: str) -> dict[str, Any]:
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"event_id": uuid.uuid4().hex, "type": "view", "video_id": video_id, "watch_ms": 1500, "at": at}


def test_a_killed_process_leaves_no_child_behind_that_stops_the_next_start(mortal: RunningSystem) -> None:
    for _ in range(2):
        mortal.kill()
        mortal.start()
    assert mortal.stop() == 0
