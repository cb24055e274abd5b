"""What every counter store promises. A backend is added to `conftest.SPEED_LAYERS`, never special-cased below."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from origin.counters import Counters, CountersUnavailable, CountersWentBack, Increment, Run, Written, open_counters
from origin.eventlog import Position
from origin.model import CountKind

VIEWS, LIKES = CountKind.VIEWS, CountKind.LIKES


@pytest.fixture
async def counters(layer) -> AsyncIterator[Counters]:
    opened = open_counters(layer.fresh())
    yield opened
    await opened.close()


async def apply(counters: Counters, group: str, increments: Sequence[Increment]) -> int:
    """By a consumer that has just begun: one run of each partition."""
    offsets: dict[tuple[str, int], int] = {}
    for increment in increments:
        at = increment.position
        offsets[at.topic, at.partition] = max(at.offset, offsets.get((at.topic, at.partition), -1))
    runs = [Run(*place, -1, through, begins=True) for place, through in offsets.items()]
    return await counters.apply(group, runs, increments)


def an_increment(offset: int, video_id: int = 1, kind: CountKind = VIEWS, by: int = 1, event_id: str = "") -> Increment:
    return Increment(event_id, video_id, kind, by, Position("interactions", 0, offset))


async def test_increments_gather_per_video_and_kind(counters):
    increments = [an_increment(0), an_increment(1), an_increment(2, kind=LIKES), an_increment(3, video_id=2, by=-3)]
    assert await apply(counters, "g", increments) == 4
    assert dict(await counters.pending([1, 2, 3])) == {(1, VIEWS): 2, (1, LIKES): 1, (2, VIEWS): -3}
    assert dict(await counters.pending([3])) == {}
    assert dict(await counters.pending([])) == {}


async def test_applying_nothing_counts_nothing(counters):
    assert await apply(counters, "g", []) == 0
    batch = await counters.begin_flush()
    assert (dict(batch.deltas), dict(batch.marks)) == ({}, {})


async def test_records_at_or_below_the_mark_are_skipped(counters):
    await apply(counters, "g", [an_increment(0), an_increment(1)])
    assert await apply(counters, "g", [an_increment(0), an_increment(1), an_increment(2)]) == 1
    assert dict(await counters.pending([1])) == {(1, VIEWS): 3}


async def test_several_increments_of_one_record_all_count(counters):
    assert await apply(counters, "g", [an_increment(0), an_increment(0, kind=LIKES)]) == 2


async def test_groups_and_partitions_have_marks_of_their_own(counters):
    elsewhere = Increment("", 1, VIEWS, 1, Position("interactions", 1, 0))
    assert await apply(counters, "g", [an_increment(5), elsewhere]) == 2
    assert await apply(counters, "h", [an_increment(5)]) == 1


async def test_an_event_id_counts_once(counters):
    assert await apply(counters, "g", [an_increment(0, event_id="e"), an_increment(1, event_id="e")]) == 1
    assert await apply(counters, "g", [an_increment(2, event_id="e"), an_increment(3, event_id="f" * 4000)]) == 1
    assert dict(await counters.pending([1])) == {(1, VIEWS): 2}


async def test_repeats_of_acts_are_told_by_their_position(counters):
    at = [Position("interactions", 0, offset) for offset in range(6)]
    assert await counters.repeated([]) == set()
    assert await counters.repeated([("a", at[0]), ("b", at[1]), ("a", at[2])]) == {at[2]}
    assert await counters.repeated([("a", at[0]), ("b", at[3]), ("c", at[4])]) == {at[3]}
    assert await apply(counters, "g", [an_increment(4, event_id="c"), an_increment(5, event_id="a")]) == 1


async def test_a_repeated_event_id_still_moves_the_mark(counters):
    await apply(counters, "g", [an_increment(0, event_id="e"), an_increment(1, event_id="e")])
    assert await apply(counters, "g", [an_increment(1)]) == 0


async def test_a_batch_is_the_same_until_it_is_ended(counters):
    await apply(counters, "g", [an_increment(0)])
    batch = await counters.begin_flush()
    await apply(counters, "g", [an_increment(1)])
    assert await counters.begin_flush() == batch
    assert dict(batch.deltas) == {(1, VIEWS): 1}
    await counters.end_flush(batch.batch_id)
    await counters.end_flush(batch.batch_id)
    following = await counters.begin_flush()
    assert following.batch_id != batch.batch_id
    assert dict(following.deltas) == {(1, VIEWS): 1}


async def test_what_is_being_flushed_is_still_pending(counters):
    await apply(counters, "g", [an_increment(0)])
    batch = await counters.begin_flush()
    await apply(counters, "g", [an_increment(1)])
    assert dict(await counters.pending([1])) == {(1, VIEWS): 2}
    await counters.end_flush(batch.batch_id)
    assert dict(await counters.pending([1])) == {(1, VIEWS): 1}


async def test_ending_another_batch_changes_nothing(counters):
    await apply(counters, "g", [an_increment(0)])
    batch = await counters.begin_flush()
    await counters.end_flush("another")
    assert await counters.begin_flush() == batch


async def test_a_batch_carries_the_marks_of_its_moment(counters):
    await apply(counters, "g", [an_increment(0), an_increment(7)])
    batch = await counters.begin_flush()
    await apply(counters, "g", [an_increment(9)])
    assert dict((await counters.begin_flush()).marks) == {("g", "interactions", 0): 7}
    await counters.end_flush(batch.batch_id)
    assert dict((await counters.begin_flush()).marks) == {("g", "interactions", 0): 9}


async def test_an_empty_batch_tells_how_far_everything_is_written(counters):
    await apply(counters, "g", [an_increment(3)])
    await counters.end_flush((await counters.begin_flush()).batch_id)
    await counters.apply("g", [Run("interactions", 0, 3, 8), Run("interactions", 1, -1, 2)], [])
    batch = await counters.begin_flush()
    assert dict(batch.deltas) == {}
    assert dict(batch.marks) == {("g", "interactions", 0): 8, ("g", "interactions", 1): 2}


async def test_a_run_without_increments_moves_the_mark(counters):
    await counters.apply("g", [Run("interactions", 0, -1, 9)], [an_increment(2)])
    assert await apply(counters, "g", [an_increment(9)]) == 0
    assert await apply(counters, "g", [an_increment(10)]) == 1


async def test_a_run_behind_a_gap_is_refused_and_changes_nothing(counters):
    await apply(counters, "g", [an_increment(4)])
    elsewhere = Increment("e", 1, VIEWS, 1, Position("interactions", 1, 0))
    runs = [Run("interactions", 1, -1, 0), Run("interactions", 0, 5, 6)]
    with pytest.raises(CountersWentBack) as refused:
        await counters.apply("g", runs, [elsewhere, an_increment(6, event_id="f")])
    assert dict(refused.value.marks) == {("interactions", 0): 4}
    with pytest.raises(CountersWentBack):
        await counters.apply("g", [Run("interactions", 0, 5, 5)], [])
    assert await apply(counters, "g", [elsewhere, an_increment(5), an_increment(6, event_id="f")]) == 3


async def test_a_run_that_follows_or_overlaps_what_was_applied_is_taken(counters):
    await apply(counters, "g", [an_increment(4)])
    assert await counters.apply("g", [Run("interactions", 0, 4, 6)], [an_increment(6)]) == 1
    assert await counters.apply("g", [Run("interactions", 0, 4, 7)], [an_increment(6), an_increment(7)]) == 1
    assert await counters.apply("g", [Run("interactions", 0, 6, 6)], []) == 0


async def test_a_consumer_that_begins_is_taken_unless_a_mark_is_behind_its_beginning(counters):
    begins = Run("interactions", 0, 5, 6, begins=True)
    assert await counters.apply("g", [begins], [an_increment(6)]) == 1
    with pytest.raises(CountersWentBack):
        await counters.apply("g", [Run("interactions", 0, 7, 8, begins=True)], [an_increment(8)])
    with pytest.raises(CountersWentBack) as refused:
        await counters.apply("g", [Run("interactions", 1, 5, 6)], [])
    assert dict(refused.value.marks) == {}


async def flushed(counters: Counters) -> str:
    batch = await counters.begin_flush()
    await counters.end_flush(batch.batch_id)
    return batch.batch_id


async def test_a_batch_names_the_one_that_was_ended_before_it(counters):
    await apply(counters, "g", [an_increment(0)])
    assert (await counters.begin_flush()).after == ""
    first = await flushed(counters)
    assert (await counters.begin_flush()).after == first
    await apply(counters, "g", [an_increment(1)])
    await counters.end_flush("another")
    assert (await counters.begin_flush()).after == first
    second = await flushed(counters)
    assert (await counters.begin_flush()).after == second


def some_events(offsets: Sequence[int]) -> list[Increment]:
    return [an_increment(offset, event_id=f"e{offset}") for offset in offsets]


async def test_rewound_counters_count_again_what_lies_behind_the_written_batch(counters):
    await apply(counters, "g", some_events(range(5)))
    await flushed(counters)
    await apply(counters, "g", some_events(range(5, 10)))
    await counters.begin_flush()
    await counters.rewind(Written("x", {("g", "interactions", 0): 7}))
    assert dict(await counters.pending([1])) == {}
    with pytest.raises(CountersWentBack) as refused:
        await counters.apply("g", [Run("interactions", 0, 9, 9)], [])
    assert dict(refused.value.marks) == {("interactions", 0): 7}
    assert await apply(counters, "g", [*some_events(range(4, 10)), an_increment(10, event_id="e9")]) == 2
    batch = await counters.begin_flush()
    assert (dict(batch.deltas), dict(batch.marks)) == ({(1, VIEWS): 2}, {("g", "interactions", 0): 10})
    assert batch.after == "x"


async def test_rewound_counters_learn_the_event_ids_that_they_had_not_got(counters):
    await apply(counters, "g", some_events(range(5)))
    await counters.rewind(Written("x", {("g", "interactions", 0): 7}))
    with pytest.raises(CountersWentBack) as refused:
        await counters.apply("g", [Run("interactions", 0, 7, 8, begins=True)], some_events([8]))
    assert dict(refused.value.marks) == {("interactions", 0): 4}
    repeats = [an_increment(10, event_id="e6"), an_increment(11, event_id="e2")]
    read = [*some_events(range(5, 10)), *repeats]
    assert await counters.apply("g", [Run("interactions", 0, 4, 11, begins=True)], read) == 2
    assert dict(await counters.pending([1])) == {(1, VIEWS): 2}


async def test_empty_counters_that_are_rewound_go_on_behind_the_written_batch(counters):
    await counters.rewind(Written("x", {("g", "interactions", 0): 7}))
    assert await counters.apply("g", [Run("interactions", 0, 7, 9, begins=True)], some_events([8, 9])) == 2


async def test_counters_that_know_the_written_batch_are_not_rewound(counters):
    await apply(counters, "g", some_events(range(3)))
    under_way = await counters.begin_flush()
    await counters.rewind(Written(under_way.batch_id, under_way.marks))
    assert await counters.begin_flush() == under_way
    await counters.end_flush(under_way.batch_id)
    await apply(counters, "g", some_events([3]))
    await counters.rewind(Written(under_way.batch_id, under_way.marks))
    assert dict(await counters.pending([1])) == {(1, VIEWS): 1}


async def test_large_ids_and_offsets_keep_their_digits(counters):
    video_id, offset = (1 << 63) - 2, (1 << 53) - 1
    await apply(counters, "g", [an_increment(offset, video_id=video_id)])
    assert await apply(counters, "g", [an_increment(offset, video_id=video_id)]) == 0
    batch = await counters.begin_flush()
    assert dict(batch.deltas) == {(video_id, VIEWS): 1}
    assert dict(batch.marks) == {("g", "interactions", 0): offset}


async def test_many_who_flush_at_once_get_one_batch(counters):
    await apply(counters, "g", [an_increment(n, video_id=n) for n in range(100)])
    batches = await asyncio.gather(*(counters.begin_flush() for _ in range(10)))
    assert len({batch.batch_id for batch in batches}) == 1


async def test_a_speed_layer_that_is_not_there_is_unavailable_soon(tmp_path):
    absent = open_counters(f"unix://{tmp_path}/nothing.sock")
    async with asyncio.timeout(10):
        with pytest.raises(CountersUnavailable):
            await absent.pending([1])
        with pytest.raises(CountersUnavailable):
            await apply(absent, "g", [an_increment(0)])
        with pytest.raises(CountersUnavailable):
            await absent.begin_flush()
    await absent.close()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("apply"), st.integers(1, 6)),
        st.tuples(st.just("crash before commit"), st.integers(0, 8)),
        st.tuples(st.just("begin"), st.just(0)),
        st.tuples(st.just("write"), st.just(0)),
        st.tuples(st.just("end"), st.just(0)),
    ),
    max_size=40,
)
RECORDS = st.lists(
    st.tuples(st.integers(1, 3), st.sampled_from(CountKind), st.sampled_from([-1, 1]), st.sampled_from("abcdef ")),
    max_size=30,
)


def test_however_apply_crash_and_flush_interleave_every_record_counts_once(layer):
    @given(RECORDS, STEPS)
    @settings(max_examples=60, deadline=None)
    def law(records, steps):
        asyncio.run(run(records, steps))

    async def run(records, steps) -> None:
        counters = open_counters(layer.fresh())
        try:
            await check(counters, records, steps)
        finally:
            await counters.close()

    law()


FLUSH = [("begin", 0), ("write", 0), ("end", 0)]


class Players:
    """A consumer that reads `log` again from wherever it crashed, beside a flusher that dies at any step."""

    def __init__(self, counters: Counters, log: list[Increment]) -> None:
        self.counters = counters
        self.log = log
        self.place = 0
        self.batch = None
        self.written: dict[str, dict] = {}

    async def step(self, step: str, amount: int) -> None:
        if step == "apply":
            await apply(self.counters, "g", self.log[self.place : self.place + amount])
            self.place += amount
        elif step == "crash before commit":
            self.place = max(0, self.place - amount)
            self.batch = None
        elif step == "begin":
            self.batch = await self.counters.begin_flush()
        elif step == "write" and self.batch is not None and self.batch.deltas:
            self.written.setdefault(self.batch.batch_id, dict(self.batch.deltas))
        elif self.batch is not None and self.batch.batch_id in self.written:
            await self.counters.end_flush(self.batch.batch_id)

    def totals(self) -> dict:
        total: Counter = Counter()
        for deltas in self.written.values():
            total.update(deltas)
        return {field: by for field, by in total.items() if by}


def counted_once(log: list[Increment]) -> dict:
    total: Counter = Counter()
    seen: set[str] = set()
    for increment in log:
        if increment.event_id not in seen:
            total[increment.video_id, increment.kind] += increment.by
        if increment.event_id:
            seen.add(increment.event_id)
    return {field: by for field, by in total.items() if by}


async def check(counters: Counters, records, steps) -> None:
    log = [an_increment(n, video, kind, by, event.strip()) for n, (video, kind, by, event) in enumerate(records)]
    players = Players(counters, log)
    for step, amount in [*steps, ("apply", len(log)), *FLUSH, *FLUSH]:
        await players.step(step, amount)
    assert players.totals() == counted_once(log)
