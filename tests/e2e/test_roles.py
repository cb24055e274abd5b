"""Every role as a process of its own, on real engines: a clip's way through them, and how they start, fail and end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.client import ApiProblem, Client, Unreachable
from deploy.services.node import Node
from tests.e2e.clips import phone_recording
from tests.e2e.roles import DATA, HOST, Roles, migrate, reelway
from tests.ports import free_port
from tests.waiting import until_blocking

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

EACH_ONCE = {role: role for role in ("origin", "scorer", "feed", "packager", "edge", "gateway")}


@pytest.fixture(scope="module")
def roles(engines: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Roles]:
    """Started before the engines are prepared, as a deployment that begins everything at once would."""
    folder = tmp_path_factory.mktemp("roles")
    running = Roles(folder, engines, EACH_ONCE)
    for node in running.processes.values():
        node.start()
    try:
        until_blocking(lambda: _waits_for(running, "origin", "REELWAY_METADATA_URL", "reelway migrate"))
        migrate(folder / "migrate", engines)
        running.wait_ready()
        yield running
    finally:
        codes = running.stop()
    assert codes == dict.fromkeys(codes, 0), "\n".join(node.log_end() for node in running.processes.values())


@pytest.fixture(scope="module")
def client(roles: Roles) -> Iterator[Client]:
    opened = Client(roles.public_url, certificate=roles.certificate)
    opened.open_session(None)
    yield opened
    opened.close()


def _waits_for(roles: Roles, name: str, setting: str, remedy: str) -> bool:
    answer = roles.readiness(name)
    return answer is not None and not answer["ready"] and remedy in answer["waiting_for"].get(setting, "")


def test_a_clip_goes_from_its_upload_through_packaging_to_the_feed_and_its_like_is_counted(
    roles: Roles, client: Client, tmp_path: Path
) -> None:
    clip = phone_recording(tmp_path / "clip.mp4", seconds=6)
    created = client.create_upload(clip, "through all roles")
    client.send_file(created.location, clip, lambda _: None)
    documents = list(client.video_events(created.video_id))
    assert documents[-1]["status"] == "ready"
    # The packager's notes, through the speed layer, the origin and the gateway.
    assert any(0 < rung["progress"] < 1 for document in documents for rung in document.get("rungs", ()))
    until_blocking(
        lambda: created.video_id in [item["video"]["id"] for item in client.call("GET", "/v1/feed")["items"]]
    )
    client.call("PUT", f"/v1/videos/{created.video_id}/like")
    until_blocking(lambda: client.call("GET", f"/v1/videos/{created.video_id}")["counts"]["likes"] == 1)
    media = Client("https://localhost", certificate=roles.certificate)
    playback = client.call("GET", f"/v1/videos/{created.video_id}")["playback"]
    assert b"#EXTM3U" in media._http.get(playback["hls"]).content
    media.close()


def test_feed_reads_are_answered_while_the_origin_is_killed_and_comes_back(roles: Roles, client: Client) -> None:
    modes: list[str] = []
    failures: list[Exception] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            try:
                modes.append(client.call("GET", "/v1/feed")["mode"])
            except (ApiProblem, Unreachable) as error:
                failures.append(error)
            stop.wait(0.05)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        until_blocking(lambda: len(modes) > 5)
        roles.processes["origin"].kill()
        seen = len(modes)
        until_blocking(lambda: len(modes) > seen + 20)
        roles.start("origin")
        seen = len(modes)
        until_blocking(lambda: len(modes) > seen + 20)
    finally:
        stop.set()
        reader.join()
    assert not failures


def _ended(node: Node) -> str:
    node.start()
    try:
        until_blocking(lambda: node.ended_with is not None)
    finally:
        node.kill()
    assert node.ended_with == 1
    return node.log_end()


def test_refused_credentials_end_the_start_and_name_the_engine(engines: dict[str, str], tmp_path: Path) -> None:
    wrong = {**engines, "REELWAY_OBJECTS_URL": engines["REELWAY_OBJECTS_URL"].replace("reelwaysecret", "wrong")}
    settings = {**wrong, DATA: str(tmp_path / "data"), "REELWAY_ADMIN_BIND": f"{HOST}:{free_port()}"}
    said = _ended(reelway("origin", tmp_path / "origin", settings, "serve", "origin"))
    assert "s3://" in said.splitlines()[-1]
    assert "Traceback" not in said
    assert "wrong@" not in said


def test_a_feed_that_is_told_to_stop_ends_with_0_and_the_gateway_shows_what_is_hot(
    roles: Roles, client: Client
) -> None:
    feed = roles.processes["feed"]
    feed.stop()
    assert feed.ended_with == 0, feed.log_end()
    assert client.call("GET", "/v1/feed")["mode"] == "global_hot"
