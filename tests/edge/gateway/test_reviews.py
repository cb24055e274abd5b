"""Reviews through the API: only for those whose token allows it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from edge.gateway.context import MODERATE
from origin.model import VideoStatus
from origin.views import ReviewView
from tests.edge.gateway.conftest import NOW_MS, a_video

if TYPE_CHECKING:
    from tests.edge.gateway.conftest import Client


@pytest.fixture
def moderator(client: Client) -> dict[str, str]:
    """The field of a token that allows to decide."""
    for video_id in (21, 22):
        video = a_video(video_id, status=VideoStatus.PROCESSING)
        client.house.held[video_id] = ReviewView(video, "one frame scores 0.61", NOW_MS, f"raw/{video_id}")
    return {"authorization": f"Bearer {client.issuer.mint(9, NOW_MS, f'other {MODERATE}')[0]}"}


async def test_what_waits_is_listed(client: Client, moderator: dict[str, str]) -> None:
    answer = await client.ask("GET", "/v1/reviews?limit=1", user_id=None, headers=moderator)
    assert answer.json == {
        "items": [
            {
                "video_id": "21",
                "creator_id": "1",
                "description": "a clip",
                "reason": "one frame scores 0.61",
                "since": "2026-01-01T00:00:00.123Z",
                "clip_key": "raw/21",
            }
        ]
    }


async def test_clips_are_allowed_and_rejected(client: Client, moderator: dict[str, str]) -> None:
    decisions = ((21, {"verdict": "allow"}), (22, {"verdict": "reject", "detail": "No weapons."}))
    for video_id, decision in decisions:
        answer = await client.ask("POST", f"/v1/reviews/{video_id}", decision, user_id=None, headers=moderator)
        assert (answer.status, answer.body) == (204, b"")
    assert client.house.decided == [(21, ""), (22, "No weapons.")]
    again = await client.ask("POST", "/v1/reviews/21", {"verdict": "allow"}, user_id=None, headers=moderator)
    assert (again.status, again.code) == (409, "not_held")


async def test_a_rejection_without_words_has_ours(client: Client, moderator: dict[str, str]) -> None:
    await client.ask("POST", "/v1/reviews/21", {"verdict": "reject"}, user_id=None, headers=moderator)
    assert client.house.decided == [(21, "This clip is not allowed here.")]


@pytest.mark.usefixtures("moderator")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/reviews"),
        ("POST", "/v1/reviews/21"),
        ("POST", "/v1/videos/21/takedown"),
        ("DELETE", "/v1/videos/21/takedown"),
    ],
)
async def test_others_are_refused(client: Client, method: str, path: str) -> None:
    body = {"verdict": "allow"} if method == "POST" else None
    nobody = await client.ask(method, path, body, user_id=None)
    assert (nobody.status, nobody.code) == (401, "unauthenticated")
    viewer = await client.ask(method, path, body)
    assert (viewer.status, viewer.code) == (403, "insufficient_scope")
    assert f'scope="{MODERATE}"' in viewer.headers["www-authenticate"]
    assert client.house.decided == []


@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "verdict"), ({"verdict": "review"}, "verdict"), ({"verdict": "reject", "detail": "x" * 501}, "detail")],
)
async def test_a_decision_that_is_none_is_refused(
    client: Client, moderator: dict[str, str], body: dict[str, str], field: str
) -> None:
    answer = await client.ask("POST", "/v1/reviews/21", body, user_id=None, headers=moderator)
    assert (answer.status, answer.json["field"]) == (400, field)
    assert client.house.decided == []


async def test_its_creator_is_told_that_a_clip_waits(client: Client) -> None:
    held = replace(a_video(21, status=VideoStatus.PROCESSING), held_at_ms=NOW_MS)
    client.house.shown[21] = held
    document = (await client.ask("GET", "/v1/videos/21")).json
    assert (document["status"], document["review"]) == ("processing", {"since": "2026-01-01T00:00:00.123Z"})
    client.house.shown[21] = replace(held, status=VideoStatus.REJECTED)
    assert "review" not in (await client.ask("GET", "/v1/videos/21")).json


async def test_a_video_is_taken_down_and_restored(client: Client, moderator: dict[str, str]) -> None:
    client.house.shown[31] = a_video(31)
    where = "/v1/videos/31/takedown"
    answer = await client.ask("POST", where, {"reason": "Stolen."}, user_id=None, headers=moderator)
    assert (answer.status, answer.body) == (204, b"")
    document = (await client.ask("GET", "/v1/videos/31")).json
    assert (document["status"], document["playback"]) == ("rejected", None)
    assert document["failure"] == {"code": "taken_down", "detail": "Stolen."}
    assert (await client.ask("DELETE", where, user_id=None, headers=moderator)).status == 204
    document = (await client.ask("GET", "/v1/videos/31")).json
    assert (document["status"], "failure" in document) == ("ready", False)
    assert document["playback"]["hls"]
    client.house.shown[32] = a_video(32)
    answer = await client.ask("DELETE", "/v1/videos/32/takedown", user_id=None, headers=moderator)
    assert (answer.status, answer.code) == (409, "not_taken_down")


@pytest.mark.parametrize(
    ("video_id", "body", "status", "code"),
    [
        (32, {}, 409, "nothing_to_take_down"),
        (99, {"reason": "Stolen."}, 404, "not_found"),
        (32, {"reason": "x" * 501}, 400, "invalid_input"),
        (32, {"reason": 5}, 400, "invalid_input"),
    ],
)
async def test_a_takedown_that_cannot_be_is_refused(
    client: Client, moderator: dict[str, str], video_id: int, body: dict[str, object], status: int, code: str
) -> None:
    client.house.shown[32] = a_video(32, status=VideoStatus.FAILED)
    answer = await client.ask("POST", f"/v1/videos/{video_id}/takedown", body, user_id=None, headers=moderator)
    assert (answer.status, answer.code) == (status, code)


async def test_only_those_who_may_moderate_are_told_of_a_re_upload(client: Client, moderator: dict[str, str]) -> None:
    client.house.shown[33] = replace(a_video(33), reupload_of=31)
    told = (await client.ask("GET", "/v1/videos/33", user_id=None, headers=moderator)).json
    assert told["reupload_of"] == "31"
    assert "reupload_of" not in (await client.ask("GET", "/v1/videos/33")).json
    held = client.house.held[21]
    client.house.held[21] = replace(held, video=replace(held.video, reupload_of=31))
    listed = (await client.ask("GET", "/v1/reviews", user_id=None, headers=moderator)).json["items"]
    assert [item.get("reupload_of") for item in listed] == ["31", None]
