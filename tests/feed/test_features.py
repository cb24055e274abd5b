from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feed.features import (
    AFFINITY_MOST,
    UserState,
    lean,
    like_more,
    like_no_more,
    mark_seen,
    signal,
    tag_key,
)
from feed.model.decay import Scale
from origin.events import InteractionEvent, InteractionType


def event(kind: InteractionType, watch_ms: int = 0) -> InteractionEvent:
    return InteractionEvent("e", 1, kind, 2, 3, 0, watch_ms=watch_ms)


@pytest.mark.parametrize("kind", InteractionType)
def test_every_interaction_says_something_definite(kind):
    said = signal(event(kind), 10_000)
    assert said.positive >= 0
    assert not (said.completion and not said.impression)


@pytest.mark.parametrize(
    ("watch_ms", "duration_ms", "complete"),
    [(8_000, 10_000, True), (7_999, 10_000, False), (18_000, 60_000, True), (17_999, 60_000, False), (8_000, 0, True)],
)
def test_a_long_view_is_most_of_a_video_or_a_good_while(watch_ms, duration_ms, complete):
    said = signal(event(InteractionType.VIEW, watch_ms), duration_ms)
    assert said.completion == complete
    assert (said.positive > 0) == complete


def test_a_glimpse_is_a_skip():
    assert signal(event(InteractionType.VIEW, 500), 10_000) == signal(event(InteractionType.SKIP), 10_000)


def test_refusing_weighs_more_than_skipping():
    skip, refuse = (signal(event(k), 0).affinity for k in (InteractionType.SKIP, InteractionType.NOT_INTERESTED))
    assert refuse < 10 * skip < 0


@given(st.sets(st.integers(0, 5_000), max_size=50))
def test_the_seen_bitmap_is_exact(slots):
    user = UserState()
    for slot in slots:
        mark_seen(user, slot)
    assert {slot for slot in range(8 * len(user.seen)) if user.seen[slot // 8] >> slot % 8 & 1} == slots


def test_positives_keep_the_newest_and_each_once():
    user = UserState()
    for slot in range(60):
        assert like_more(user, slot, 1.0, 50)
    assert not like_more(user, 59, 1.5, 50)
    assert [slot for slot, _ in user.positives] == list(range(10, 60))
    assert user.positives[-1] == (59, 1.5)
    like_no_more(user, 59)
    assert user.positives[-1] == (58, 1.0)


@given(st.lists(st.tuples(st.integers(1, 30), st.floats(-8, 8))))
def test_affinities_are_bounded_in_size_and_number(changes):
    affinities: dict[int, float] = {}
    for key, change in changes:
        lean(affinities, [key], change, 10)
    assert len(affinities) <= 10
    assert all(abs(value) <= AFFINITY_MOST for value in affinities.values())


@given(st.text())
def test_a_tag_key_is_stable_positive_and_fits(tag):
    assert 0 < tag_key(tag) < 1 << 63
    assert tag_key(tag) == tag_key(tag)


def test_a_scaled_weight_halves_per_half_life():
    scale = Scale(1_000, since_ms=5_000)
    assert scale.growth(5_000) / scale.growth(6_000) == 0.5


def test_renewing_the_scale_keeps_what_values_are_worth():
    scale = Scale(1_000, since_ms=0)
    value = scale.growth(40_000)
    factor = scale.renew(41_000)
    assert factor is not None
    assert value * factor / scale.growth(41_000) == 0.5
    assert scale.renew(41_000) is None
