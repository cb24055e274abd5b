"""The whole loop over real sockets: upload, package, sign, fetch over HTTP/3, interact, another feed."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from curl_cffi import CurlHttpVersion, requests
from tusclient.client import TusClient

from deploy.client import Client
from tests.e2e.clips import moving, phone_recording
from tests.e2e.conftest import SignIn
from tests.e2e.system import RunningSystem

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def published(system: RunningSystem, client: Client, clip: Path, description: str = "") -> dict[str, Any]:
    created = client.create_upload(clip, description)
    client.send_file(created.location, clip, lambda _: None)
    last = {}
    for document in client.video_events(created.video_id):
        last = dict(document)
    assert last["status"] == "ready", last
    return client.call("GET", f"/v1/videos/{created.video_id}")  # type: ignore[no-any-return]


def act(kind: str, video_id: str, watch_ms: int = 0) -> dict[str, Any]:
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"event_id": uuid.uuid4().hex, "type": kind, "video_id": video_id, "watch_ms": watch_ms, "at": at}


def over_http3(system: RunningSystem, url: str, **options: Any) -> requests.Response:
    """GET with libcurl's HTTP/3, which nobody here wrote."""
    return requests.get(url, http_version=CurlHttpVersion.V3ONLY, verify=str(system.certificate), **options)


def uris(playlist: str) -> list[str]:
    return [line for line in playlist.splitlines() if line and not line.startswith("#")]


def test_its_creator_sees_each_rung_grow_until_the_video_is_ready(
    system: RunningSystem, sign_in: SignIn, tmp_path: Path
) -> None:
    client = sign_in(system)
    created = client.create_upload(clip := phone_recording(tmp_path / "clip.mp4", seconds=8), "rungs")
    client.send_file(created.location, clip, lambda _: None)
    documents = list(client.video_events(created.video_id))
    assert documents[-1]["status"] == "ready"
    assert "rungs" not in documents[-1]
    told = [document for document in documents if document.get("rungs")]
    assert {tuple(rung["height"] for rung in document["rungs"]) for document in told} == {(1920, 1280, 960, 640)}
    for before, after in pairwise(told):
        for old, new in zip(before["rungs"], after["rungs"], strict=True):
            assert new["progress"] >= old["progress"]
            assert new["published"] >= old["published"]
    rest = next(document["rungs"] for document in reversed(told) if document["stage"] == "encoding_rest")
    assert sum(rung["published"] for rung in rest) == 1
    assert any(0 < rung["progress"] < 1 for rung in rest)


def test_a_clip_goes_up_and_every_segment_comes_down_over_http3(
    system: RunningSystem, sign_in: SignIn, tmp_path: Path
) -> None:
    client = sign_in(system)
    video = published(system, client, moving(tmp_path / "clip.mp4"), "loop #test")
    assert (video["width"], video["height"]) == (360, 640)
    assert 3900 <= video["duration_ms"] <= 4100
    master_url = video["playback"]["hls"]
    assert "/p/" in master_url
    master = over_http3(system, master_url)
    assert master.status_code == 200
    assert master.http_version == 30
    variant_url = urljoin(master_url, uris(master.text)[0])
    variant = over_http3(system, variant_url)
    segments = [urljoin(variant_url, name) for name in uris(variant.text)]
    assert segments
    for url in segments:
        first, second = over_http3(system, url), over_http3(system, url)
        assert (first.status_code, second.status_code) == (200, 200)
        assert first.content == second.content
        assert "hit" in second.headers["cache-status"]
    mpd = over_http3(system, video["playback"]["dash"])
    assert mpd.status_code == 200
    assert b"<MPD" in mpd.content
    poster = over_http3(system, video["playback"]["poster"])
    assert poster.content[:3] == b"\xff\xd8\xff"


def test_the_same_media_over_http1_and_http2_and_the_way_to_http3_is_told(
    system: RunningSystem, sign_in: SignIn, video: dict[str, Any]
) -> None:
    for version, number in ((CurlHttpVersion.V1_1, 2), (CurlHttpVersion.V2_0, 3)):
        answer = requests.get(video["playback"]["hls"], http_version=version, verify=str(system.certificate))
        assert (answer.status_code, answer.http_version) == (200, number)
        assert "h3=" in answer.headers["alt-svc"]


def test_media_without_a_good_token_is_refused_and_nothing_leaks(
    system: RunningSystem, sign_in: SignIn, video: dict[str, Any]
) -> None:
    url = video["playback"]["hls"]
    head, _, rest = url.partition("/p/")
    token, _, path = rest.partition("/")
    changed = token[:-2] + ("AA" if token[-2:] != "AA" else "BB")
    cases = {
        f"{head}/{path}": (401, "no_token"),
        f"{head}/p/{changed}/{path}": (403, "bad_signature"),
        f"{head}/p/{token}/v/1/hls.m3u8": (403, "wrong_path"),
        f"{head}/p/nonsense/{path}": (403, "bad_signature"),
    }
    for refused, (status, code) in cases.items():
        answer = requests.get(refused, verify=str(system.certificate))
        assert (answer.status_code, answer.json()["code"]) == (status, code), refused
        assert answer.headers["content-type"].startswith("application/problem+json")


def test_an_upload_by_tuspy_becomes_a_video(
    system: RunningSystem, sign_in: SignIn, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(system.certificate))
    client = sign_in(system)
    tus = TusClient(f"{system.public_url}/v1/uploads", headers={"Authorization": f"Bearer {client.token}"})
    clip = moving(tmp_path / "tuspy.mp4", seconds=2)
    with clip.open("rb") as stream:
        uploader = tus.uploader(
            file_stream=stream, chunk_size=64 * 1024, metadata={"description": "by tuspy", "filename": "t.mp4"}
        )
        uploader.verify_tls_cert = str(system.certificate)
        uploader.upload()
    assert uploader.offset == clip.stat().st_size
    mine = client.call("GET", f"/v1/users/{_own_id(client)}/videos")["items"]
    assert [video["description"] for video in mine] == ["by tuspy"]


def _own_id(client: Client) -> str:
    import jwt

    return str(jwt.decode(client.token, options={"verify_signature": False})["sub"])


def test_a_like_changes_the_feed_that_follows(
    system: RunningSystem, sign_in: SignIn, library: list[dict[str, Any]]
) -> None:
    viewer = sign_in(system)
    before = viewer.call("GET", "/v1/feed?limit=3")
    assert before["mode"] == "cold_start"
    assert before["items"]
    assert before["prefetch"]
    liked = before["items"][0]["video"]["id"]
    viewer.call("POST", "/v1/interactions", {"events": [act("view", liked, 3900), act("like", liked)]})
    deadline = time.monotonic() + 30
    while (after := viewer.call("GET", "/v1/feed?limit=3"))["mode"] != "personal":
        assert time.monotonic() < deadline, "the feed did not follow"
        time.sleep(0.02)
    assert [item["video"]["id"] for item in after["items"]] != [item["video"]["id"] for item in before["items"]]


def test_counts_follow_and_a_batch_sent_twice_counts_once(
    system: RunningSystem, sign_in: SignIn, video: dict[str, Any]
) -> None:
    viewer = sign_in(system)
    before = viewer.call("GET", f"/v1/videos/{video['id']}")["counts"]
    events = [act("view", video["id"], 2000), act("share", video["id"])]
    for _ in range(2):
        assert viewer.call("POST", "/v1/interactions", {"events": events}) == {"accepted": 2, "rejected": []}
    viewer.call("PUT", f"/v1/videos/{video['id']}/like")
    viewer.call("PUT", f"/v1/videos/{video['id']}/like")
    viewer.call("POST", f"/v1/videos/{video['id']}/comments", {"text": "seen"})
    expected = {name: before[name] + 1 for name in ("views", "likes", "comments", "shares")}
    deadline = time.monotonic() + 30
    while viewer.call("GET", f"/v1/videos/{video['id']}")["counts"] != expected and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1.5)
    assert viewer.call("GET", f"/v1/videos/{video['id']}")["counts"] == expected


def test_a_deleted_video_is_gone_from_the_api_the_feed_and_the_edge(
    system: RunningSystem, sign_in: SignIn, tmp_path: Path
) -> None:
    client = sign_in(system)
    doomed = published(system, client, moving(tmp_path / "doomed.mp4", seconds=2))
    assert over_http3(system, doomed["playback"]["hls"]).status_code == 200
    client.call("DELETE", f"/v1/videos/{doomed['id']}")
    answer = requests.get(f"{system.public_url}/v1/videos/{doomed['id']}", verify=str(system.certificate))
    assert answer.status_code == 404
    deadline = time.monotonic() + 30
    while over_http3(system, doomed["playback"]["hls"]).status_code != 404:
        assert time.monotonic() < deadline, "the edge still serves a deleted video"
        time.sleep(0.1)


def test_a_url_given_out_before_a_video_became_private_plays_no_more_but_for_its_creator(
    system: RunningSystem, sign_in: SignIn, tmp_path: Path
) -> None:
    client = sign_in(system)
    video = published(system, client, moving(tmp_path / "shy.mp4", seconds=2))
    given_out = video["playback"]["hls"]
    assert over_http3(system, given_out).status_code == 200
    edited = client.call("PATCH", f"/v1/videos/{video['id']}", {"visibility": "private"})
    deadline = time.monotonic() + 30
    while over_http3(system, given_out).status_code != 404:
        assert time.monotonic() < deadline, "the edge still serves a private video"
        time.sleep(0.1)
    assert over_http3(system, edited["playback"]["hls"]).status_code == 200
    assert over_http3(system, given_out).status_code == 404
