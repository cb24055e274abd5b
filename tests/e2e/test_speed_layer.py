"""The speed layer is gone: the feed goes on from memory, and personal pages come back with it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.client import Client
from deploy.services.addresses import Redis
from deploy.services.service import Service
from deploy.services.valkey import ask, empty, start_redis
from tests.e2e.clips import moving
from tests.e2e.conftest import SignIn
from tests.e2e.system import RunningSystem
from tests.waiting import until_blocking

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def valkey_of(system: RunningSystem) -> int:
    """The process id of the system's embedded Valkey."""
    assert system.process is not None
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            name = (folder / "comm").read_text().strip()
        except OSError:
            continue
        if parent == system.process.pid and name.startswith("valkey"):
            return int(folder.name)
    raise AssertionError("no Valkey child")


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _feed(viewer: Client) -> dict[str, Any]:
    page: dict[str, Any] = viewer.call("GET", "/v1/feed?limit=5")
    return page


def test_without_the_speed_layer_the_feed_is_the_global_list_and_personal_again_with_it(
    mortal: RunningSystem, sign_in: SignIn, tmp_path: Path
) -> None:
    viewer = sign_in(mortal)
    created = viewer.create_upload(clip := moving(tmp_path / "clip.mp4", seconds=2), "one")
    viewer.send_file(created.location, clip, lambda _: None)
    assert [each["status"] for each in viewer.video_events(created.video_id)][-1] == "ready"
    other = sign_in(mortal)
    assert _feed(other)["mode"] == "cold_start"
    with stopped(valkey_of(mortal)):
        for _ in range(10):
            began = time.monotonic()
            page = _feed(other)
            assert time.monotonic() - began < 10
            assert page["mode"] == "global_hot"
            assert [item["video"]["id"] for item in page["items"]] == [created.video_id]
        other.call("PUT", f"/v1/videos/{created.video_id}/like")
    deadline = time.monotonic() + 20
    while _feed(other)["mode"] != "personal":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    while other.call("GET", f"/v1/videos/{created.video_id}")["counts"]["likes"] != 1:
        assert time.monotonic() < deadline, "the like that was taken meanwhile is not counted"
        time.sleep(0.1)


def metric(system: RunningSystem, line: str) -> float:
    """The value on the line that begins so."""
    text = httpx.get(f"{system.admin_url}/metrics").text
    return float(next(each.removeprefix(line) for each in text.splitlines() if each.startswith(f"{line} ")))


def degraded(system: RunningSystem) -> dict[str, str]:
    answer = httpx.get(f"{system.admin_url}/readyz")
    assert answer.status_code == 200
    found: dict[str, str] = answer.json()["degraded"]
    return found


def test_without_its_replica_counts_are_shown_and_not_flushed_and_the_process_says_so(
    redis_single: Service[Redis], sign_in: SignIn, tmp_path: Path
) -> None:
    # Marks of another log's offsets would have this one's first records taken for read.
    empty(redis_single)
    [primary] = redis_single.nodes
    url = f"{redis_single.address.url}?wait_replicas=1"
    system = RunningSystem(tmp_path / "var", {"REELWAY_REDIS_URL": url})
    system.start()
    try:
        assert "0 of 1 replicas" in degraded(system)["REELWAY_REDIS_URL"]
        assert metric(system, 'reelway_engines_degraded{kind="REELWAY_REDIS_URL"}') == 1
        viewer = sign_in(system)
        created = viewer.create_upload(clip := moving(tmp_path / "clip.mp4", seconds=2), "one")
        viewer.send_file(created.location, clip, lambda _: None)
        assert [each["status"] for each in viewer.video_events(created.video_id)][-1] == "ready"
        viewer.call("PUT", f"/v1/videos/{created.video_id}/like")

        def likes() -> int:
            return int(viewer.call("GET", f"/v1/videos/{created.video_id}")["counts"]["likes"])

        until_blocking(lambda: likes() == 1)
        assert metric(system, "reelway_counting_flushes_total") == 0
        with start_redis(tmp_path / "replica") as replica:
            ask(replica.nodes[0], "REPLICAOF", primary.host, primary.port)
            until_blocking(lambda: degraded(system) == {})
            until_blocking(lambda: metric(system, "reelway_counting_flushes_total") > 0)
            assert metric(system, 'reelway_engines_degraded{kind="REELWAY_REDIS_URL"}') == 0
            assert likes() == 1
    finally:
        assert system.stop() == 0


def test_a_killed_speed_layer_is_started_again(mortal: RunningSystem, sign_in: SignIn) -> None:
    viewer = sign_in(mortal)
    first = valkey_of(mortal)
    os.kill(first, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while _feed(viewer)["mode"] == "global_hot":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert valkey_of(mortal) != first
