"""From a video's event to its creator's own receiver, through failures, restarts and changes of the webhook."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from standardwebhooks.webhooks import Webhook as TheirWebhook

from origin.deadletters import Poison, again, read_letter
from origin.eventlog import LogUnavailable
from origin.events import DEAD_LETTERS, Topic, VideoChange, WebhookEvent, encode
from origin.metadata import MetadataUnavailable, NotFound
from origin.refusals import StillRetrying
from origin.subscriptions import DAY_MS, Attempt, Disabled, Outcome
from origin.webhooks.delivering import DeliverySettings
from origin.webhooks.rooms import RoomSettings
from origin.webhooks.schedule import STILL_RETRIED_MS, WAITS_S
from origin.webhooks.sender import SenderSettings
from tests.contracts.roles import Switch
from tests.origin.webhooks.receiver import Receiver, answered, receiving
from tests.waiting import until

if TYPE_CHECKING:
    from origin.views import NewSecret
    from tests.origin.webhooks.conftest import Post

OK, BUSY, GONE = answered("204 No Content"), answered("503 Service Unavailable"), answered("410 Gone")


def ids(receiver: Receiver) -> list[str]:
    return [fields["webhook-id"] for _, fields, _ in receiver.requests]


async def test_a_message_arrives_so_that_another_implementation_verifies_it(any_post: Post) -> None:
    async with receiving(OK) as receiver:
        made = await any_post.subscribe(receiver)
        any_post.start()
        await any_post.happens(11)
        [attempt] = await any_post.until_noted(made, 1)
    [(line, fields, body)] = receiver.requests
    assert line == "POST /hook HTTP/1.1"
    verified = TheirWebhook(made.secret).verify(body.decode(), fields)
    assert verified["type"] == "video.ready"
    assert (verified["data"]["id"], verified["data"]["duration_ms"]) == ("11", 900)
    assert (attempt.message_id, attempt.kind) == (fields["webhook-id"], "video.ready")
    assert (attempt.outcome, attempt.status, attempt.number, attempt.next_at_ms) == (Outcome.DELIVERED, 204, 1, None)


async def test_a_receiver_that_fails_for_a_while_gets_the_message_under_one_id(any_post: Post) -> None:
    async with receiving(BUSY, BUSY, BUSY, OK) as receiver:
        made = await any_post.subscribe(receiver)
        any_post.start()
        await any_post.happens(11)
        history = await any_post.until_noted(made, 4)
    assert len(set(ids(receiver))) == 1
    assert [each.number for each in history] == [1, 2, 3, 4]
    assert [each.outcome for each in history] == [*[Outcome.RETRYING] * 3, Outcome.DELIVERED]
    assert (await any_post.webhooks.all_of(7))[0].failing_since_ms is None


async def test_no_attempt_is_made_before_it_is_due(post: Post) -> None:
    async with receiving(BUSY) as receiver:
        made = await post.subscribe(receiver)
        post.start()
        await post.happens(11)
        history = await post.until_noted(made, len(WAITS_S) + 1)
    waits_ms = [after.at_ms - before.at_ms for before, after in pairwise(history)]
    assert all(waited >= 1000 * wait_s for waited, wait_s in zip(waits_ms, WAITS_S, strict=True))


async def test_each_webhook_gets_what_it_wants_and_other_creators_webhooks_nothing(post: Post) -> None:
    async with receiving(OK) as every, receiving(OK) as failures, receiving(OK) as others:
        made = await post.subscribe(every)
        await post.subscribe(failures, "video.failed")
        await post.subscribe(others, user_id=8)
        post.start()
        await post.happens(11)
        await post.happens(11)
        await post.happens(12, "failed", VideoChange.FAILED)
        await post.happens(12, "processing", VideoChange.EDITED)
        await post.until_noted(made, 3)
    assert sorted(ids(every)) == ["msg_11_ready_1", "msg_11_ready_1", "msg_12_failed_1"]
    assert ids(failures) == ["msg_12_failed_1"]
    assert not others.requests


async def test_of_a_video_that_is_not_there_and_whose_status_no_event_tells_there_is_no_message(post: Post) -> None:
    await post.happens(11, status="")
    await post.happens(12)
    async with receiving(OK) as receiver:
        made = await post.subscribe(receiver)
        post.start()
        await post.until_noted(made, 1)
    assert ids(receiver) == ["msg_12_ready_1"]


async def test_receivers_that_hang_hold_up_nobody_else(any_post: Post) -> None:
    any_post.settings = DeliverySettings(at_once=4, rooms=RoomSettings(each=2))
    async with receiving(None) as hanging, receiving(OK) as prompt:
        await any_post.subscribe(hanging)
        other = await any_post.subscribe(prompt, user_id=8)
        any_post.start()
        for video_id in range(100, 120):
            await any_post.happens(video_id)
        await until(lambda: any_post.stats.put_off > 20)
        for video_id in range(200, 210):
            await any_post.happens(video_id, user_id=8)
        await any_post.until_noted(other, 10)
        assert len(hanging.requests) == any_post.stats.running == 2
        assert len(set(ids(prompt))) == 10
        await any_post.kill()


async def test_tests_to_receivers_that_hang_leave_the_deliveries_of_others_their_places(post: Post) -> None:
    post.settings = DeliverySettings(at_once=4, rooms=RoomSettings(each=2, failing_all=2))
    post.sending = SenderSettings(whole_s=60)
    async with receiving(None) as hanging, receiving(OK) as prompt:
        pressed = [await post.subscribe(hanging, user_id=user_id) for user_id in (7, 8, 9)]
        other = await post.subscribe(prompt, user_id=10)
        for made, user_id in zip(pressed, (7, 8, 9), strict=True):
            for _ in range(3):
                await post.webhooks.test(user_id, made.webhook.webhook_id)
        post.start()
        await until(lambda: len(hanging.requests) >= 2)
        await post.happens(200, user_id=10)
        await until(lambda: len(prompt.requests) == 1, within_s=10)
        await post.until_noted(other, 1)
        assert len(hanging.requests) == post.stats.running == 2
        await post.kill()


async def test_the_receivers_of_one_user_that_hang_leave_others_their_places(post: Post) -> None:
    post.settings = DeliverySettings(at_once=4, rooms=RoomSettings(each=2, user=3))
    post.sending = SenderSettings(whole_s=60)
    async with receiving(None) as hanging, receiving(OK) as prompt:
        for _ in range(3):
            await post.subscribe(hanging)
        other = await post.subscribe(prompt, user_id=8)
        for video_id in range(100, 104):
            await post.happens(video_id)
        post.start()
        await until(lambda: len(hanging.requests) >= 3)
        await post.happens(200, user_id=8)
        await until(lambda: len(prompt.requests) == 1, within_s=10)
        await post.until_noted(other, 1)
        assert len(hanging.requests) == post.stats.running == 3
        await post.kill()


async def test_to_wait_for_room_counts_as_no_attempt(post: Post) -> None:
    post.settings = DeliverySettings(rooms=RoomSettings(each=1))
    async with receiving(None, OK) as receiver:
        made = await post.subscribe(receiver)
        post.start()
        await post.happens(11)
        await until(lambda: len(receiver.requests) == 1)
        await post.happens(12)
        await until(lambda: post.stats.put_off > 3)
        await post.kill()
        post.start()
        history = await post.until_noted(made, 2)
    assert {each.message_id for each in history} == {"msg_11_ready_1", "msg_12_ready_1"}
    assert [each.number for each in history] == [1, 1]


async def test_a_message_that_finds_no_room_for_a_day_is_given_up_listed_and_can_be_replayed(post: Post) -> None:
    post.settings, post.sending = DeliverySettings(rooms=RoomSettings(each=1)), SenderSettings(whole_s=60)
    async with receiving(None, OK) as receiver:
        made = await post.subscribe(receiver)
        await post.happens(11)
        post.start()
        await until(lambda: bool(receiver.waiting))
        began_ms = post.clock()
        await post.happens(12)
        [attempt] = await post.until_noted(made, 1)
        assert DAY_MS < attempt.at_ms - began_ms < 1.5 * DAY_MS
        assert (attempt.message_id, attempt.outcome) == ("msg_12_ready_1", Outcome.GIVEN_UP)
        assert (attempt.number, attempt.status, attempt.next_at_ms) == (1, None, None)
        assert "others" in attempt.error
        await until(lambda: post.stats.given_up == 1)
        [letter] = await post.letters()
        assert (letter.message_id, letter.attempt, letter.error_code) == ("msg_12_ready_1", 0, "no_room")
        assert len(receiver.requests) == 1
        assert (await post.webhooks.all_of(7))[0].failing_since_ms is None
        receiver.answer_waiting(OK)
        await post.until_noted(made, 2)
        await post.webhooks.replay(7, made.webhook.webhook_id, "msg_12_ready_1")
        history = await post.until_noted(made, 3)
    assert [each.outcome for each in history] == [Outcome.GIVEN_UP, Outcome.DELIVERED, Outcome.DELIVERED]


async def test_how_often_a_message_found_no_room_is_counted_over_all_its_attempts(post: Post) -> None:
    post.settings = DeliverySettings(rooms=RoomSettings(each=1))
    async with receiving(None, BUSY) as receiver:
        made = await post.subscribe(receiver)
        await post.happens(11)
        post.start()
        await until(lambda: bool(receiver.waiting))
        await post.happens(12)
        await until(lambda: post.stats.put_off > 3)
        receiver.answer_waiting(OK)
        await post.until_noted(made, len(WAITS_S) + 2)
        await until(lambda: post.stats.given_up == 1)
    [letter] = await post.letters()
    assert (letter.message_id, letter.attempt) == ("msg_12_ready_1", len(WAITS_S) + 1)
    assert letter.put_off >= 3


async def test_a_test_that_finds_no_room_is_dropped_at_once_and_says_why(post: Post) -> None:
    async with receiving(None) as receiver:
        made = await post.subscribe(receiver)
        post.start()
        await post.webhooks.test(7, made.webhook.webhook_id)
        await until(lambda: bool(receiver.waiting))
        message_id = await post.webhooks.test(7, made.webhook.webhook_id)
        [attempt] = await post.until_noted(made, 1)
        assert (attempt.message_id, attempt.outcome, attempt.status) == (message_id, Outcome.GIVEN_UP, None)
        assert "others" in attempt.error
        assert (post.stats.put_off, post.stats.dropped, post.stats.given_up) == (0, 1, 0)
        assert await post.letters() == []
        assert len(receiver.requests) == 1
        await post.kill()


async def test_a_deliverer_that_is_killed_between_sending_and_committing_sends_again_under_the_same_id(
    any_post: Post,
) -> None:
    async with receiving(None, OK) as receiver:
        made = await any_post.subscribe(receiver)
        any_post.start()
        await any_post.happens(11)
        await until(lambda: len(receiver.requests) == 1)
        await any_post.kill()
        any_post.start()
        await any_post.until_noted(made, 1)
    [first, second] = receiver.requests
    assert first[1]["webhook-id"] == second[1]["webhook-id"]
    assert first[2] == second[2]


async def test_a_drain_lets_attempts_end_and_takes_no_more(post: Post) -> None:
    post.settings = DeliverySettings(at_once=1)
    async with receiving(None) as receiver:
        made = await post.subscribe(receiver)
        post.start()
        for video_id in (11, 12):
            await post.happens(video_id)
        await until(lambda: len(receiver.requests) == 1)
        assert post.deliveries
        draining = asyncio.create_task(post.deliveries.drain(60))
        await asyncio.sleep(0)
        assert not draining.done()
        receiver.answer_waiting(OK)
        await draining
        assert [each.outcome for each in await post.history(made)] == [Outcome.DELIVERED]
        assert len(receiver.requests) == 1
        receiver.answers = [OK]
        await post.kill()
        post.start()
        await post.until_noted(made, 2)
    assert len(set(ids(receiver))) == len(receiver.requests) == 2


async def test_what_outlasts_a_drain_is_sent_again(post: Post) -> None:
    async with receiving(None, OK) as receiver:
        made = await post.subscribe(receiver)
        post.start()
        await post.happens(11)
        await until(lambda: len(receiver.requests) == 1)
        assert post.deliveries
        await post.deliveries.drain(0)
        assert await post.history(made) == []
        await post.kill()
        post.start()
        await post.until_noted(made, 1)
    assert ids(receiver) == ["msg_11_ready_1"] * 2


async def test_gone_disables_the_webhook_and_what_waits_for_it_is_listed_and_not_sent(post: Post) -> None:
    async with receiving(BUSY, GONE, OK) as receiver:
        made = await post.subscribe(receiver)
        await post.happens(11)
        post.start()
        await post.until_noted(made, 2)
        [view] = await post.webhooks.all_of(7)
        assert view.disabled is Disabled.GONE
        event = (await post.eventlog.read(Topic.WEBHOOKS, {}, 10))[0]
        await post.eventlog.append(Topic.WEBHOOKS, event.key, event.value)
        await post.happens(12)
        history = await post.until_noted(made, 3)
    assert [each.outcome for each in history] == [Outcome.RETRYING, Outcome.DISABLED, Outcome.DISABLED]
    assert [each.status for each in history] == [503, 410, None]
    assert len(receiver.requests) == 2
    assert post.stats.disabled == post.stats.dropped == 1


async def test_when_all_attempts_failed_there_is_a_dead_letter_and_after_days_the_webhook_is_disabled(
    post: Post,
) -> None:
    async with receiving(BUSY) as receiver:
        made = await post.subscribe(receiver)
        post.start()
        await post.happens(11)
        first = await post.until_noted(made, len(WAITS_S) + 1)
        assert first[-1].outcome is Outcome.GIVEN_UP
        await until(lambda: post.stats.given_up == 1)
        assert [(each.webhook_id, each.attempt, each.error_code) for each in await post.letters()] == [
            (made.webhook.webhook_id, len(WAITS_S) + 1, "status_503")
        ]
        assert (await post.webhooks.all_of(7))[0].disabled is None
        post.clock.passed_ms += 5 * DAY_MS
        await post.happens(12)
        await until(lambda: post.stats.given_up == 2)
        await post.until_noted(made, len(WAITS_S) + 1)
    [view] = await post.webhooks.all_of(7)
    assert view.disabled is Disabled.FAILING


async def test_a_deleted_webhooks_messages_are_dropped(post: Post) -> None:
    async with receiving(None, OK) as receiver:
        made = await post.subscribe(receiver)
        await post.happens(11)
        post.start()
        await until(lambda: bool(receiver.waiting))
        await post.webhooks.delete(7, made.webhook.webhook_id)
        receiver.answer_waiting(BUSY)
        await until(lambda: post.stats.dropped == 1)
    assert len(receiver.requests) == 1


async def test_after_a_rotation_messages_verify_under_both_secrets(post: Post) -> None:
    async with receiving(OK) as receiver:
        made = await post.subscribe(receiver)
        rotated = await post.webhooks.rotate(7, made.webhook.webhook_id)
        post.start()
        await post.happens(11)
        await post.until_noted(made, 1)
        post.clock.passed_ms += DAY_MS
        await post.happens(12)
        await post.until_noted(made, 2)
    first, second = receiver.requests
    for secret in (made.secret, rotated.secret):
        assert TheirWebhook(secret).verify(first[2].decode(), first[1])
    at = datetime.fromtimestamp(int(second[1]["webhook-timestamp"]), UTC)
    wanted = TheirWebhook(rotated.secret).sign("msg_12_ready_1", at, second[2].decode())
    assert second[1]["webhook-signature"] == wanted


async def test_a_message_is_replayed_with_the_body_and_the_id_that_it_had(post: Post) -> None:
    async with receiving(OK) as receiver:
        made = await post.subscribe(receiver)
        post.start()
        await post.happens(11)
        [attempt] = await post.until_noted(made, 1)
        await post.webhooks.replay(7, made.webhook.webhook_id, attempt.message_id)
        await post.until_noted(made, 2)
        with pytest.raises(NotFound):
            await post.webhooks.replay(7, made.webhook.webhook_id, "msg_99_ready_1")
        with pytest.raises(NotFound):
            await post.webhooks.replay(8, made.webhook.webhook_id, attempt.message_id)
    first, second = receiver.requests
    assert (first[1]["webhook-id"], first[2]) == (second[1]["webhook-id"], second[2])


async def test_a_message_that_is_still_retried_is_not_replayed_beside_that_unless_it_was_lost(post: Post) -> None:
    async with receiving(BUSY, None) as receiver:
        made = await post.subscribe(receiver)
        key = made.webhook.webhook_id
        post.start()
        await post.happens(11)
        await post.until_noted(made, 1)
        await post.kill()
        with pytest.raises(StillRetrying, match="msg_11_ready_1 is still retried"):
            await post.webhooks.replay(7, key, "msg_11_ready_1")
        with pytest.raises(NotFound):
            await post.webhooks.replay(8, key, "msg_11_ready_1")
        post.clock.passed_ms += STILL_RETRIED_MS
        await post.webhooks.replay(7, key, "msg_11_ready_1")


async def test_the_last_attempt_counts_however_many_of_other_messages_came_after_it(post: Post) -> None:
    async with receiving(OK) as receiver:
        made = await post.subscribe(receiver)
    key, at_ms = made.webhook.webhook_id, post.clock()
    retrying = Attempt(post.mint(), key, "msg_1", "video.ready", 1, at_ms, Outcome.RETRYING, 503, "", 9, at_ms + 5000)
    for message_id in ("msg_1", *(f"msg_{n}" for n in range(2, 500))):
        await post.metadata.add_attempt(replace(retrying, attempt_id=post.mint(), message_id=message_id), "{}")
    with pytest.raises(StillRetrying):
        await post.webhooks.replay(7, key, "msg_1")
    ended = replace(retrying, attempt_id=post.mint(), outcome=Outcome.GIVEN_UP, number=2, next_at_ms=None)
    await post.metadata.add_attempt(ended, "{}")
    await post.webhooks.replay(7, key, "msg_1")


@pytest.mark.parametrize(
    ("fault", "told"), [({"url": "https://10.0.0.1/"}, "not public"), ({"secret": "whsec_?"}, "on our side")]
)
async def test_a_webhook_that_cannot_be_sent_to_any_more_has_failed_attempts_and_holds_up_nobody(
    post: Post, fault: dict[str, str], told: str
) -> None:
    async with receiving(OK) as receiver:
        broken, other = await post.subscribe(receiver), await post.subscribe(receiver)
        webhook = await post.metadata.webhook(7, broken.webhook.webhook_id)
        await post.metadata.replace_webhook(webhook, replace(webhook, **fault))
        post.start()
        await post.happens(11)
        assert (await post.until_noted(other, 1))[0].outcome is Outcome.DELIVERED
        first = (await post.until_noted(broken, 1))[0]
    assert (first.outcome, first.status) == (Outcome.RETRYING, None)
    assert told in first.error


async def test_a_test_is_tried_once(post: Post) -> None:
    async with receiving(BUSY) as receiver:
        made = await post.subscribe(receiver, "video.ready")
        post.start()
        message_id = await post.webhooks.test(7, made.webhook.webhook_id)
        [attempt] = await post.until_noted(made, 1)
    assert (attempt.message_id, attempt.outcome) == (message_id, Outcome.GIVEN_UP)
    assert json.loads(receiver.requests[0][2])["type"] == "webhook.test"
    assert await post.letters() == []


@pytest.mark.parametrize(
    ("store", "error"), [("metadata", MetadataUnavailable("away")), ("eventlog", LogUnavailable("away"))]
)
async def test_a_store_that_is_away_delays_a_message_and_loses_none(post: Post, store: str, error: Exception) -> None:
    switch = Switch(getattr(post, store))
    setattr(post, store, switch)
    async with receiving(None, OK) as receiver:
        made = await post.subscribe(receiver)
        post.start()
        await post.happens(11)
        await until(lambda: bool(receiver.waiting))
        switch.error = error
        receiver.answer_waiting(BUSY)
        await until(lambda: post.stats.retries > 2)
        assert len(receiver.requests) == 1
        switch.error = None
        history = await post.until_noted(made, 2)
    assert [each.outcome for each in history] == [Outcome.RETRYING, Outcome.DELIVERED]
    assert ids(receiver) == ["msg_11_ready_1"] * 2


@pytest.mark.parametrize("topic", [Topic.VIDEOS, Topic.WEBHOOKS, Topic.WEBHOOKS_5S])
async def test_what_cannot_be_read_is_dead_lettered_and_holds_up_nothing(post: Post, topic: Topic) -> None:
    async with receiving(OK) as receiver:
        made = await post.subscribe(receiver)
        await post.eventlog.append(topic, "x", b"?")
        await post.happens(11)
        post.start()
        await post.until_noted(made, 1)
        await until(lambda: post.stats.malformed == 1)
    read_in = Topic.VIDEOS if topic is Topic.VIDEOS else Topic.WEBHOOKS
    [letter] = await post.eventlog.read(DEAD_LETTERS[read_in], {}, 10)
    assert json.loads(letter.value)["value"] == "?"


async def unreadable(post: Post, user_id: int, receiver: Receiver) -> NewSecret:
    """A webhook whose row no version of ours wrote."""
    made = await post.subscribe(receiver, user_id=user_id)
    webhook = await post.metadata.webhook(user_id, made.webhook.webhook_id)
    nonsense: Any = "nonsense"
    await post.metadata.replace_webhook(webhook, replace(webhook, disabled=nonsense))
    return made


async def test_a_message_at_which_something_of_ours_breaks_is_dead_lettered_and_holds_up_nothing(
    any_post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    async with receiving(OK) as receiver:
        broken = (await unreadable(any_post, 8, receiver)).webhook.webhook_id
        event = WebhookEvent(broken, 8, "msg_10_ready_1", "video.ready", "{}")
        position = await any_post.eventlog.append(Topic.WEBHOOKS, str(broken), encode(event))
        made = await any_post.subscribe(receiver)
        any_post.start()
        await any_post.happens(11)
        await any_post.until_noted(made, 1)
        await until(lambda: any_post.stats.broken == 1)
        letter = read_letter((await any_post.eventlog.read(Topic.WEBHOOKS_DEAD, {}, 10))[0])
        assert isinstance(letter, Poison)
        assert (letter.position, letter.code, letter.value) == (position, "unforeseen", encode(event))
        assert letter.detail == "ValueError: 'nonsense' is not a valid Disabled"
        assert again(letter) == (Topic.WEBHOOKS, encode(event))
        [said] = [each for each in caplog.records if each.exc_info]
        assert said.exc_info
        assert isinstance(said.exc_info[1], ValueError)
        await any_post.kill()
        any_post.start()
        await any_post.happens(12)
        await any_post.until_noted(made, 2)
    assert any_post.stats.broken == 1


async def test_a_change_at_which_something_of_ours_breaks_is_dead_lettered_and_others_are_told(post: Post) -> None:
    async with receiving(OK) as receiver:
        await unreadable(post, 8, receiver)
        made = await post.subscribe(receiver)
        post.start()
        await post.happens(10, user_id=8)
        await post.happens(11)
        await post.until_noted(made, 1)
    letter = read_letter((await post.eventlog.read(DEAD_LETTERS[Topic.VIDEOS], {}, 10))[0])
    assert isinstance(letter, Poison)
    assert (letter.code, post.stats.broken) == ("unforeseen", 1)


async def test_no_more_is_taken_than_may_wait_for_the_commit_of_one_that_is_slow(any_post: Post) -> None:
    any_post.settings = DeliverySettings(at_once=2, uncommitted=5)
    async with receiving(None, OK) as receiver:
        made = await any_post.subscribe(receiver)
        for video_id in range(100, 120):
            await any_post.happens(video_id)
        any_post.start()
        await any_post.until_noted(made, 4)
        await asyncio.sleep(0.3)
        assert len(receiver.requests) == 5
        receiver.answer_waiting(OK)
        await any_post.until_noted(made, 20)
    assert len(set(ids(receiver))) == len(receiver.requests) == 20


async def test_a_secret_is_in_no_log_record_attempt_or_letter_whatever_fails(
    post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with receiving(BUSY) as receiver:
        made = await post.subscribe(receiver)
        key = made.webhook.webhook_id
        secrets = [made.secret, (await post.webhooks.rotate(7, key)).secret]
        broken = await post.subscribe(receiver, user_id=8)
        webhook = await post.metadata.webhook(8, broken.webhook.webhook_id)
        secrets.append(broken.secret + "?")
        await post.metadata.replace_webhook(webhook, replace(webhook, secret=secrets[-1]))
        secrets.append((await unreadable(post, 9, receiver)).secret)
        post.start()
        for video_id, user_id in ((11, 7), (12, 8), (13, 9)):
            await post.happens(video_id, user_id=user_id)
        for each in (made, broken):
            await post.until_noted(each, len(WAITS_S) + 1)
        await until(lambda: post.stats.given_up == 2 and post.stats.broken == 1)
    told = [str(vars(each)) + caplog.handler.format(each) for each in caplog.records]
    assert any("Traceback" in each for each in told)
    for topic in Topic:
        told += [each.value.decode() for each in await post.eventlog.read(topic, {}, 100)]
    told += map(repr, [*await post.until_noted(made, 1), *await post.until_noted(broken, 1)])
    told += map(repr, [made, webhook, *await post.webhooks.all_of(7)])
    for secret in secrets:
        assert not [each for each in told if secret.removeprefix("whsec_") in each]
