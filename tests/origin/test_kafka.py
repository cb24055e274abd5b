"""What only a real cluster shows: frozen and restarted brokers, members that come, go and die."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import signal
import sys
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
from aiokafka import AIOKafkaConsumer

from deploy.services.addresses import Credentials, Kafka
from deploy.services.kafka import start_kafka
from deploy.services.service import Service
from deploy.settings import services_cache
from origin.deadletters import MALFORMED, NEWER, read_letter
from origin.deleting import Deletions
from origin.eventlog import (
    Consumer,
    EventLog,
    EventLogError,
    LogDenied,
    LogUnavailable,
    LogUnprepared,
    Position,
    Record,
    kafka_assignor,
    kafka_member,
    open_eventlog,
    prepare_eventlog,
    sharing,
)
from origin.eventlog.kafka_address import KafkaAddress
from origin.eventlog.kafka_member import SESSION_MS
from origin.eventlog.kafka_producer import WAITING_BYTES, KafkaProducer
from origin.events import DEAD_LETTERS, Topic, VideoChange, VideoEvent, encode
from origin.metadata import open_metadata
from origin.objects import open_objects
from tests.kafka_topics import topics_of_our_own

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Iterator[Service[Kafka]]:
    """A broker that may be frozen and killed, because nobody else uses it."""
    service = start_kafka(tmp_path_factory.mktemp("kafka"), services_cache())
    yield service
    service.kill()


@pytest.fixture
async def prefix(alone) -> AsyncIterator[str]:
    async with topics_of_our_own(alone.address.hosts, ["t"], partitions=4) as prefix:
        yield prefix


@pytest.fixture
async def patiently(alone, prefix) -> AsyncIterator[EventLog]:
    """A log that waits: what gives up may be in the log, and repeated would be there twice."""
    opened = open_eventlog(f"{alone.address.url}&topic_prefix={prefix}&append_deadline_ms=30000", lambda: 0)
    yield opened
    await opened.close()


@pytest.fixture
async def log(alone, prefix, patiently) -> AsyncIterator[EventLog]:
    await patiently.append("t", "warm", b"warm")
    opened = open_eventlog(f"{alone.address.url}&topic_prefix={prefix}", lambda: 0)
    yield opened
    await opened.close()


@pytest.fixture
def frozen(alone) -> Iterator[Service[Kafka]]:
    yield alone
    alone.nodes[0].thaw()


def freeze(service: Service[Kafka]) -> None:
    """On return the broker does nothing any more."""
    service.nodes[0].freeze()
    os.waitid(os.P_PID, service.nodes[0].pid or 0, os.WSTOPPED)


async def append_surely(log: EventLog, key: str, value: bytes) -> None:
    """As a caller does that keeps its record until it is acknowledged."""
    async with asyncio.timeout(60):
        while True:
            try:
                await log.append("t", key, value)
            except LogUnavailable:
                await asyncio.sleep(0.05)
            else:
                return


async def everything(log: EventLog) -> list[bytes]:
    return [record.value for record in await log.read("t", {}, 100_000) if record.value != b"warm"]


async def take(consumer: Consumer, count: int) -> list[Record]:
    taken: list[Record] = []
    async with asyncio.timeout(60):
        while len(taken) < count:
            taken += await consumer.poll(count - len(taken), 1)
    return taken


async def test_an_append_to_a_frozen_broker_gives_up_and_later_ones_arrive_once(log, frozen):
    freeze(frozen)
    async with asyncio.timeout(20):
        for n in range(3):
            with pytest.raises(LogUnavailable):
                await log.append("t", "k", b"frozen %d" % n)
    frozen.nodes[0].thaw()
    await append_surely(log, "k", b"later")
    times = Counter(await everything(log))
    assert times[b"later"] == 1
    assert set(times.values()) == {1}


async def test_what_waits_for_a_frozen_broker_is_bounded_and_the_rest_fails_at_once(alone, prefix, frozen):
    producer = KafkaProducer(
        KafkaAddress((alone.address.hosts,), replication=1, topic_prefix=prefix, append_deadline_ms=60_000)
    )
    await producer.append(f"{prefix}t", [(b"k", b"warm")])
    freeze(frozen)
    value = bytes(200_000)
    waiting = [
        asyncio.create_task(producer.append(f"{prefix}t", [(b"k", value)])) for _ in range(2 * WAITING_BYTES // 200_000)
    ]
    done, pending = await asyncio.wait(waiting, timeout=0.5)
    assert producer.waiting_bytes <= WAITING_BYTES
    assert len(done) >= len(pending)
    assert all(isinstance(task.exception(), LogUnavailable) for task in done)
    frozen.nodes[0].thaw()
    await asyncio.wait(pending)
    assert producer.waiting_bytes == 0
    await producer.close()


async def test_a_record_that_brokers_refuse_does_not_stop_the_next_ones(alone):
    async with topics_of_our_own(alone.address.hosts, ["t"], partitions=1, **{"max.message.bytes": "2000"}) as prefix:
        log = open_eventlog(f"{alone.address.url}&topic_prefix={prefix}&append_deadline_ms=20000", lambda: 0)
        for _ in range(2):
            for size in (5_000, 2_000_000):
                with pytest.raises(EventLogError, match="so large"):
                    await log.append("t", "k", bytes(size))
            await log.append("t", "k", b"small")
        assert await everything(log) == [b"small", b"small"]
        await log.close()


async def test_a_closed_log_does_not_wait_for_a_frozen_broker(log, frozen):
    freeze(frozen)
    with pytest.raises(LogUnavailable):
        await log.append("t", "k", b"frozen")
    async with asyncio.timeout(20):
        await log.close()


async def test_producers_and_consumers_go_on_after_their_broker_was_killed(log, alone):
    consumer = await log.consumer("g", ["t"])
    await append_surely(log, "k", b"before")
    first = await take(consumer, 2)
    for record in first:
        await consumer.commit(record.position)
    alone.nodes[0].kill()
    with pytest.raises(LogUnavailable):
        await log.append("t", "k", b"lost or not")
    assert list(await consumer.poll(1, 0.2)) == []
    alone.nodes[0].start()
    await asyncio.to_thread(alone.wait_ready)
    await append_surely(log, "k", b"after")
    values: list[bytes] = []
    while b"after" not in values:
        values += [record.value for record in await take(consumer, 1)]
    assert set(values) <= {b"lost or not", b"after"}


async def test_an_owner_that_works_for_long_keeps_its_partitions_and_its_work_is_given_to_nobody_else(log):
    one = await log.consumer("g", ["t"])
    (work,) = await take(one, 1)
    two, three = await asyncio.gather(log.consumer("g", ["t"]), log.consumer("g", ["t"]))
    async with asyncio.timeout(SESSION_MS / 1000 + 15):
        assert list(await two.poll(10, SESSION_MS / 1000 + 2)) == []
    assert list(await three.poll(10, 0.1)) == []
    await three.close()
    await one.commit(work.position)
    await append_surely(log, "warm", b"next")
    assert [record.value for record in await take(one, 1)] == [b"next"]
    assert await two.lag() == 1


async def work_off(consumer: Consumer, seen: list[bytes], until: asyncio.Event) -> None:
    """As the packager does it: several records at a time, each committed when it is done."""
    while not until.is_set():
        for record in await consumer.poll(5, 0.2):
            seen.append(record.value)
            await asyncio.sleep(0.01)
            await consumer.commit(record.position)


async def test_a_clean_hand_over_repeats_nothing(log, patiently):
    values = [b"%d" % n for n in range(300)]
    await patiently.append_many("t", [(value.decode(), value) for value in values])
    seen: list[bytes] = []
    done = asyncio.Event()
    one = await log.consumer("g", ["t"])
    working = [asyncio.create_task(work_off(one, seen, done))]
    await asyncio.sleep(0.5)
    two = await log.consumer("g", ["t"])
    working.append(asyncio.create_task(work_off(two, seen, done)))
    await asyncio.sleep(0.5)
    left = asyncio.Event()
    three = await log.consumer("g", ["t"])
    leaving = asyncio.create_task(work_off(three, seen, left))
    await asyncio.sleep(0.5)
    left.set()
    await leaving
    await three.close()
    async with asyncio.timeout(60):
        while await one.lag():  # noqa: ASYNC110 -- nothing tells when
            await asyncio.sleep(0.1)
    done.set()
    await asyncio.gather(*working)
    assert Counter(seen) == Counter([*values, b"warm"])


async def gather_window(consumer: Consumer, window: dict[Position, Record], wanted: int) -> None:
    async with asyncio.timeout(30):
        while len(window) < wanted:
            for record in await consumer.poll(10, 0.2):
                consumer.release(record.position)
                window[record.position] = record


async def test_what_others_ought_to_have_goes_to_them_as_soon_as_the_work_on_it_has_ended(log, patiently):
    await patiently.append_many("t", [(str(n), b"%d" % n) for n in range(40)])
    one = await log.consumer("g", ["t"])
    window: dict[Position, Record] = {}
    await gather_window(one, window, 41)
    working = {position.partition: position for position in reversed(window)}
    assert all([await one.begin(position) for position in working.values()])
    two = await log.consumer("g", ["t"])
    assert list(await two.poll(10, 1)) == []
    for ended in (0, 1):
        await one.finish(working[ended])
        waiting = [position for position in window if position.partition == ended and position != working[ended]]
        assert [record.position for record in await take(two, len(waiting))] == waiting
        assert not any([await one.begin(position) for position in waiting])
    await one.finish(working[2])
    assert list(await two.poll(10, 1)) == []
    assert await one.begin(next(each for each in reversed(window) if each.partition == 2))


async def test_a_group_that_could_not_be_shared_out_is_joined_anew_also_by_who_only_begins(log, patiently, monkeypatch):
    faults = [MemoryError("no room for the shares")]

    def share_out(members, sizes):
        if len(members) > 1 and faults:
            raise faults.pop()
        return sharing.share_out(members, sizes)

    monkeypatch.setattr(kafka_assignor, "share_out", share_out)
    await patiently.append_many("t", [(str(n), b"%d" % n) for n in range(40)])
    one = await log.consumer("g", ["t"])
    window: dict[Position, Record] = {}
    await gather_window(one, window, 41)
    joining = asyncio.create_task(log.consumer("g", ["t"]))
    async with asyncio.timeout(30):
        while faults:  # noqa: ASYNC110 -- nothing tells when
            await asyncio.sleep(0.01)
        mine = [position for position in window if await one.begin(position)]
    two = await joining
    for position in mine:
        await one.finish(position)
    theirs = await take(two, len(window) - len(mine))
    assert {record.position for record in theirs} == window.keys() - mine


async def test_what_is_done_is_committed_before_its_partition_goes(log, patiently, monkeypatch):
    """The end of the last work under way lets a rebalance go on; its commit, which takes its time here, comes first."""

    class Slow(AIOKafkaConsumer):
        async def commit(self, offsets):
            await asyncio.sleep(1)
            await super().commit(offsets)

    monkeypatch.setattr(kafka_member, "AIOKafkaConsumer", Slow)
    one = await log.consumer("g", ["t"])
    window: dict[Position, Record] = {}
    await gather_window(one, window, 1)
    [position] = window
    assert await one.begin(position)
    joining = [asyncio.create_task(log.consumer("g", ["t"])) for _ in range(3)]
    await asyncio.sleep(1)
    await one.finish(position)
    others = await asyncio.gather(*joining)
    assert [list(await each.poll(1, 1)) for each in (one, *others)] == [[], [], [], []]


class Windowed:
    """A member that works on what waits in any order, as the packager does."""

    def __init__(self, consumer: Consumer, done: list[bytes], under_way: set[bytes]) -> None:
        self.consumer = consumer
        self.done = done
        self.under_way = under_way
        self.window: dict[Position, Record] = {}
        self.left = asyncio.Event()

    async def gather(self) -> None:
        while not self.left.is_set():
            for record in await self.consumer.poll(30, 0.1):
                self.consumer.release(record.position)
                self.window[record.position] = record

    async def work(self) -> None:
        while not self.left.is_set():
            await asyncio.sleep(0)
            if not self.window:
                await asyncio.sleep(0.05)
                continue
            record = self.window.pop(random.choice(list(self.window)))
            if not await self.consumer.begin(record.position):
                continue
            assert record.value not in self.under_way
            self.under_way.add(record.value)
            await asyncio.sleep(0.02)
            self.under_way.discard(record.value)
            self.done.append(record.value)
            with contextlib.suppress(LogUnavailable):
                await self.consumer.finish(record.position)


async def test_members_that_choose_among_what_waits_lose_nothing_and_never_work_at_the_same_as_others_come_and_go(
    log, patiently
):
    values = [b"%d" % n for n in range(400)]
    await patiently.append_many("t", [(value.decode(), value) for value in values])
    done: list[bytes] = []
    under_way: set[bytes] = set()
    members: list[Windowed] = []
    tasks: list[asyncio.Task[None]] = []
    for _ in range(3):
        member = Windowed(await log.consumer("g", ["t"]), done, under_way)
        members.append(member)
        tasks += [asyncio.create_task(member.gather()), *(asyncio.create_task(member.work()) for _ in range(3))]
        await asyncio.sleep(1)
    members[1].left.set()
    await asyncio.gather(*tasks[4:8])
    await members[1].consumer.close()
    async with asyncio.timeout(90):
        while await members[0].consumer.lag():  # noqa: ASYNC110 -- nothing tells when
            await asyncio.sleep(0.1)
    for member in members:
        member.left.set()
    await asyncio.gather(*tasks)
    assert set(done) == {*values, b"warm"}


@contextlib.asynccontextmanager
async def another_process(alone: Service[Kafka], prefix: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A member that took ten records and committed five."""
    url = f"{alone.address.url}&topic_prefix={prefix}"
    member = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.origin.kafka_child", url, "10", "5", stdout=asyncio.subprocess.PIPE
    )
    assert member.stdout is not None
    try:
        assert await member.stdout.readline() == b"ready\n"
        yield member
    finally:
        with contextlib.suppress(ProcessLookupError):
            member.kill()
        # Reads to the end, which closes the pipe.
        await member.communicate()


async def test_after_a_kill_only_what_was_not_committed_comes_again(log, patiently, alone, prefix):
    await patiently.append_many("t", [("warm", b"%d" % n) for n in range(9)])
    async with another_process(alone, prefix) as member:
        member.kill()
    survivor = await log.consumer("g", ["t"])
    assert [record.value for record in await take(survivor, 5)] == [b"%d" % n for n in range(4, 9)]
    assert list(await survivor.poll(1, 0.3)) == []


async def test_a_member_that_was_given_up_reads_nothing_again_that_others_committed_meanwhile(
    log, patiently, alone, prefix
):
    await patiently.append_many("t", [("warm", b"%d" % n) for n in range(9)])
    async with another_process(alone, prefix) as member:
        member.send_signal(signal.SIGSTOP)
        survivor = await log.consumer("g", ["t"])
        for record in await take(survivor, 5):
            await survivor.commit(record.position)
        await append_surely(log, "warm", b"by the survivor")
        for record in await take(survivor, 1):
            await survivor.commit(record.position)
        await survivor.close()
        member.send_signal(signal.SIGCONT)
        await append_surely(log, "warm", b"by the member")
        assert member.stdout is not None
        seen = [await member.stdout.readline()]
        while seen[-1] != b"by the member\n":
            seen.append(await member.stdout.readline())
        # What was on its way to the member when it awoke it may see, but it begins nothing again.
        assert set(seen) <= {b"by the survivor\n", b"by the member\n"}


def uses(log: EventLog) -> list[Callable[[], Awaitable[object]]]:
    return [
        log.check,
        lambda: log.append("uploads", "k", b"x"),
        lambda: log.consumer("g", ["uploads"]),
        lambda: log.read("uploads", {}, 1),
    ]


async def test_topics_that_are_missing_are_named_with_the_remedy(alone):
    log = open_eventlog(f"{alone.address.url}&topic_prefix=none-{uuid.uuid4().hex}-", lambda: 0)
    for use in uses(log):
        with pytest.raises(LogUnprepared, match="reelway migrate"):
            await use()
    await log.close()


async def test_preparing_says_what_it_made_and_what_is_less_than_wanted(alone):
    async with topics_of_our_own(alone.address.hosts, ["purges"], partitions=1) as prefix:
        url = f"{alone.address.url}&topic_prefix={prefix}&partitions=2"
        made = await prepare_eventlog(url)
        assert f"made topic {prefix}uploads.dlq" in made
        assert not [line for line in made if line.endswith("purges")]
        (more, *_) = await prepare_eventlog(f"{url}0")
        assert "has 2 of 20 partitions" in more


async def test_replicas_that_the_cluster_cannot_give_are_refused_with_the_remedy(alone):
    url = f"kafka://{alone.address.hosts}?topic_prefix=none-{uuid.uuid4().hex}-"
    with pytest.raises(EventLogError, match="replication="):
        await prepare_eventlog(url)


async def test_a_cluster_that_is_away_is_named_without_the_password():
    log = open_eventlog("kafka://me:secret@127.0.0.1:1", lambda: 0)
    for use in uses(log):
        with pytest.raises(
            LogUnavailable, match=r"me@127\.0\.0\.1:1 can be used: connection refused; .*EVENTS_URL"
        ) as refused:
            await use()
        assert "secret" not in str(refused.value)
    await log.close()


async def test_a_log_opened_before_its_broker_is_there_works_once_it_came(alone, prefix):
    alone.nodes[0].kill()
    log = open_eventlog(f"{alone.address.url}&topic_prefix={prefix}", lambda: 0)
    with pytest.raises(LogUnavailable):
        await log.append("t", "k", b"early")
    alone.nodes[0].start()
    await asyncio.to_thread(alone.wait_ready)
    await append_surely(log, "k", b"late")
    assert b"late" in await everything(log)
    await log.close()


async def test_while_a_broker_is_away_its_client_is_not_heard(alone, prefix, caplog):
    log = open_eventlog(f"{alone.address.url}&topic_prefix={prefix}", lambda: 0)
    await append_surely(log, "k", b"before")
    consumer = await log.consumer("g", ["t"])
    alone.nodes[0].kill()
    for _ in range(5):
        with pytest.raises(EventLogError):
            await log.check()
        with contextlib.suppress(EventLogError):
            await log.append("t", "k", b"meanwhile")
        with contextlib.suppress(EventLogError):
            await consumer.poll(1, 0.5)
    alone.nodes[0].start()
    await asyncio.to_thread(alone.wait_ready)
    await consumer.close()
    await log.close()
    assert [record.getMessage() for record in caplog.records if record.name.startswith("aiokafka")] == []


@pytest.mark.timeout(400)
async def test_of_several_brokers_the_one_that_goes_and_comes_back_is_named_once(tmp_path, caplog):
    caplog.set_level(logging.INFO, "origin.eventlog.kafka")
    service = await asyncio.to_thread(start_kafka, tmp_path, services_cache(), 3)
    try:
        await prepare_eventlog(service.address.url)
        log = open_eventlog(service.address.url, lambda: 0)
        await surely_checked(log)
        victim = service.nodes[1]
        victim.kill()
        await checked_until(log, caplog, "a Kafka broker is down")
        for _ in range(5):
            await surely_checked(log)
        victim.start()
        await checked_until(log, caplog, "a Kafka broker is up")
        await log.close()
    finally:
        service.kill()
    told = [(record.getMessage(), record.broker) for record in caplog.records if record.name == "origin.eventlog.kafka"]
    assert told == [("a Kafka broker is down", victim.address), ("a Kafka broker is up", victim.address)]


async def surely_checked(log: EventLog) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                return await log.check()
            except (LogUnavailable, LogUnprepared):
                # A broker that has just begun does not know every topic yet.
                await asyncio.sleep(0.2)


async def checked_until(log: EventLog, caplog: pytest.LogCaptureFixture, told: str) -> None:
    async with asyncio.timeout(60):
        while told not in caplog.messages:
            await surely_checked(log)
            await asyncio.sleep(0.2)


async def test_credentials_that_the_brokers_do_not_ask_for_are_refused_with_the_remedy(kafka):
    log = open_eventlog(f"kafka://reelway:secret@{kafka.hosts}", lambda: 0)
    with pytest.raises(LogDenied, match="asks for no user and password: leave them out"):
        await log.check()
    await log.close()


async def test_tls_to_brokers_without_it_is_said_to_be_what_may_be_wrong(kafka):
    log = open_eventlog(f"kafka://{kafka.hosts}?tls=1", lambda: 0)
    with pytest.raises(LogUnavailable, match=r"can be used: (it closes every connection.*tls=0|TLS failed)"):
        await log.check()
    await log.close()


async def test_authorities_that_cannot_be_read_are_refused_with_their_file(tmp_path):
    url = f"kafka://127.0.0.1:1?tls=1&ca={tmp_path}/nowhere"
    log = open_eventlog(url, lambda: 0)
    for use in (*uses(log), lambda: prepare_eventlog(url)):
        with pytest.raises(LogDenied, match="nowhere in REELWAY_EVENTS_URL holds no certificates"):
            await use()
    await log.close()


async def test_refused_credentials_are_told_from_a_cluster_that_is_away(tmp_path):
    service = await asyncio.to_thread(start_kafka, tmp_path, services_cache(), 1, Credentials("reelway", "right"))
    try:
        wrong = open_eventlog(f"kafka://reelway:wrong@{service.address.hosts}?append_deadline_ms=20000", lambda: 0)
        for use in uses(wrong):
            with pytest.raises(LogDenied, match="REELWAY_EVENTS_URL"):
                await use()
        await wrong.close()
        none = open_eventlog(f"kafka://{service.address.hosts}?append_deadline_ms=20000", lambda: 0)
        for use in uses(none):
            with pytest.raises(LogDenied, match="asks for a user and a password: give them in REELWAY_EVENTS_URL"):
                await use()
        await none.close()
        url = f"{service.address.url}&partitions=1&append_deadline_ms=20000"
        await prepare_eventlog(url)
        right = open_eventlog(url, lambda: 0)
        await right.append("uploads", "k", b"x")
        await right.close()
    finally:
        service.kill()


async def test_deletions_are_finished_and_committed_in_every_partition_and_poison_is_set_aside(alone, tmp_path):
    async with topics_of_our_own(alone.address.hosts, ["unused"], partitions=1) as prefix:
        url = f"{alone.address.url}&topic_prefix={prefix}&partitions=4&append_deadline_ms=20000"
        await prepare_eventlog(url)
        log, objects = open_eventlog(url, lambda: 0), open_objects(f"file://{tmp_path}/objects")
        metadata = open_metadata("sqlite:///:memory:")
        deleted = [VideoEvent(n, 1, VideoChange.DELETED, 0) for n in range(1, 21)]
        await log.append_many(Topic.VIDEOS, [(str(event.video_id), encode(event)) for event in deleted])
        await log.append_many(Topic.VIDEOS, [("1", b"not json"), ("9", b'{"schema":2}')])
        running = asyncio.create_task(Deletions(metadata, objects, log, lambda: 0, lambda: 0.5).run())
        purges = await log.consumer("test", [Topic.PURGES])
        assert {record.key for record in await take(purges, 20)} == {f"video-{n}" for n in range(1, 21)}
        async with asyncio.timeout(30):
            while len(letters := await log.read(DEAD_LETTERS[Topic.VIDEOS], {}, 10)) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            follower = await log.consumer("deletions", [Topic.VIDEOS])
            while await follower.lag():  # noqa: ASYNC110 -- nothing tells when
                await asyncio.sleep(0.1)
        assert sorted(read_letter(letter).code for letter in letters) == [MALFORMED, NEWER]
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await log.close()
        await objects.close()
        await metadata.close()
