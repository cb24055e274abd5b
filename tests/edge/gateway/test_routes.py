"""The public API by its routes: documents, refusals, and who may do what."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from origin.metadata.base import MetadataFull, MetadataUnavailable
from origin.model import VideoStatus

if TYPE_CHECKING:
    from conftest import Client


async def test_a_guest_gets_a_session_and_keeps_its_id_when_it_takes_a_handle(client: Client) -> None:
    guest = await client.ask("POST", "/v1/sessions", user_id=None)
    assert guest.status == 201
    assert guest.json["user"]["guest"] is True
    key = guest.json["user"]["id"]
    assert guest.json["expires_at"] == "2026-01-31T00:00:00.000Z"
    bearer = {"Authorization": f"Bearer {guest.json['token']}"}
    named = await client.ask("POST", "/v1/sessions", {"handle": "grace.h"}, user_id=None, headers=bearer)
    assert (named.status, named.json["user"]["id"], named.json["user"]["handle"]) == (200, key, "grace.h")
    renewed = await client.ask("POST", "/v1/sessions", {}, user_id=None, headers=bearer)
    assert (renewed.status, renewed.json["user"]["handle"]) == (200, "grace.h")
    other = await client.ask("POST", "/v1/sessions", {"handle": "other"}, user_id=None, headers=bearer)
    assert (other.status, other.code) == (409, "already_named")


async def test_a_taken_handle_is_a_conflict(client: Client) -> None:
    taken = await client.ask("POST", "/v1/sessions", {"handle": "ada"}, user_id=2)
    assert (taken.status, taken.code) == (409, "handle_taken")


async def test_a_token_of_a_user_that_is_no_more_opens_no_session(client: Client) -> None:
    answer = await client.ask("POST", "/v1/sessions", {}, user_id=99)
    assert (answer.status, answer.code) == (401, "unknown_user")


@pytest.mark.parametrize("handle", ["ab", "a" * 25, "1abc", "a__b", "a b", "ſtrasse", "guest_1", "Admin", 7, "a."])
async def test_a_bad_handle_is_refused_by_name(client: Client, handle: object) -> None:
    answer = await client.ask("POST", "/v1/sessions", {"handle": handle}, user_id=None)
    assert (answer.status, answer.code, answer.json["field"]) == (400, "invalid_input", "handle")


async def test_the_video_document_is_as_the_contract_says(client: Client) -> None:
    client.house.likes.add((1, 11))
    answer = await client.ask("GET", "/v1/videos/11")
    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json == {
        "id": "11",
        "creator": {"id": "1", "handle": "ada"},
        "description": "a clip",
        "status": "ready",
        "visibility": "public",
        "progress": 1.0,
        "duration_ms": 9000,
        "width": 540,
        "height": 960,
        "created_at": "2026-01-01T00:00:00.123Z",
        "counts": {"views": 5, "likes": 4, "comments": 3, "shares": 2},
        "playback": {
            "hls": "https://localhost:8444/p/t/v/11/hls.m3u8",
            "dash": "https://localhost:8444/p/t/v/11/dash.mpd",
            "poster": "https://localhost:8444/p/t/v/11/poster.jpg",
            "preview": None,
            "preview_mp4": None,
            "storyboard": None,
            "download": None,
            "captions": [],
            "thumbhash": "abc=",
            "expires_at": "2026-01-01T01:00:00.123Z",
        },
        "viewer": {"liked": True, "following": False},
    }


async def test_a_video_may_be_seen_without_a_session_and_a_hidden_one_by_its_creator_only(client: Client) -> None:
    assert (await client.ask("GET", "/v1/videos/11", user_id=None)).json["viewer"]["liked"] is False
    client.house.shown[16] = client.house.shown[11].__class__(
        **{
            **{name: getattr(client.house.shown[11], name) for name in client.house.shown[11].__slots__},
            "video_id": 16,
            "status": VideoStatus.PROCESSING,
            "publication": None,
        }
    )
    assert (await client.ask("GET", "/v1/videos/16", user_id=None)).code == "not_found"
    own = await client.ask("GET", "/v1/videos/16")
    assert (own.json["status"], own.json["playback"], own.json["width"]) == ("processing", None, None)


async def test_a_private_videos_urls_are_signed_for_its_creator(client: Client) -> None:
    answer = await client.ask("PATCH", "/v1/videos/11", {"visibility": "private"})
    assert answer.json["playback"]["hls"] == "https://localhost:8444/p/own/v/11/hls.m3u8"


async def test_ids_that_are_no_ids_are_refused(client: Client) -> None:
    for name in ("x", "1.5", "99999999999999999999", "٣"):
        assert (await client.ask("GET", f"/v1/videos/{name}")).status == 400


async def test_only_its_creator_edits_and_deletes_a_video(client: Client) -> None:
    edit = {"description": " new\r\ntext ", "visibility": "unlisted", "later": 1}
    assert (await client.ask("PATCH", "/v1/videos/11", edit, user_id=2)).code == "not_creator"
    assert (await client.ask("PATCH", "/v1/videos/11", edit, user_id=None)).code == "unauthenticated"
    edited = await client.ask("PATCH", "/v1/videos/11", edit)
    assert (edited.json["description"], edited.json["visibility"]) == ("new\ntext", "unlisted")
    assert (await client.ask("PATCH", "/v1/videos/11", {"visibility": "x"})).json["field"] == "visibility"
    assert (await client.ask("PATCH", "/v1/videos/11", {"description": "a\x00"})).json["field"] == "description"
    assert (await client.ask("PATCH", "/v1/videos/11", {})).status == 400
    assert (await client.ask("DELETE", "/v1/videos/11", user_id=2)).status == 403
    deleted = await client.ask("DELETE", "/v1/videos/11")
    assert (deleted.status, deleted.body) == (204, b"")
    assert "content-length" not in deleted.headers
    assert (await client.ask("GET", "/v1/videos/11")).status == 404


async def test_progress_is_a_stream_of_events(client: Client) -> None:
    answer = await client.ask("GET", "/v1/videos/11/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [block for block in answer.body.decode().split("\n\n") if block]
    assert len(events) == 3
    assert all(block.startswith("event: video\ndata: {") for block in events)
    assert '"status":"ready"' in events[-1]
    assert client.services.stats.event_streams == 0
    assert (await client.ask("GET", "/v1/videos/99/events")).status == 404


async def test_the_stream_shows_the_rungs_grow_until_the_video_is_ready(client: Client) -> None:
    answer = await client.ask("GET", "/v1/videos/11/events")
    events = [json.loads(line[6:]) for line in answer.body.decode().splitlines() if line.startswith("data: ")]
    assert [event["stage"] for event in events[:2]] == ["encoding_rest"] * 2
    whole = {"height": 960, "progress": 1.0, "published": True}
    assert [event["rungs"] for event in events[:2]] == [
        [{"height": 1920, "progress": progress, "published": False}, whole] for progress in (0.2, 0.6)
    ]
    assert not {"stage", "rungs"} & events[-1].keys()


async def test_a_quiet_stream_is_kept_open_by_comments(remake) -> None:
    from edge.gateway.settings import GatewaySettings

    settings = GatewaySettings("https://x", "https://y", policies=(), event_heartbeat_s=0.01)
    answer = await remake(settings).ask("GET", "/v1/videos/11/events")
    assert b": waiting\n\n" in answer.body


async def test_too_many_streams_are_refused(remake) -> None:
    from edge.gateway.settings import GatewaySettings

    settings = GatewaySettings("https://x", "https://y", policies=(), event_streams=0)
    answer = await remake(settings).ask("GET", "/v1/videos/11/events")
    assert (answer.status, answer.code) == (503, "unavailable")


async def test_a_feed_page_shows_videos_and_plans_the_next_three(client: Client) -> None:
    client.feed.video_ids = (11, 99, 12, 13, 14, 15)
    page = (await client.ask("GET", "/v1/feed?limit=6")).json
    assert [item["video"]["id"] for item in page["items"]] == ["11", "12", "13", "14", "15"]
    assert page["items"][1]["source"] == "fresh"
    assert (page["feed_id"], page["mode"], page["next_cursor"]) == ("f1", "personal", "next")
    assert [(each["video_id"], each["bytes"], each["priority"]) for each in page["prefetch"]] == [
        ("12", 900, 4),
        ("12", 120_000, 4),
        ("13", 900, 5),
        ("13", 120_000, 5),
        ("14", 900, 6),
        ("14", 120_000, 6),
    ]
    assert page["prefetch"][0]["url"] == "https://localhost:8444/p/t/v/12/v540-aa/init.mp4"
    assert (await client.ask("GET", "/v1/feed?cursor=mine")).code == "bad_cursor"
    assert (await client.ask("GET", "/v1/feed?limit=0")).json["field"] == "limit"
    assert (await client.ask("GET", "/v1/feed", user_id=None)).code == "unauthenticated"
    assert (await client.ask("GET", "/v1/feed/following")).json["items"] == []


async def test_interactions_are_taken_one_by_one(client: Client) -> None:
    events = [
        {"type": "view", "video_id": "11", "watch_ms": 99_999_999, "at": "2020-01-01T00:00:00Z", "event_id": "e1"},
        {"type": "teleport", "video_id": "11"},
        {"type": "uncomment", "video_id": "11"},
        {"type": "skip", "video_id": "404", "at": "2030-01-01T00:00:00+02:00"},
        {"type": "like", "video_id": 11},
        {"type": "follow", "creator_id": "2"},
        {"type": "follow"},
        {"type": "like", "video_id": "12", "at": "yesterday"},
        "view",
    ]
    answer = await client.ask("POST", "/v1/interactions", {"events": events})
    assert answer.status == 202
    assert answer.json["accepted"] == 2
    assert [each["index"] for each in answer.json["rejected"]] == [1, 2, 3, 4, 6, 7, 8]
    assert answer.json["rejected"][2]["problem"] == "no such video"
    view, skip, follow = client.house.taken
    assert (view.event_id, view.watch_ms, view.at_ms) == ("e1", 3_600_000, 1_767_225_600_123 - 86_400_000)
    assert skip.at_ms == 1_767_225_600_123
    assert (follow.creator_id, follow.video_id, len(follow.event_id)) == (2, 0, 16)


async def test_a_batch_that_is_none_is_refused_whole(client: Client) -> None:
    assert (await client.ask("POST", "/v1/interactions", {"events": 1})).json["field"] == "events"
    many = [{"type": "view", "video_id": "11"}] * 501
    assert (await client.ask("POST", "/v1/interactions", {"events": many})).status == 400
    assert (await client.ask("POST", "/v1/interactions", b"[1]")).code == "invalid_input"
    assert (await client.ask("POST", "/v1/interactions", b"{")).code == "invalid_input"
    assert (await client.ask("POST", "/v1/interactions", {"events": []}, user_id=None)).status == 401


async def test_likes_and_follows_are_idempotent(client: Client) -> None:
    for _ in range(2):
        assert (await client.ask("PUT", "/v1/videos/11/like")).status == 204
        assert (await client.ask("PUT", "/v1/users/2/follow")).status == 204
    assert (await client.ask("GET", "/v1/videos/11")).json["viewer"] == {"liked": True, "following": False}
    assert (await client.ask("GET", "/v1/users/2")).json["viewer"] == {"following": True}
    assert (await client.ask("GET", "/v1/users/2/followers", user_id=None)).json["items"][0]["handle"] == "ada"
    assert (await client.ask("GET", "/v1/users/1/following")).json["items"][0]["id"] == "2"
    for _ in range(2):
        assert (await client.ask("DELETE", "/v1/videos/11/like")).status == 204
        assert (await client.ask("DELETE", "/v1/users/2/follow")).status == 204
    assert (await client.ask("PUT", "/v1/users/1/follow")).code == "self_follow"
    assert (await client.ask("PUT", "/v1/users/77/follow")).code == "not_found"


async def test_comments_are_paged_by_opaque_cursors(client: Client) -> None:
    for number in range(5):
        made = await client.ask("POST", "/v1/videos/11/comments", {"text": f"comment {number}"})
        assert made.status == 201
    first = (await client.ask("GET", "/v1/videos/11/comments?limit=3")).json
    rest = (await client.ask("GET", f"/v1/videos/11/comments?limit=3&cursor={first['next_cursor']}")).json
    assert [each["text"][-1] for each in first["items"] + rest["items"]] == ["4", "3", "2", "1", "0"]
    assert rest["next_cursor"] is None
    mixed = await client.ask("GET", f"/v1/users/1/videos?cursor={first['next_cursor']}")
    assert (mixed.status, mixed.code) == (400, "bad_cursor")
    assert (await client.ask("POST", "/v1/videos/11/comments", {"text": "spam"})).code == "comment_refused"
    assert (await client.ask("POST", "/v1/videos/11/comments", {"text": "  "})).json["field"] == "text"
    assert (await client.ask("DELETE", "/v1/comments/500", user_id=2)).status == 403
    assert (await client.ask("DELETE", "/v1/comments/500")).status == 204


async def test_a_users_videos_are_listed(client: Client) -> None:
    page = (await client.ask("GET", "/v1/users/1/videos?limit=2", user_id=None)).json
    assert [each["id"] for each in page["items"]] == ["15", "14"]
    assert page["next_cursor"]


async def test_direct_uploads_say_what_they_need(client: Client) -> None:
    for path in ("/v1/uploads/direct", "/v1/uploads/5/complete"):
        answer = await client.ask("POST", path, {})
        assert (answer.status, answer.code) == (501, "direct_upload_needs_s3")


async def test_troubles_behind_have_their_status(client: Client) -> None:
    client.house.trouble = MetadataUnavailable("sqlite is gone: /secret/path")
    away = await client.ask("GET", "/v1/videos/11")
    assert (away.status, away.code, away.headers["retry-after"]) == (503, "unavailable", "5")
    assert b"secret" not in away.body
    client.house.trouble = MetadataFull("full")
    assert (await client.ask("GET", "/v1/videos/11")).status == 507


async def test_an_unforeseen_error_is_logged_and_never_told(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    client.house.trouble = RuntimeError("password=hunter2")
    answer = await client.ask("GET", "/v1/videos/11", headers={"X-Request-Id": "my-request-1"})
    assert (answer.status, answer.code) == (500, "internal")
    assert b"hunter2" not in answer.body
    assert answer.headers["x-request-id"] == "my-request-1"
    record = next(each for each in caplog.records if each.exc_info)
    assert record.request_id == "my-request-1"  # type: ignore[attr-defined]
    assert client.services.stats.errors == 1


async def test_unknown_addresses_and_methods_are_problems(client: Client) -> None:
    assert (await client.ask("GET", "/v1/nothing")).code == "not_found"
    answer = await client.ask("POST", "/v1/feed", {})
    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert "GET" in answer.headers["allow"]
    too_large = await client.ask("POST", "/v1/interactions", b" " * ((1 << 20) + 1))
    assert (too_large.status, too_large.code) == (413, "body_too_large")


async def test_a_viewer_who_leaves_ends_the_stream(client: Client) -> None:
    closed, begun = [], asyncio.Event()

    async def endless(video_id: int, viewer_id: int):
        try:
            while True:
                yield await client.house.view(video_id, viewer_id)
                begun.set()
                await asyncio.sleep(0.01)
        finally:
            closed.append(video_id)

    client.house.changes = endless  # type: ignore[method-assign]
    asking = asyncio.create_task(client.ask("GET", "/v1/videos/11/events"))
    await asyncio.wait_for(begun.wait(), 20)
    assert client.services.stats.event_streams == 1
    client.leave.set()
    await asyncio.wait_for(asking, 20)
    assert client.services.stats.event_streams == 0
    assert closed == [11]
