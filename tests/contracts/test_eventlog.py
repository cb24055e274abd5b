"""What every event log promises. A backend is added to BACKENDS, never special-cased below."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path

import pytest

from origin.eventlog import Consumer, EventLog, LogUnavailable, Position, Record, open_eventlog, prepare_eventlog
from origin.events import Topic
from tests.kafka_topics import topics_of_our_own

BACKENDS = ("sqlite", "memory", pytest.param("kafka", marks=pytest.mark.slow))
TOPICS = ("t", "u", "busy", "calm", "nothing")


def clock() -> int:
    return time.time_ns() // 1_000_000


@contextlib.asynccontextmanager
async def url_of(backend: str, request, folder: Path) -> AsyncIterator[str]:
    """The URL of an empty log; a topic that an engine must be told of is there already."""
    if backend != "kafka":
        yield {"sqlite": f"sqlite://{folder}/events.db", "memory": "memory:"}[backend]
        return
    kafka = request.getfixturevalue("kafka")
    async with topics_of_our_own(kafka.hosts, TOPICS, partitions=3) as prefix:
        # A generous deadline: the broker shares its cores with whatever else is tested.
        yield f"{kafka.url}&topic_prefix={prefix}&partitions=2&append_deadline_ms=20000"


@pytest.fixture(params=BACKENDS)
async def url(request, tmp_path) -> AsyncIterator[str]:
    async with url_of(request.param, request, tmp_path) as there:
        yield there


@pytest.fixture
async def log(url) -> AsyncIterator[EventLog]:
    opened = open_eventlog(url, clock)
    yield opened
    await opened.close()


async def take(consumer: Consumer, count: int, timeout_s: float = 30) -> Sequence[Record]:
    taken: list[Record] = []
    async with asyncio.timeout(timeout_s):
        while len(taken) < count:
            taken += await consumer.poll(count - len(taken), 1)
    return taken


async def owner(members: Sequence[Consumer], count: int) -> tuple[Consumer, Sequence[Record]]:
    """Which member gets the next records, all of one key, and those."""
    async with asyncio.timeout(30):
        while True:
            for member in members:
                if records := await member.poll(count, 0.1):
                    return member, [*records, *await take(member, count - len(records))]


def values(records: Sequence[Record]) -> list[bytes]:
    return [record.value for record in records]


async def test_a_group_gets_what_was_appended_before_it_joined(log):
    before_ms = clock()
    position = await log.append("t", "key", b"one")
    after_ms = clock()
    consumer = await log.consumer("g", ["t"])
    (record,) = await take(consumer, 1)
    assert record == Record(position, "key", b"one", record.appended_at_ms)
    assert before_ms <= record.appended_at_ms <= after_ms


async def test_records_of_one_key_arrive_in_order(log):
    for n in range(50):
        await log.append("t", "key", b"%d" % n)
    records = await take(await log.consumer("g", ["t"]), 50)
    assert values(records) == [b"%d" % n for n in range(50)]
    assert [r.position.offset for r in records] == sorted(r.position.offset for r in records)


async def test_appending_many_keeps_their_order_and_gives_each_its_position(log):
    assert list(await log.append_many("t", [])) == []
    positions = await log.append_many("t", [("key", b"%d" % n) for n in range(20)])
    records = await take(await log.consumer("g", ["t"]), 20)
    assert values(records) == [b"%d" % n for n in range(20)]
    assert [r.position for r in records] == list(positions)


async def test_a_poll_with_nothing_to_give_ends_in_time(log):
    consumer = await log.consumer("g", ["t"])
    began = time.monotonic()
    assert list(await consumer.poll(10, 0.05)) == []
    assert time.monotonic() - began < 20
    assert list(await consumer.poll(10, 0)) == []


async def test_a_waiting_poll_wakes_for_an_append(log):
    consumer = await log.consumer("g", ["t"])
    waiting = asyncio.create_task(consumer.poll(10, 30))
    await asyncio.sleep(0.05)
    await log.append("t", "k", b"new")
    async with asyncio.timeout(20):
        assert values(await waiting) == [b"new"]


async def test_a_poll_gives_at_most_what_was_asked_for(log):
    await log.append_many("t", [("k", b"x")] * 10)
    consumer = await log.consumer("g", ["t"])
    assert len(await consumer.poll(3, 1)) <= 3


async def test_what_was_committed_does_not_come_again_after_a_restart(log):
    await log.append_many("t", [("k", b"%d" % n) for n in range(5)])
    first = await log.consumer("g", ["t"])
    records = await take(first, 5)
    await first.commit(records[2].position)
    await first.close()
    assert values(await take(await log.consumer("g", ["t"]), 2)) == [b"3", b"4"]


async def test_what_was_not_committed_comes_again_after_a_restart(log):
    await log.append("t", "k", b"work")
    first = await log.consumer("g", ["t"])
    await take(first, 1)
    await first.close()
    assert values(await take(await log.consumer("g", ["t"]), 1)) == [b"work"]


async def test_committing_an_older_position_does_not_go_back(log):
    positions = await log.append_many("t", [("k", b"%d" % n) for n in range(3)])
    consumer = await log.consumer("g", ["t"])
    await consumer.commit(positions[1])
    await consumer.commit(positions[0])
    assert await consumer.lag() == 1


async def test_groups_do_not_see_each_others_commits(log):
    await log.append("t", "k", b"x")
    one = await log.consumer("one", ["t"])
    await one.commit((await take(one, 1))[0].position)
    assert values(await take(await log.consumer("two", ["t"]), 1)) == [b"x"]


async def test_one_record_goes_to_one_member_of_a_group(log):
    one, two = await log.consumer("g", ["t"]), await log.consumer("g", ["t"])
    positions = await log.append_many("t", [(str(n), b"%d" % n) for n in range(10)])
    got: list[Record] = []
    async with asyncio.timeout(30):
        while len(got) < len(positions):
            got += [*await one.poll(100, 0.1), *await two.poll(100, 0.1)]
    got += [*await one.poll(100, 0.1), *await two.poll(100, 0.1)]
    assert sorted(values(got)) == [b"%d" % n for n in range(10)]


async def test_a_second_member_takes_over_when_the_first_closes(log):
    one, two = await log.consumer("g", ["t"]), await log.consumer("g", ["t"])
    positions = await log.append_many("t", [("k", b"a"), ("k", b"b")])
    first, _ = await owner([one, two], 2)
    second = two if first is one else one
    await first.commit(positions[0])
    waiting = asyncio.create_task(take(second, 1))
    await asyncio.sleep(0.05)
    await first.close()
    assert values(await waiting) == [b"b"]


async def test_reading_begins_where_start_says(log):
    positions = await log.append_many("t", [("k", b"%d" % n) for n in range(5)])
    consumer = await log.consumer("g", ["t"])
    await consumer.commit(positions[4])
    await consumer.close()
    first = positions[1]
    again = await log.consumer("g", ["t"], {(first.topic, first.partition): first.offset})
    assert values(await take(again, 4)) == [b"1", b"2", b"3", b"4"]


async def test_one_consumer_reads_several_topics_and_a_busy_one_starves_none(log):
    await log.append_many("busy", [("k", b"b")] * 100)
    await log.append_many("calm", [("k", b"c")] * 2)
    consumer = await log.consumer("g", ["busy", "calm"])
    seen: list[Record] = []
    while "calm" not in {record.position.topic for record in seen}:
        assert len(seen) < 100
        seen += await consumer.poll(10, 1)
        # As an owner does who works; an engine that reads ahead may need a moment for the second topic.
        await asyncio.sleep(0.05)
    assert len(seen) + len(await take(consumer, 102 - len(seen))) == 102


async def test_lag_counts_what_the_group_has_not_committed(log):
    consumer = await log.consumer("g", ["t", "u"])
    assert await consumer.lag() == 0
    await log.append_many("t", [("k", b"x")] * 5)
    (position,) = await log.append_many("u", [("k", b"y")])
    assert await consumer.lag() == 6
    await consumer.commit(position)
    assert await consumer.lag() == 5


async def test_an_operator_reads_without_a_group(log):
    positions = await log.append_many("t", [("k", b"%d" % n) for n in range(5)])
    everything = await log.read("t", {}, 100)
    assert values(everything) == [b"%d" % n for n in range(5)]
    after = positions[1]
    assert values(await log.read("t", {after.partition: after.offset}, 2)) == [b"2", b"3"]
    assert list(await log.read("nothing", {}, 10)) == []


async def test_any_bytes_travel_unchanged(log):
    value = bytes(range(256)) * 100
    await log.append("t", "käse\n'\"", value)
    (record,) = await take(await log.consumer("g", ["t"]), 1)
    assert (record.key, record.value) == ("käse\n'\"", value)


async def test_many_appenders_at_once_lose_nothing_and_share_no_position(log):
    async def append(writer: int) -> list[Position]:
        return [await log.append("t", str(writer), b"%d:%d" % (writer, n)) for n in range(20)]

    positions = await asyncio.gather(*(append(writer) for writer in range(20)))
    flat = [p for some in positions for p in some]
    assert len({(p.partition, p.offset) for p in flat}) == 400
    records = await take(await log.consumer("g", ["t"]), 400)
    for writer in range(20):
        own = [r.value for r in records if r.key == str(writer)]
        assert own == [b"%d:%d" % (writer, n) for n in range(20)]


async def test_a_closed_consumer_says_so(log):
    consumer = await log.consumer("g", ["t"])
    await consumer.close()
    with pytest.raises(LogUnavailable):
        await consumer.poll(1, 0)


async def test_to_commit_for_a_partition_that_another_member_reads_is_no_error(log):
    one, two = await log.consumer("g", ["t"]), await log.consumer("g", ["t"])
    (position,) = await log.append_many("t", [("k", b"a")])
    first, _ = await owner([one, two], 1)
    await (two if first is one else one).commit(position)
    await first.commit(position)
    assert await first.lag() == 0


async def test_a_log_can_be_used_once_it_is_prepared_and_until_it_is_closed(url):
    log = open_eventlog(url, clock)
    await asyncio.gather(prepare_eventlog(url), prepare_eventlog(url))
    assert list(await prepare_eventlog(url)) == []
    await log.check()
    await log.append(Topic.UPLOADS, "k", b"x")
    await log.close()
    with pytest.raises(LogUnavailable):
        await log.check()


async def test_a_closed_log_takes_no_more_records(log):
    await log.close()
    with pytest.raises(LogUnavailable):
        await log.append("t", "k", b"x")


async def test_a_cancelled_poll_loses_no_record(log):
    consumer = await log.consumer("g", ["t"])
    for n in range(20):
        waiting = asyncio.create_task(consumer.poll(10, 5))
        await asyncio.sleep(0.001)
        await log.append("t", "k", b"%d" % n)
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting
    await consumer.close()
    assert values(await take(await log.consumer("g", ["t"]), 20)) == [b"%d" % n for n in range(20)]


def places(records: Iterable[Record]) -> set[tuple[str, int]]:
    return {(record.position.topic, record.position.partition) for record in records}


async def gather_window(member: Consumer, count: int) -> list[Record]:
    """As an owner does that chooses among what waits."""
    window: list[Record] = []
    async with asyncio.timeout(30):
        while len(window) < count:
            records = await member.poll(count - len(window), 1)
            for record in records:
                member.release(record.position)
            window += records
    return window


async def begun(member: Consumer, records: Sequence[Record]) -> list[Record]:
    return [record for record in records if await member.begin(record.position)]


async def test_what_is_done_out_of_order_is_committed_once_all_before_it_is_done(log):
    await log.append_many("t", [("k", b"%d" % n) for n in range(4)])
    first = await log.consumer("g", ["t"])
    window = await gather_window(first, 4)
    for index in (3, 1):
        assert await first.begin(window[index].position)
        await first.finish(window[index].position)
    assert (first.in_hand, await first.lag()) == (4, 4)
    assert await first.begin(window[0].position)
    await first.finish(window[0].position)
    assert (first.in_hand, await first.lag()) == (2, 2)
    await first.close()
    assert values(await take(await log.consumer("g", ["t"]), 2)) == [b"2", b"3"]


async def test_what_was_released_is_not_polled_again_by_its_owner_and_goes_to_the_next_one(log):
    await log.append_many("t", [("k", b"%d" % n) for n in range(3)])
    first = await log.consumer("g", ["t"])
    window = await gather_window(first, 3)
    assert list(await first.poll(10, 0.2)) == []
    await first.close()
    assert await begun(first, window) == []
    second = await log.consumer("g", ["t"])
    assert values(await gather_window(second, 3)) == [b"0", b"1", b"2"]


async def test_what_is_done_is_not_begun_again(log):
    await log.append_many("t", [("k", b"0"), ("k", b"1")])
    member = await log.consumer("g", ["t"])
    window = await gather_window(member, 2)
    assert await begun(member, window[1:]) == window[1:]
    await member.finish(window[1].position)
    assert await begun(member, window[1:]) == []


async def test_a_member_that_joins_while_another_holds_a_window_of_waiting_records_gets_its_share_at_once(log):
    positions = await log.append_many("t", [(str(n), b"%d" % n) for n in range(60)])
    partitions = {(each.topic, each.partition) for each in positions}
    one = await log.consumer("g", ["t"])
    window = await gather_window(one, 60)
    working = window[0]
    assert await one.begin(working.position)
    two = await log.consumer("g", ["t"])
    polling = asyncio.create_task(keep_polling(one))
    try:
        theirs = await until_idle(two)
        ours = [record for record in window[1:] if await one.begin(record.position)]
    finally:
        polling.cancel()
    assert len(places(theirs)) == len(partitions) // 2
    assert working.position not in {record.position for record in theirs}
    # What only waited is with one of the two, and nothing is with both.
    assert sorted(values([working, *ours, *theirs])) == sorted(values(window))


async def keep_polling(member: Consumer) -> None:
    while True:
        for record in await member.poll(10, 1):
            member.release(record.position)


async def until_idle(member: Consumer) -> list[Record]:
    """What a member gets until there is no more."""
    found: list[Record] = []
    while records := await member.poll(100, 2):
        found += records
    return found
