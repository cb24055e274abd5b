"""Webhooks through the API, over origin's own use cases."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from edge.gateway.openapi_schemas import SCHEMAS
from origin.events import Topic, WebhookEvent, decode
from origin.ids import since_epoch
from origin.subscriptions import MOST_WEBHOOKS, Attempt, Disabled, Outcome
from origin.webhooks.message import TYPES
from origin.webhooks.signature import parse_secret
from tests.edge.gateway.conftest import NOW_MS

if TYPE_CHECKING:
    from tests.edge.gateway.conftest import Client

URL = "https://a.example/hook"


async def made(client: Client, **more: object) -> Any:
    answer = await client.ask("POST", "/v1/webhooks", {"url": URL, **more})
    assert answer.status == 201
    return answer.json


def is_described(document: object, schema: str) -> None:
    wanted = {"$ref": f"#/components/schemas/{schema}", "components": {"schemas": SCHEMAS}}
    jsonschema.Draft202012Validator(wanted).validate(document)


async def queued(client: Client) -> list[WebhookEvent]:
    return [decode(WebhookEvent, each.value) for each in await client.eventlog.read(Topic.WEBHOOKS, {}, 10)]


async def test_the_secret_is_told_when_a_webhook_is_made_and_never_again(client: Client) -> None:
    created = await made(client, types=["video.ready", "video.failed", "video.ready"])
    is_described(created, "WebhookWithSecret")
    assert len(parse_secret(created.pop("secret"))) == 32
    assert created == {
        "id": created["id"],
        "url": URL,
        "types": ["video.failed", "video.ready"],
        "enabled": True,
        "disabled_reason": None,
        "failing_since": None,
        "old_secret_until": None,
        "created_at": "2026-01-01T00:00:00.123Z",
    }
    assert (await client.ask("GET", f"/v1/webhooks/{created['id']}")).json == created
    listed = (await client.ask("GET", "/v1/webhooks")).json
    is_described(listed, "Webhooks")
    assert listed == {"items": [created]}
    edited = await client.ask("PATCH", f"/v1/webhooks/{created['id']}", {"types": []})
    assert edited.json == {**created, "types": []}


async def test_a_rotation_tells_the_new_secret_and_how_long_the_old_one_signs(client: Client) -> None:
    created = await made(client)
    rotated = await client.ask("POST", f"/v1/webhooks/{created['id']}/rotate")
    is_described(rotated.json, "WebhookWithSecret")
    assert rotated.json["secret"] != created["secret"]
    assert rotated.json["old_secret_until"] == "2026-01-02T00:00:00.123Z"


async def test_a_user_has_few_webhooks(client: Client) -> None:
    for _ in range(MOST_WEBHOOKS):
        await made(client)
    refused = await client.ask("POST", "/v1/webhooks", {"url": URL})
    assert (refused.status, refused.code) == (409, "too_many_webhooks")
    first = (await client.ask("GET", "/v1/webhooks")).json["items"][0]
    assert (await client.ask("DELETE", f"/v1/webhooks/{first['id']}")).status == 204
    assert (await client.ask("GET", f"/v1/webhooks/{first['id']}")).status == 404
    await made(client)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://a.example/", "The URL must begin with https://."),
        ("https://127.0.0.1/", "The host has an address that is not public."),
        ("https://a.example:22/", "The port must be 443, or 1024 or more."),
        ("https://u:p@a.example/", "The URL must have neither a user nor a fragment."),
    ],
)
async def test_a_url_that_no_message_may_be_sent_to_is_refused_with_the_reason(
    client: Client, url: str, why: str
) -> None:
    created = await made(client)
    for method, path in (("POST", "/v1/webhooks"), ("PATCH", f"/v1/webhooks/{created['id']}")):
        refused = await client.ask(method, path, {"url": url})
        assert (refused.status, refused.code, refused.json["detail"]) == (422, "bad_webhook_url", why)
    assert (await client.ask("GET", f"/v1/webhooks/{created['id']}")).json["url"] == URL


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "url"),
        ({"url": 5}, "url"),
        ({"url": ""}, "url"),
        ({"url": URL, "types": ["webhook.test"]}, "types"),
        ({"url": URL, "types": "video.ready"}, "types"),
        ({"url": URL, "types": [["video.ready"]]}, "types"),
    ],
)
async def test_a_webhook_that_is_none_is_refused(client: Client, body: dict[str, object], field: str) -> None:
    answer = await client.ask("POST", "/v1/webhooks", body)
    assert (answer.status, answer.json["field"]) == (400, field)


@pytest.mark.parametrize(("body", "field"), [({}, None), ({"enabled": 1}, "enabled"), ({"types": None}, "types")])
async def test_an_edit_that_is_none_is_refused(client: Client, body: dict[str, object], field: str | None) -> None:
    created = await made(client)
    answer = await client.ask("PATCH", f"/v1/webhooks/{created['id']}", body)
    assert (answer.status, answer.json.get("field")) == (400, field)


async def test_anothers_webhook_is_not_there_and_without_a_session_there_is_none(client: Client) -> None:
    path = f"/v1/webhooks/{(await made(client))['id']}"
    asked = [
        ("GET", path, None),
        ("PATCH", path, {"enabled": False}),
        ("DELETE", path, None),
        ("POST", f"{path}/rotate", None),
        ("POST", f"{path}/test", None),
        ("GET", f"{path}/deliveries", None),
        ("POST", f"{path}/deliveries/msg_1_ready_1/replay", None),
    ]
    for method, target, body in asked:
        assert (await client.ask(method, target, body, user_id=2)).status == 404
        assert (await client.ask(method, target, body, user_id=None)).status == 401
    assert (await client.ask("GET", "/v1/webhooks", user_id=2)).json == {"items": []}
    assert (await client.ask("GET", path)).json["enabled"]


async def test_a_test_message_is_queued_for_a_webhook_that_is_enabled(client: Client) -> None:
    path = f"/v1/webhooks/{(await made(client))['id']}"
    answer = await client.ask("POST", f"{path}/test")
    assert answer.status == 202
    [event] = await queued(client)
    assert (event.message_id, event.kind, event.user_id) == (answer.json["message_id"], "webhook.test", 1)
    disabled = await client.ask("PATCH", path, {"enabled": False})
    assert (disabled.json["enabled"], disabled.json["disabled_reason"]) == (False, "owner")
    refused = await client.ask("POST", f"{path}/test")
    assert (refused.status, refused.code) == (409, "webhook_disabled")
    assert (await client.ask("PATCH", path, {"enabled": True})).json["disabled_reason"] is None
    assert len(await queued(client)) == 1


async def test_deliveries_are_listed_page_by_page_and_replayed(client: Client) -> None:
    created = await made(client)
    key, kind = int(created["id"]), TYPES[0]
    attempt_id, message_id = since_epoch(NOW_MS) << 22, "msg_11_ready_1"
    first = Attempt(attempt_id, key, message_id, kind, 1, NOW_MS, Outcome.RETRYING, 503, "", 9, NOW_MS)
    for attempt in (first, replace(first, attempt_id=attempt_id + 1, status=None, error="no answer", number=2)):
        await client.metadata.add_attempt(attempt, '{"type":"video.ready"}')
    page = (await client.ask("GET", f"/v1/webhooks/{key}/deliveries?limit=1")).json
    rest = (await client.ask("GET", f"/v1/webhooks/{key}/deliveries?limit=1&cursor={page['next_cursor']}")).json
    for item in (*page["items"], *rest["items"]):
        is_described(item, "Delivery")
    assert [(each["attempt"], each["status"], each["error"]) for each in (*page["items"], *rest["items"])] == [
        (2, None, "no answer"),
        (1, 503, None),
    ]
    assert rest["next_cursor"] is None
    refused = await client.ask("POST", f"/v1/webhooks/{key}/deliveries/msg_11_ready_1/replay")
    assert (refused.status, refused.code) == (409, "still_retrying")
    assert "msg_11_ready_1" in refused.json["detail"]
    last = replace(first, attempt_id=attempt_id + 2, outcome=Outcome.GIVEN_UP, number=3, next_at_ms=None)
    await client.metadata.add_attempt(last, '{"type":"video.ready"}')
    again = await client.ask("POST", f"/v1/webhooks/{key}/deliveries/msg_11_ready_1/replay")
    assert (again.status, again.json) == (202, {"message_id": "msg_11_ready_1"})
    [event] = await queued(client)
    assert (event.message_id, event.body, event.attempt) == ("msg_11_ready_1", '{"type":"video.ready"}', 0)
    unknown = await client.ask("POST", f"/v1/webhooks/{key}/deliveries/msg_12_ready_1/replay")
    assert (unknown.status, unknown.code) == (404, "not_found")
    assert (await client.ask("POST", f"/v1/webhooks/{key}/deliveries/msg.1/replay")).status == 400


async def test_why_a_webhook_is_disabled_is_told(client: Client) -> None:
    created = await made(client)
    webhook = await client.metadata.webhook(1, int(created["id"]))
    gone = replace(webhook, disabled=Disabled.GONE, failing_since_ms=NOW_MS)
    assert await client.metadata.replace_webhook(webhook, gone)
    document = (await client.ask("GET", f"/v1/webhooks/{created['id']}")).json
    assert (document["disabled_reason"], document["failing_since"]) == ("gone", "2026-01-01T00:00:00.123Z")
