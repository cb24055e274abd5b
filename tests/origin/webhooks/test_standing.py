"""What is told, to whom, with which secrets, when a webhook is disabled, and how much room it has."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.events import VideoChange, VideoEvent
from origin.model import VideoStatus
from origin.subscriptions import DAY_MS, MOST_WEBHOOKS, Disabled, Webhook
from origin.webhooks.message import TEST, TYPES, message_of
from origin.webhooks.rooms import Rooms, RoomSettings
from origin.webhooks.schedule import Again, Delivered, GivenUp, Unsubscribed
from origin.webhooks.standing import FAILING_MS, OVERLAP_MS, after_attempt, enabled, rotated, secrets_of, wants

NOW_MS = 1_800_000_000_000
HOOK = Webhook(1, 7, "https://a.example/", (), "whsec_a", NOW_MS)


def told(change: VideoChange, status: str = "", **more) -> VideoEvent:
    event = VideoEvent(11, 7, change, NOW_MS, duration_ms=9000, revision=3, status=status)
    return replace(event, **more)


@pytest.mark.parametrize(
    ("event", "kind", "status"),
    [
        (told(VideoChange.PUBLISHED, "playable"), "video.playable", "playable"),
        (told(VideoChange.PUBLISHED, "ready"), "video.ready", "ready"),
        (told(VideoChange.REJECTED, "deleted"), "video.rejected", "rejected"),
        (told(VideoChange.FAILED), "video.failed", "failed"),
        (told(VideoChange.DELETED, "ready"), "video.deleted", "deleted"),
        (told(VideoChange.HELD, "processing"), "video.held", "processing"),
    ],
)
def test_a_change_that_creators_are_told_of_makes_one_message_however_often_it_is_told(event, kind, status):
    message, again = message_of(event), message_of(replace(event, timestamp=NOW_MS + 5))
    assert message
    assert again
    assert message.message_id == again.message_id
    assert "." not in message.message_id
    body = json.loads(message.body)
    assert (message.kind, body["type"], body["timestamp"]) == (kind, kind, "2027-01-15T08:00:00.000Z")
    assert body["data"] == {
        "id": "11",
        "status": status,
        "visibility": "public",
        "revision": 3,
        "duration_ms": 9000,
    }


def test_a_failure_is_told_with_its_code():
    event = told(VideoChange.FAILED, failure_code="processing_failed", failure_detail="It broke.")
    message = message_of(event)
    assert message
    assert json.loads(message.body)["data"]["failure"] == {"code": "processing_failed", "detail": "It broke."}


def test_what_was_never_published_has_no_duration():
    message = message_of(VideoEvent(11, 7, VideoChange.HELD, NOW_MS, status="processing"))
    assert message
    assert json.loads(message.body)["data"]["duration_ms"] is None


@given(st.sampled_from(VideoChange), st.sampled_from(["", *VideoStatus]), st.integers(0, 9), st.integers(1, 9))
def test_other_videos_types_and_revisions_have_other_ids(change, status, revision, video_id):
    def message(**changes):
        return message_of(replace(told(change, status, video_id=video_id, revision=revision), **changes))

    first = message()
    if first is None:
        assert change in {VideoChange.EDITED, VideoChange.PUBLISHED}
        return
    assert first.kind in TYPES
    ends = (VideoChange.FAILED, VideoChange.DELETED)
    others = [message(revision=revision + 1), message(video_id=video_id + 10)]
    others += [message(change=end) for end in ends if end is not change]
    assert first.message_id not in {each.message_id for each in others if each}


def test_a_webhook_gets_what_it_asks_for_and_without_asking_everything():
    some = replace(HOOK, types=("video.failed", "video.ready"))
    assert [kind for kind in TYPES if wants(some, kind)] == ["video.ready", "video.failed"]
    assert all(wants(HOOK, kind) for kind in TYPES)
    assert not any(wants(replace(HOOK, disabled=reason), kind) for kind in TYPES for reason in Disabled)


def test_after_a_rotation_both_secrets_sign_for_a_day_and_after_two_the_first_does_not():
    once = rotated(HOOK, "whsec_b", NOW_MS)
    assert secrets_of(once, NOW_MS + OVERLAP_MS - 1) == ["whsec_b", "whsec_a"]
    assert secrets_of(once, NOW_MS + OVERLAP_MS) == ["whsec_b"]
    assert secrets_of(rotated(once, "whsec_c", NOW_MS), NOW_MS) == ["whsec_c", "whsec_b"]
    assert secrets_of(HOOK, NOW_MS) == ["whsec_a"]


def test_days_of_failures_disable_only_with_a_message_that_was_given_up():
    first = after_attempt(HOOK, "video.ready", Again(5), NOW_MS)
    assert first.failing_since_ms == NOW_MS
    week_ms = NOW_MS + 7 * DAY_MS
    assert after_attempt(first, "video.ready", Again(5), week_ms) == first
    assert after_attempt(first, "video.ready", GivenUp(), NOW_MS + FAILING_MS - 1) == first
    assert after_attempt(first, "video.ready", GivenUp(), week_ms).disabled is Disabled.FAILING
    assert after_attempt(HOOK, "video.ready", GivenUp(), week_ms).disabled is None


def test_what_arrives_ends_a_run_of_failures():
    failing = replace(HOOK, failing_since_ms=NOW_MS)
    assert after_attempt(failing, "video.ready", Delivered(), NOW_MS + 1) == HOOK


def test_a_test_that_fails_says_nothing_of_messages_and_one_that_is_refused_for_good_does():
    failing = replace(HOOK, failing_since_ms=NOW_MS - 7 * DAY_MS)
    assert after_attempt(failing, TEST, GivenUp(), NOW_MS) == failing
    assert after_attempt(HOOK, TEST, Unsubscribed(), NOW_MS).disabled is Disabled.GONE


def test_a_webhook_that_is_disabled_keeps_its_reason_until_it_is_enabled_without_a_past():
    gone = after_attempt(replace(HOOK, failing_since_ms=NOW_MS), "video.ready", Unsubscribed(), NOW_MS)
    assert enabled(gone, yes=False) == gone
    assert after_attempt(gone, "video.ready", Delivered(), NOW_MS) == gone
    assert enabled(gone, yes=True) == HOOK
    assert enabled(HOOK, yes=False).disabled is Disabled.OWNER


@given(st.lists(st.tuples(st.integers(1, 5), st.booleans(), st.booleans()), max_size=80))
def test_no_webhook_and_no_user_has_more_than_its_room_and_the_failing_leave_room_for_others(steps):
    rooms, inside = Rooms(RoomSettings(each=3, failing_each=1, failing_all=2, user=4)), []
    for webhook_id, failing, comes in steps:
        user_id = webhook_id % 2
        if comes:
            alike = [each for each in inside if each[0] == webhook_id]
            room = len(alike) < (1 if failing else 3) and not (failing and sum(each[2] for each in inside) >= 2)
            room = room and sum(each[1] == user_id for each in inside) < 4
            assert rooms.enter(webhook_id, user_id, failing=failing) is room
            inside += [(webhook_id, user_id, failing)] * room
        elif inside:
            webhook_id, user_id, failing = inside.pop()
            rooms.leave(webhook_id, user_id, failing=failing)
    for webhook_id, user_id, failing in inside:
        rooms.leave(webhook_id, user_id, failing=failing)
    assert rooms == Rooms(rooms.settings)


def test_however_many_of_a_users_webhooks_fail_another_has_all_its_room():
    rooms = Rooms(RoomSettings())
    *failing, healthy = range(MOST_WEBHOOKS)
    assert all(rooms.enter(webhook_id, 7, failing=True) for webhook_id in failing)
    assert all(rooms.enter(healthy, 7, failing=False) for _ in range(rooms.settings.each))
    assert not rooms.enter(MOST_WEBHOOKS, 7, failing=False)
    assert rooms.enter(MOST_WEBHOOKS, 8, failing=False)
