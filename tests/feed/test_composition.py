"""Diversity, the floor for new videos, exploration and the popularity list."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feed.coldstart import Known, popularity
from feed.diversity import Candidate
from feed.explore import bound, optimism
from feed.model.retrieve import explore_bounds
from feed.ranking import compose
from feed.settings import MixSettings, PoolSettings

MIX = MixSettings()
NOW_MS = 1_800_000_000_000
HOUR_MS = 3_600_000
CREATORS = st.integers(1, 6)
TAGS = st.frozensets(st.sampled_from("abcde"), max_size=2)
LANES = st.lists(st.tuples(CREATORS, TAGS), max_size=40)


def lane(of: list[tuple[int, frozenset[str]]], first_id: int = 1) -> list[Candidate]:
    return [Candidate(first_id + n, creator, tags) for n, (creator, tags) in enumerate(of)]


def keeps(window: list[Candidate]) -> bool:
    creators = [c.creator_id for c in window]
    tags = [tag for c in window for tag in c.tags]
    return len(set(creators)) == len(creators) and all(tags.count(tag) <= MIX.per_tag for tag in tags)


@given(LANES, LANES, st.integers(0, 50), st.integers(0, 12))
def test_the_limits_hold_wherever_a_candidate_would_have_kept_them(ranked, explore, count, start):
    main, new = lane(ranked), lane(explore, 1000)
    picks = [p.candidate for p in compose(main, new, count, MIX, start=start)]
    left = {c.video_id: c for c in (*main, *new)}
    for place, pick in enumerate(picks):
        before = picks[max(0, place + 1 - MIX.window) : place]
        if not keeps([*before, pick]):
            assert not any(keeps([*before, other]) for other in left.values())
        del left[pick.video_id]


@given(LANES, LANES, st.integers(0, 50))
def test_every_candidate_is_used_once_before_a_list_ends(ranked, explore, count):
    main, new = lane(ranked), lane(explore, 20)
    ids = [p.candidate.video_id for p in compose(main, new, count, MIX)]
    assert len(ids) == len(set(ids)) == min(count, len({c.video_id for c in (*main, *new)}))


def test_the_items_of_the_page_before_count():
    before = [Candidate(90 + n, creator) for n, creator in enumerate((1, 2, 3, 4))]
    ranked = [Candidate(n, n) for n in range(1, 7)]
    assert [p.candidate.video_id for p in compose(ranked, (), 2, MIX, recent=before)] == [5, 1]


def test_one_slot_in_five_is_for_new_videos():
    ranked = [Candidate(n, n) for n in range(1, 101)]
    explore = [Candidate(n, n) for n in range(201, 231)]
    explored = [p.explored for p in compose(ranked, explore, 50, MIX)]
    assert [n for n, yes in enumerate(explored) if yes] == list(range(4, 50, 5))


def test_a_ranked_new_video_fills_the_floor():
    ranked = [Candidate(n, n) for n in range(1, 21)]
    explore = [Candidate(n, n) for n in range(201, 231)]
    picks = compose(ranked, explore, 10, MIX, new={2})
    assert [n for n, pick in enumerate(picks) if pick.explored] == [9]


def test_with_only_one_creator_the_limits_give_way():
    assert len(compose([Candidate(n, 7) for n in range(1, 11)], (), 10, MIX)) == 10


def test_an_unseen_video_is_promising_and_a_disappointing_one_is_not():
    unseen, loved, ignored = bound(0, 0, 1.5), bound(50, 40, 1.5), bound(50, 2, 1.5)
    assert ignored < unseen < loved


@given(st.floats(0, 1e6), st.floats(0, 1), st.floats(1, 2))
def test_the_bound_stays_near_a_share_and_falls_with_certainty(impressions, share, eager):
    completions = share * impressions
    assert 0 < bound(impressions, completions, eager) < 1.5
    mean = (1 + completions) / (3 + impressions)
    assert bound(impressions, completions, eager) >= mean


@given(
    st.integers(1, (1 << 63) - 1),
    st.lists(st.tuples(st.integers(1, (1 << 63) - 1), st.floats(0, 1e4), st.floats(0, 1)), min_size=1, max_size=20),
)
def test_many_bounds_at_once_are_the_bounds_one_by_one(user_id, videos):
    ids = np.array([v for v, _, _ in videos], np.int64)
    impressions = np.array([n for _, n, _ in videos])
    completions = np.array([n * share for _, n, share in videos])
    many = explore_bounds(impressions, completions, user_id, ids)
    one = [bound(n, n * share, optimism(user_id, v)) for v, n, share in videos]
    assert many == pytest.approx(one, rel=1e-9)


def known(video_id: int, heat: float = 0, age_h: float = 100, tags: str = "", views: int = 0) -> Known:
    candidate = Candidate(video_id, video_id, frozenset(tags))
    return Known(candidate, NOW_MS - int(age_h * HOUR_MS), heat, views, 0)


def ranked_ids(videos: list[Known]) -> list[int]:
    return [c.video_id for c in popularity(videos, NOW_MS, PoolSettings(), MIX).ranked]


def test_hot_comes_before_cold_and_new_before_old():
    assert ranked_ids([known(1), known(2, heat=50), known(3, age_h=1), known(4, heat=5)]) == [2, 4, 3, 1]


def test_the_head_of_the_list_is_spread_over_tags():
    cats = [known(n, heat=100 - n, tags="c") for n in range(1, 21)]
    dogs = [known(n, heat=80 - n, tags="d") for n in range(21, 41)]
    head = ranked_ids([*cats, *dogs])[:10]
    assert 3 <= sum(video_id > 20 for video_id in head) <= 7


def test_only_new_videos_are_explored_the_least_seen_first():
    videos = [known(1, age_h=1, views=5000), known(2, age_h=11), known(3, age_h=13)]
    found = popularity(videos, NOW_MS, PoolSettings(), MIX)
    assert [c.video_id for c in found.explore] == [2, 1]
    assert found.fresh == {1, 2}


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 500), st.sampled_from(["", "a", "ab"])), max_size=150))
def test_the_popularity_list_has_every_video_once(rows):
    videos = [known(n + 1, heat, age, tags) for n, (heat, age, tags) in enumerate(rows)]
    assert sorted(ranked_ids(videos)) == list(range(1, len(rows) + 1))
