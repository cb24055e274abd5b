"""What every backend of the rate limits promises. A backend is added to
`conftest.SPEED_LAYERS`, never special-cased below."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.gateway.limits import Limits, Policy, open_limits

NOW = 1_767_225_600_000
POLICY = Policy("read", quota=3, window_s=6)


@pytest.fixture
async def limits(layer) -> AsyncIterator[Limits]:
    opened = open_limits(layer.fresh(), timeout_s=5)
    yield opened
    await opened.close()


def a_key() -> str:
    return secrets.token_hex(8)


async def test_a_burst_of_the_quota_passes_and_no_more(limits):
    key = a_key()
    spent = [await limits.spend(POLICY, key, NOW) for _ in range(4)]
    assert [each.allowed for each in spent] == [True, True, True, False]
    assert [each.remaining for each in spent] == [2, 1, 0, 0]
    assert spent[3].retry_after_ms == 2000
    assert spent[3].reset_ms == 6000


async def test_a_token_comes_back_evenly(limits):
    key = a_key()
    for _ in range(3):
        await limits.spend(POLICY, key, NOW)
    assert not (await limits.spend(POLICY, key, NOW + 1999)).allowed
    assert (await limits.spend(POLICY, key, NOW + 2000)).allowed
    assert not (await limits.spend(POLICY, key, NOW + 2000)).allowed


async def test_asking_often_does_not_stop_the_refill(limits):
    key = a_key()
    allowed = [(await limits.spend(POLICY, key, NOW + step)).allowed for step in range(0, 6000, 97)]
    assert sum(allowed) == 3 + 2


async def test_a_clock_that_was_set_back_by_hours_locks_nobody_out(limits):
    key, earlier = a_key(), NOW - 3_600_000
    for _ in range(3):
        await limits.spend(POLICY, key, NOW)
    assert not (await limits.spend(POLICY, key, earlier)).allowed
    assert not (await limits.spend(POLICY, key, earlier + 1999)).allowed
    assert (await limits.spend(POLICY, key, earlier + 2000)).allowed


async def test_clocks_that_differ_a_little_refill_no_more_than_one(limits):
    key = a_key()
    moments = [NOW + step - (500 if step % 200 else 0) for step in range(0, 6000, 100)]
    allowed = [(await limits.spend(POLICY, key, moment)).allowed for moment in moments]
    assert sum(allowed) <= 3 + 3


async def test_keys_and_policies_have_buckets_of_their_own(limits):
    key = a_key()
    for _ in range(3):
        await limits.spend(POLICY, key, NOW)
    assert (await limits.spend(POLICY, a_key(), NOW)).allowed
    assert (await limits.spend(Policy("write", 1, 60), key, NOW)).allowed


async def test_a_clock_that_steps_back_gives_nothing(limits):
    key = a_key()
    for _ in range(3):
        await limits.spend(POLICY, key, NOW)
    assert not (await limits.spend(POLICY, key, NOW - 60_000)).allowed
    assert not (await limits.spend(POLICY, key, NOW + 1000)).allowed


@given(
    quota=st.integers(1, 50),
    window_s=st.integers(1, 600),
    steps=st.lists(st.integers(0, 20_000), min_size=1, max_size=40),
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_more_than_the_quota_of_the_windows_begun_passes(limits, quota, window_s, steps):
    policy, key, now, passed = Policy("law", quota, window_s), a_key(), NOW, 0
    for step in steps:
        now += step
        passed += (await limits.spend(policy, key, now)).allowed
        windows = (now - NOW) / (window_s * 1000)
        assert passed <= quota * (windows + 1)
    assert limits.degraded == 0


async def test_while_redis_is_away_local_buckets_decide(tmp_path):
    limits = open_limits(f"unix://{tmp_path}/nobody.sock")
    key = a_key()
    spent = [await limits.spend(POLICY, key, NOW) for _ in range(4)]
    assert [each.allowed for each in spent] == [True, True, True, False]
    assert limits.degraded == 4
    await limits.close()


def test_another_scheme_is_refused():
    with pytest.raises(ValueError, match="memory:"):
        open_limits("ftp://x")
