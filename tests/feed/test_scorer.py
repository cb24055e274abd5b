"""The scorer as a rule: what it learns, that it forgets in bounds, and that the same log makes the same lists."""

from __future__ import annotations

import contextlib
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feed.model.scorer import Scorer, checked
from feed.model.snapshot import BadSnapshot, decode, encode
from feed.settings import ScorerSettings
from origin.events import InteractionEvent, InteractionType, MalformedEvent, VideoChange, VideoEvent

NOW_MS = 1_800_000_000_000
HOUR_MS = 3_600_000
OLD_MS = NOW_MS - 100 * HOUR_MS
Event = InteractionEvent | VideoEvent
LIKE, VIEW, SKIP = InteractionType.LIKE, InteractionType.VIEW, InteractionType.SKIP
REFUSE = InteractionType.NOT_INTERESTED


def published(video_id: int, tag: str = "", at_ms: int = OLD_MS, **changes) -> VideoEvent:
    tags = (tag,) if tag else ()
    event = VideoEvent(video_id, 1000 + video_id, VideoChange.PUBLISHED, at_ms, duration_ms=10_000, tags=tags)
    return replace(event, **changes)


class Feeder:
    """Gives a scorer events a second apart."""

    def __init__(self, scorer: Scorer) -> None:
        self.scorer = scorer
        self.count = 0

    def act(self, user_id: int, kind: InteractionType, video_id: int, **changes) -> bool:
        self.count += 1
        at_ms = NOW_MS + 1000 * self.count
        fields = {"event_id": f"e{self.count}", "creator_id": 1000 + video_id, "watch_ms": 9_000, **changes}
        event = InteractionEvent(user_id=user_id, type=kind, video_id=video_id, at=at_ms, **fields)
        return self.scorer.interaction(event, at_ms)

    def listed(self, user_id: int) -> list[int]:
        return [entry.video_id for entry in self.scorer.build(user_id)]


@pytest.fixture
def feeder() -> Feeder:
    scorer = Scorer(ScorerSettings())
    for video_id in range(1, 201):
        scorer.video(published(video_id, f"tag{video_id % 10}"), OLD_MS)
    return Feeder(scorer)


def test_what_was_seen_is_never_listed(feeder):
    for kind, video_id in zip(InteractionType, range(1, 20), strict=False):
        feeder.act(1, kind, video_id)
    listed = feeder.listed(1)
    assert len(listed) == 60
    assert not set(listed) & set(range(1, 12))


def test_a_like_at_least_doubles_its_tag_on_the_next_page(feeder):
    feeder.act(1, SKIP, 200)
    before = feeder.listed(1)[:10]
    for video_id in (3, 13):
        feeder.act(1, LIKE, video_id)
    after = feeder.listed(1)[:10]
    share = [sum(video_id % 10 == 3 for video_id in page) for page in (before, after)]
    assert share[1] >= max(2, 2 * share[0])


def test_what_likers_of_the_same_video_liked_comes_first(feeder):
    for user_id in range(10, 40):
        feeder.act(user_id, LIKE, 3)
        feeder.act(user_id, LIKE, 7)
    for user_id in range(50, 80):
        feeder.act(user_id, LIKE, 99)
    feeder.act(1, LIKE, 3)
    assert feeder.listed(1)[0] == 7


def test_refusing_one_video_sinks_its_creator_and_tag(feeder):
    for user_id in range(10, 30):
        for video_id in range(5, 60):
            feeder.act(user_id, VIEW, video_id)
    assert any(video_id % 10 == 5 for video_id in feeder.listed(1)[:10])
    feeder.act(1, REFUSE, 5)
    assert not any(video_id % 10 == 5 for video_id in feeder.listed(1)[:40])


def test_following_lifts_a_creator_and_unfollowing_drops_it(feeder):
    feeder.act(1, InteractionType.FOLLOW, 0, creator_id=1042)
    assert feeder.listed(1)[0] == 42
    feeder.act(1, InteractionType.UNFOLLOW, 0, creator_id=1042)
    assert 42 not in feeder.listed(1)[:20]


def test_an_unlike_takes_the_like_back(feeder):
    for user_id in range(10, 40):
        feeder.act(user_id, LIKE, 3)
        feeder.act(user_id, LIKE, 7)
    feeder.act(1, LIKE, 3)
    feeder.act(1, InteractionType.UNLIKE, 3)
    assert feeder.scorer.users[1].positives == []


def test_a_new_video_is_listed_at_once_as_exploration(feeder):
    feeder.act(1, LIKE, 1)
    feeder.scorer.video(published(900, "new", NOW_MS), NOW_MS)
    sources = {entry.video_id: entry.source for entry in feeder.scorer.build(1)}
    assert list(sources).index(900) == 4
    assert sources[900] == "explore"


@pytest.mark.parametrize("change", [VideoChange.DELETED, VideoChange.REJECTED, VideoChange.FAILED])
def test_a_withdrawn_video_leaves_the_lists_at_once(feeder, change):
    feeder.act(1, LIKE, 1)
    gone = feeder.listed(1)[3]
    assert feeder.scorer.video(VideoEvent(gone, 0, change, NOW_MS), NOW_MS) == [1]
    assert gone not in [entry.video_id for entry in feeder.scorer.entries(1)]
    assert gone not in feeder.listed(1)


def test_a_clip_that_waits_for_a_person_is_nothing_to_the_feed(feeder):
    before = feeder.scorer.table.count
    assert feeder.scorer.video(VideoEvent(901, 0, VideoChange.HELD, NOW_MS), NOW_MS) == []
    assert feeder.scorer.table.count == before


def test_a_private_video_leaves_and_comes_back_public(feeder):
    feeder.scorer.settings = replace(feeder.scorer.settings, list_length=300)
    feeder.act(1, LIKE, 1)
    video_id = feeder.listed(1)[0]
    edited = published(video_id, change=VideoChange.EDITED, visibility="private")
    assert feeder.scorer.video(edited, NOW_MS) == [1]
    feeder.scorer.video(replace(edited, visibility="public"), NOW_MS)
    assert video_id in feeder.listed(1)


def test_a_deleted_video_stays_deleted(feeder):
    feeder.scorer.video(VideoEvent(5, 0, VideoChange.DELETED, NOW_MS), NOW_MS)
    feeder.scorer.video(published(5), NOW_MS)
    assert 5 not in feeder.listed(1)


def test_an_event_about_an_unknown_video_is_remembered_until_it_is_published(feeder):
    feeder.act(1, VIEW, 700)
    feeder.scorer.video(published(700, at_ms=NOW_MS), NOW_MS)
    assert 700 not in feeder.listed(1)
    assert 700 in feeder.listed(2)


def test_an_own_video_comes_last(feeder):
    feeder.act(1150, LIKE, 1)
    feeder.scorer.settings = replace(feeder.scorer.settings, list_length=300)
    assert feeder.listed(1150)[-1] == 150


def test_a_repeated_event_changes_nothing(feeder):
    assert feeder.act(1, LIKE, 5, event_id="same")
    before = encode(feeder.scorer, {})
    assert not feeder.act(1, LIKE, 6, event_id="same")
    assert encode(feeder.scorer, {}) == before


def test_when_everything_is_seen_the_list_is_empty():
    feeder = Feeder(Scorer(ScorerSettings()))
    feeder.scorer.video(published(1), OLD_MS)
    feeder.act(1, VIEW, 1)
    assert feeder.listed(1) == []


@pytest.mark.parametrize("changes", [{"video_id": 1 << 63}, {"at": -1}, {"watch_ms": 1 << 70}, {"user_id": 1 << 64}])
def test_numbers_that_do_not_fit_are_malformed(changes):
    event = InteractionEvent("e", 1, LIKE, 1, 1, NOW_MS)
    assert checked(event) is event
    with pytest.raises(MalformedEvent):
        checked(replace(event, **changes))


SMALL = ScorerSettings(
    max_videos=64, max_users=12, event_ids=50, full_scan=20, trending=10, fresh=10, refresh_every=16, list_length=10
)


def some_log(seed: int, length: int) -> list[tuple[Event, int]]:
    draw = random.Random(seed)
    log: list[tuple[Event, int]] = []
    for n in range(length):
        at_ms = NOW_MS + n * draw.choice([10, 1000, HOUR_MS])
        video_id = draw.randrange(1, 120)
        if draw.random() < 0.25:
            change = draw.choice([VideoChange.PUBLISHED] * 4 + list(VideoChange))
            event: Event = published(video_id, f"tag{draw.randrange(6)}", at_ms, change=change)
        else:
            kind = draw.choice(list(InteractionType))
            event = InteractionEvent(
                f"e{draw.randrange(length)}", draw.randrange(1, 20), kind, video_id, 1000 + video_id, at_ms, 9_000
            )
        log.append((event, at_ms))
    return log


def replay(scorer: Scorer, log: list[tuple[Event, int]], batches: list[int]) -> dict[int, tuple]:
    """As the worker does: a user's list is made after the last of its events in a batch."""
    lists: dict[int, tuple] = {}
    start = 0
    for size in [*batches, len(log)]:
        batch = log[start : start + size]
        last = {e.user_id: n for n, (e, _) in enumerate(batch) if isinstance(e, InteractionEvent)}
        for n, (event, at_ms) in enumerate(batch):
            if isinstance(event, VideoEvent):
                for user_id in scorer.video(event, at_ms):
                    lists[user_id] = scorer.entries(user_id)
            else:
                scorer.interaction(event, at_ms)
                if last[event.user_id] == n:
                    lists[event.user_id] = scorer.build(event.user_id)
        start += size
    return lists


@settings(deadline=None, max_examples=8)
@given(st.integers(0, 10_000), st.lists(st.integers(1, 60), max_size=20))
def test_the_same_log_makes_the_same_lists_however_it_is_cut(seed, batches):
    log = some_log(seed, 200)
    one_by_one, cut = Scorer(SMALL), Scorer(SMALL)
    lists = replay(one_by_one, log, [1] * len(log))
    assert replay(cut, log, batches) == lists
    live = set(one_by_one.users)
    assert {u: one_by_one.entries(u) for u in live} == {u: cut.entries(u) for u in live}


@settings(deadline=None, max_examples=8)
@given(st.integers(0, 10_000), st.integers(0, 200))
def test_a_scorer_that_goes_on_from_a_snapshot_is_one_that_never_stopped(seed, at):
    log = some_log(seed, 200)
    whole, first = Scorer(SMALL), Scorer(SMALL)
    replay(whole, log, [])
    replay(first, log[:at], [])
    snapshot = decode(encode(first, {("interactions", 0): at}, [5]), SMALL)
    assert snapshot.offsets == {("interactions", 0): at}
    assert snapshot.waiting == (5,)
    replay(snapshot.scorer, log[at:], [])
    users = sorted(whole.users)
    assert sorted(snapshot.scorer.users) == users
    assert [snapshot.scorer.build(u) for u in users] == [whole.build(u) for u in users]


@settings(deadline=None, max_examples=5)
@given(st.integers(0, 10_000))
def test_memory_stays_within_its_bounds_and_what_was_seen_stays_seen(seed):
    scorer = Scorer(SMALL)
    seen: dict[int, set[int]] = {}
    for event, at_ms in some_log(seed, 600):
        if isinstance(event, VideoEvent):
            scorer.video(event, at_ms)
        elif scorer.interaction(event, at_ms) and event.video_id:
            seen.setdefault(event.user_id, set()).add(event.video_id)
    assert scorer.table.count <= SMALL.max_videos
    assert len(scorer.users) <= SMALL.max_users
    assert len(scorer.event_ids) <= SMALL.event_ids
    assert len(scorer.table.candidates) == len(scorer.table.slot_of) == scorer.table.count
    for user_id, user in scorer.users.items():
        slots = np.flatnonzero(np.unpackbits(np.frombuffer(user.seen, np.uint8), bitorder="little"))
        known = {int(scorer.table.ids[slot]) for slot in slots}
        assert known <= seen[user_id]
        assert not known & {entry.video_id for entry in scorer.build(user_id)}


@given(st.binary(max_size=300))
def test_bytes_that_are_no_snapshot_are_refused(data):
    with pytest.raises(BadSnapshot):
        decode(data, SMALL)


@given(st.data())
@settings(deadline=None, max_examples=40)
def test_a_damaged_snapshot_is_refused_or_harmless(data):
    scorer = Scorer(SMALL)
    replay(scorer, some_log(1, 100), [])
    whole = bytearray(encode(scorer, {}))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(BadSnapshot):
        decode(bytes(whole), SMALL)


def test_a_snapshot_of_other_settings_is_refused():
    with pytest.raises(BadSnapshot):
        decode(encode(Scorer(SMALL), {}), replace(SMALL, neighbours=7))
