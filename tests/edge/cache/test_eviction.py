from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from edge.cache.eviction import S3Fifo

CAPACITY, ENTRIES = 1000, 20
keys = st.sampled_from([f"k{number}" for number in range(40)])


class EvictionMachine(RuleBasedStateMachine):
    """Whatever happens, the policy and a plain dictionary of sizes agree, and the capacity is never exceeded."""

    def __init__(self) -> None:
        super().__init__()
        self.policy = S3Fifo(CAPACITY, ENTRIES)
        self.model: dict[str, int] = {}

    @rule(key=keys, size=st.integers(0, 1200))
    def insert(self, key: str, size: int) -> None:
        left = self.policy.insert(key, size)
        self.model[key] = size
        for gone in left:
            del self.model[gone]
        assert len(left) == len(set(left))
        assert (key in left) == (size > CAPACITY)

    @rule(key=keys)
    def touch(self, key: str) -> None:
        self.policy.touch(key)

    @rule(key=keys)
    def remove(self, key: str) -> None:
        assert self.policy.remove(key) == (self.model.pop(key, None) is not None)

    @invariant()
    def agrees(self) -> None:
        assert self.policy.used == sum(self.model.values()) <= CAPACITY
        assert len(self.policy) == len(self.model) <= ENTRIES
        assert all(key in self.policy for key in self.model)


TestEviction = EvictionMachine.TestCase
TestEviction.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)


def test_one_hit_wonders_do_not_displace_what_is_popular() -> None:
    policy = S3Fifo(1000, 10_000)
    popular = [f"p{number}" for number in range(50)]
    for key in popular:
        policy.insert(key, 10)
        policy.touch(key)
    for number in range(5000):
        policy.insert(f"once{number}", 10)
        if number % 20 == 0:
            for key in popular:
                policy.touch(key)
    assert sum(key in policy for key in popular) == len(popular)


def test_a_key_that_comes_back_soon_after_it_left_is_kept() -> None:
    policy = S3Fifo(100, 1000)
    for number in range(11):
        policy.insert(f"k{number}", 10)
    assert "k0" not in policy
    policy.insert("k0", 10)
    for number in range(20, 28):
        policy.insert(f"k{number}", 10)
    assert "k0" in policy


def test_it_hits_more_often_than_least_recently_used_when_many_things_are_asked_for_once() -> None:
    import random
    from collections import OrderedDict

    draw = random.Random(7)  # a fixed seed: this is a comparison, not a search
    requests = [
        f"hot{min(int(draw.paretovariate(0.9)), 400)}" if draw.random() < 0.6 else f"once{number}"
        for number in range(30_000)
    ]
    policy, hits = S3Fifo(60, 10_000), 0
    recent: OrderedDict[str, None] = OrderedDict()
    recent_hits = 0
    for key in requests:
        if key in policy:
            hits += 1
            policy.touch(key)
        else:
            policy.insert(key, 1)
        recent_hits += key in recent
        recent[key] = None
        recent.move_to_end(key)
        if len(recent) > 60:
            recent.popitem(last=False)
    assert hits > recent_hits * 1.05


@given(st.lists(st.tuples(keys, st.integers(0, 300)), max_size=80))
def test_a_capacity_of_nothing_holds_nothing(inserts: list[tuple[str, int]]) -> None:
    policy = S3Fifo(0, 0)
    for key, size in inserts:
        assert policy.insert(key, size) == (key,)
    assert policy.used == len(policy) == 0


def test_a_negative_capacity_is_an_error() -> None:
    with pytest.raises(ValueError, match="negative"):
        S3Fifo(-1, 1)
