"""Which waiting job is begun next: the laws of the queue, and what they give a user with one clip."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from origin.eventlog.base import Position
from packager.queueing import FairQueue, Job, expected_cost

costs = st.integers(1, 100)
arrivals = st.lists(st.tuples(st.integers(0, 4), costs), min_size=1, max_size=60)


def job(number: int, user_id: int, cost: int, video_id: int | None = None) -> Job:
    return Job(Position("uploads", 0, number), user_id, number if video_id is None else video_id, cost)


def filled(queue: FairQueue, users: list[tuple[int, int]]) -> FairQueue:
    for number, (user_id, cost) in enumerate(users):
        queue.add(job(number, user_id, cost))
    return queue


def begin_all(queue: FairQueue) -> list[Job]:
    begun = []
    while (chosen := queue.next(frozenset())) is not None:
        queue.begin(chosen.position)
        begun.append(chosen)
    return begun


@given(arrivals)
def test_as_long_as_jobs_wait_one_is_begun_and_each_once(users):
    begun = begin_all(filled(FairQueue(), users))
    assert sorted(each.position.offset for each in begun) == list(range(len(users)))


@given(st.integers(0, 8), st.lists(st.tuples(st.integers(0, 4), costs, st.booleans()), max_size=120))
def test_no_job_is_overtaken_more_often_than_allowed(overtakes, steps):
    queue = FairQueue(overtakes=overtakes)
    begun: list[int] = []
    for number, (user_id, cost, begins) in enumerate(steps):
        queue.add(job(number, user_id, cost))
        if begins and (chosen := queue.next(frozenset())) is not None:
            queue.begin(chosen.position)
            begun.append(chosen.position.offset)
    begun += [each.position.offset for each in begin_all(queue)]
    for place, number in enumerate(begun):
        assert sum(other > number for other in begun[:place]) <= overtakes


@given(st.lists(costs, min_size=1, max_size=40), st.lists(costs, min_size=1, max_size=40))
def test_users_who_wait_side_by_side_get_the_same_to_within_two_jobs(first, second):
    users = [(1, cost) for cost in first] + [(2, cost) for cost in second]
    queue = filled(FairQueue(overtakes=1000), users)
    given_to = {1: 0, 2: 0}
    left = {1: len(first), 2: len(second)}
    while all(left.values()):
        assert abs(given_to[1] - given_to[2]) <= max(first) + max(second)
        chosen = queue.next(frozenset())
        assert chosen is not None
        queue.begin(chosen.position)
        given_to[chosen.user_id] += chosen.cost
        left[chosen.user_id] -= 1


def test_of_one_users_jobs_the_short_ones_go_first():
    begun = begin_all(filled(FairQueue(), [(1, 9), (1, 3), (1, 5)]))
    assert [each.cost for each in begun] == [3, 5, 9]


def test_one_clip_each_of_twenty_users_waits_for_few_of_the_forty_of_another():
    begun = begin_all(filled(FairQueue(), [(0, 5)] * 40 + [(user, 5) for user in range(1, 21)]))
    places = [place for place, each in enumerate(begun) if each.user_id != 0]
    assert max(places) <= 21


def test_a_newcomer_does_not_begin_where_a_long_job_that_had_waited_its_longest_ends():
    queue = filled(FairQueue(overtakes=4), [(1, 500), *[(2, 1)] * 40])
    while (chosen := queue.next(frozenset())) is not None and chosen.user_id == 2:
        queue.begin(chosen.position)
    queue.begin(chosen.position)
    queue.add(job(99, 3, 1))
    assert 99 in [each.position.offset for each in begin_all(queue)[:3]]


def test_a_job_whose_video_is_worked_on_waits_and_others_do_not():
    queue = FairQueue()
    queue.add(job(0, 1, 1, video_id=7))
    queue.add(job(1, 1, 5, video_id=8))
    chosen = queue.next(frozenset({7}))
    assert chosen is not None
    assert chosen.video_id == 8
    assert queue.next(frozenset({7, 8})) is None


def test_a_job_that_went_elsewhere_is_charged_to_nobody():
    queue = filled(FairQueue(), [(1, 50), (1, 60), (2, 55)])
    queue.drop(Position("uploads", 0, 0))
    assert [each.user_id for each in begin_all(queue)] == [2, 1]


def test_a_clip_of_unknown_size_costs_as_one_of_usual_size():
    assert expected_cost(1) < expected_cost(0) < expected_cost(100 << 20)
