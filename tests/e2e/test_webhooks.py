"""A creator's own system is told of a clip's way, over real sockets, and of nothing twice under two ids."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from deploy.client import Client
from tests.deploy.test_webhooks import receiver
from tests.e2e.clips import moving
from tests.e2e.conftest import SignIn
from tests.e2e.system import RunningSystem
from tests.ports import free_port
from tests.waiting import until_blocking

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def told(tmp_path: Path) -> Iterator[RunningSystem]:
    """A system that may reach this machine."""
    system = RunningSystem(tmp_path / "var", {"REELWAY_WEBHOOK_REACH": "loopback"})
    system.start()
    yield system
    system.stop()


def outcomes(client: Client, webhook_id: str) -> list[str]:
    return [each["outcome"] for each in client.call("GET", f"/v1/webhooks/{webhook_id}/deliveries")["items"]]


def test_a_creator_is_told_when_a_clip_is_ready_and_when_it_is_deleted(
    told: RunningSystem, sign_in: SignIn, tmp_path: Path
) -> None:
    client, clip = sign_in(told), moving(tmp_path / "clip.mp4", seconds=2)
    with receiver(204) as (url, got):
        made = client.call("POST", "/v1/webhooks", {"url": url, "types": []})
        created = client.create_upload(clip, "a clip")
        client.send_file(created.location, clip, lambda _: None)
        assert [each["status"] for each in client.video_events(created.video_id)][-1] == "ready"
        client.call("DELETE", f"/v1/videos/{created.video_id}")
        until_blocking(lambda: any(json.loads(body)["type"] == "video.deleted" for _, body in got))
        until_blocking(lambda: len(outcomes(client, made["id"])) == len(got))
        bodies = [Webhook(made["secret"]).verify(body, fields) for fields, body in got]
        # A clip of one rung is ready with its first publication.
        assert {each["type"] for each in bodies} - {"video.playable"} == {"video.ready", "video.deleted"}
        assert {each["data"]["id"] for each in bodies} == {created.video_id}
        assert len({fields["webhook-id"] for fields, _ in got}) == len({body for _, body in got})
        message_id = got[0][0]["webhook-id"]
        replayed = told.command("webhooks", "replay", made["id"], message_id)
        assert replayed.returncode == 0, replayed.stderr
        until_blocking(lambda: [fields["webhook-id"] for fields, _ in got].count(message_id) == 2)


def test_a_message_outlives_a_crash(told: RunningSystem, sign_in: SignIn, tmp_path: Path) -> None:
    client, clip, port = sign_in(told), moving(tmp_path / "clip.mp4", seconds=2), free_port()
    made = client.call("POST", "/v1/webhooks", {"url": f"http://127.0.0.1:{port}/hook"})
    created = client.create_upload(clip, "a clip")
    client.call("DELETE", f"/v1/videos/{created.video_id}")
    until_blocking(lambda: outcomes(client, made["id"]) == ["retrying"])
    told.kill()
    with receiver(204, port) as (_, got):
        told.start()
        until_blocking(lambda: len(got) == 1)
        again = sign_in(told, token=client.token)
        until_blocking(lambda: outcomes(again, made["id"]) == ["delivered", "retrying"])
    [(fields, body)] = got
    assert "reelway_webhooks_delivered_total 1.0" in httpx.get(f"{told.admin_url}/metrics").text
    assert Webhook(made["secret"]).verify(body, fields)["type"] == "video.deleted"
    listed = told.command("webhooks", "deliveries", made["id"], "--json")
    assert {json.loads(line)["message_id"] for line in listed.stdout.splitlines()} == {fields["webhook-id"]}
