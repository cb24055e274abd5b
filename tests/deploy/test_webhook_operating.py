"""`reelway webhooks list|deliveries|replay`: what operators see and do beside the running processes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from deploy.clock import now_ms
from deploy.settings import Settings, load
from origin.eventlog import open_eventlog
from origin.events import Topic, WebhookEvent, decode
from origin.ids import since_epoch
from origin.metadata import open_metadata
from origin.subscriptions import Attempt, Disabled, Outcome, Webhook

Run = Callable[..., tuple[int, str]]
SECRET = "whsec_" + "QUJD" * 8


@pytest.fixture
def run(reelway: Run) -> Run:
    return partial(reelway, "webhooks")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "var").mkdir()
    settings = load(tmp_path)
    asyncio.run(fill(settings))
    return settings


async def fill(settings: Settings) -> None:
    metadata, log = open_metadata(settings.metadata_url), open_eventlog(settings.events_url, now_ms)
    url, at_ms = "https://a.example/hook", now_ms()
    await metadata.create_webhook(Webhook(9, 7, url, ("video.ready",), SECRET, at_ms), 5)
    await metadata.create_webhook(Webhook(10, 7, url, (), SECRET, at_ms, disabled=Disabled.GONE), 5)
    for key in (9, 10):
        attempt_id = (since_epoch(at_ms) << 22) + key
        attempt = Attempt(
            attempt_id, key, "msg_5_ready_1", "video.ready", 1, at_ms, Outcome.GIVEN_UP, None, "no answer", 9, None
        )
        await metadata.add_attempt(attempt, "{}")
    retried = replace(attempt, webhook_id=11, message_id="msg_6_ready_1", outcome=Outcome.RETRYING, next_at_ms=at_ms)
    await metadata.create_webhook(Webhook(11, 8, url, (), SECRET, at_ms), 5)
    await metadata.add_attempt(retried, "{}")
    await metadata.add_attempt(replace(retried, attempt_id=attempt_id + 1, message_id="msg_7_ready_1"), "{}")
    ended = replace(attempt, webhook_id=11, attempt_id=attempt_id + 2, message_id="msg_8_ready_1")
    await metadata.add_attempt(ended, "{}")
    await metadata.close()
    await log.close()


async def queued(settings: Settings) -> list[WebhookEvent]:
    log = open_eventlog(settings.events_url, now_ms)
    events = [decode(WebhookEvent, each.value) for each in await log.read(Topic.WEBHOOKS, {}, 10)]
    await log.close()
    return events


@pytest.mark.usefixtures("settings")
def test_webhooks_are_listed_by_user_or_by_id_without_their_secrets(run: Run) -> None:
    code, out = run("list", "--user", "7", "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [(row["webhook_id"], row["types"], row["disabled"]) for row in rows] == [
        ("9", "video.ready", ""),
        ("10", "all", "gone"),
    ]
    assert json.loads(run("list", "--webhook", "10", "--json")[1]) == rows[1]
    assert SECRET not in out
    assert "no webhooks" in run("list", "--user", "9")[1]
    assert run("list", "--webhook", "12") == (1, "reelway: no webhook 12\n")
    assert run("list")[0] == run("list", "--user", "7", "--webhook", "9")[0] == 2


@pytest.mark.usefixtures("settings")
def test_deliveries_are_listed(run: Run) -> None:
    code, out = run("deliveries", "9", "--json")
    row = json.loads(out)
    assert (code, row["message_id"], row["attempt"], row["answer"]) == (0, "msg_5_ready_1", 1, "no answer")
    assert run("deliveries", "12")[0] == 1


def test_messages_are_replayed_to_a_webhook_that_is_enabled(run: Run, settings: Settings) -> None:
    assert run("replay", "9", "msg_5_ready_1") == (0, "msg_5_ready_1 is queued again\n")
    [event] = asyncio.run(queued(settings))
    assert (event.webhook_id, event.user_id, event.message_id, event.body) == (9, 7, "msg_5_ready_1", "{}")
    for webhook, message, words in (("9", "msg_6_ready_1", "no message"), ("10", "msg_5_ready_1", "enable it first")):
        code, out = run("replay", webhook, message)
        assert code == 1
        assert words in out
    assert len(asyncio.run(queued(settings))) == 1


def test_messages_that_are_still_retried_are_left_alone_and_the_others_replayed(run: Run, settings: Settings) -> None:
    code, out = run("replay", "11", "msg_6_ready_1", "msg_8_ready_1", "msg_7_ready_1")
    assert code == 1
    assert "msg_6_ready_1 is still retried" in out
    assert "2 of 3 messages were not replayed" in out
    assert [event.message_id for event in asyncio.run(queued(settings))] == ["msg_8_ready_1"]
