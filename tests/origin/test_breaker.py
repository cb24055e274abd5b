from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from origin.breaker import BreakerSettings, Closed, HalfOpen, Open, admit, after

S = BreakerSettings(failures=3, open_ms=500, open_most_ms=2_000, probe_ms=1_000)


def failing(times: int, now_ms: int = 0):
    state = Closed()
    for _ in range(times):
        state = after(state, False, now_ms, S)
    return state


def test_it_opens_after_so_many_failures_in_a_row():
    assert failing(2) == Closed(2)
    assert failing(3) == Open(500, 500)


def test_a_success_forgets_the_failures_before():
    assert after(failing(2), True, 0, S) == Closed()


def test_an_open_breaker_refuses_until_its_time_is_over():
    assert admit(failing(3), 499, S) == (False, Open(500, 500))
    assert admit(failing(3), 500, S) == (True, HalfOpen(1_500, 500))


def test_one_probe_at_a_time_decides():
    _, probing = admit(failing(3), 500, S)
    assert admit(probing, 600, S) == (False, probing)
    assert after(probing, True, 600, S) == Closed()
    assert after(probing, False, 600, S) == Open(1_600, 1_000)


def test_a_probe_that_never_ends_gives_way_to_another():
    _, probing = admit(failing(3), 500, S)
    assert admit(probing, 1_500, S)[0]


def test_a_late_failure_does_not_prolong_an_open_breaker():
    assert after(failing(3), False, 400, S) == Open(500, 500)


@given(st.lists(st.tuples(st.integers(0, 5_000), st.booleans()), max_size=60))
def test_it_is_never_shut_for_longer_than_its_most(steps):
    state, now_ms = Closed(), 0
    for wait_ms, ok in steps:
        now_ms += wait_ms
        admitted, state = admit(state, now_ms, S)
        if admitted:
            state = after(state, ok, now_ms, S)
    assert admit(state, now_ms + max(S.open_most_ms, S.probe_ms), S)[0]


def test_a_clock_that_was_set_back_keeps_no_breaker_shut():
    opened = failing(3, now_ms=3_600_000)
    assert admit(opened, 0, S)[0]
    _, probing = admit(opened, 3_600_500, S)
    assert admit(probing, 0, S)[0]
