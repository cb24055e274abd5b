"""Gathering and choosing on a real event log."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.services.addresses import Kafka
from origin.eventlog import Consumer, EventLog, Record, open_eventlog
from origin.eventlog.base import LogUnavailable, Position
from origin.events import MalformedEvent, Topic, UploadEvent, encode
from packager.intake import Intake, Taken
from tests.kafka_topics import topics_of_our_own

NOW_MS = 1_000_000


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[EventLog]:
    opened = open_eventlog(f"sqlite:///{tmp_path}/events.sqlite", lambda: NOW_MS)
    yield opened
    await opened.close()


class Gathered:
    """An intake with one consumer whose records it gathers."""

    def __init__(self, consumer: Consumer) -> None:
        self.consumer = consumer
        self.refused: list[Record] = []
        self.intake = Intake(lambda: NOW_MS, self._refuse)
        self._gathering = asyncio.create_task(self.intake.gather(consumer, 64))

    async def _refuse(self, record: Record, error: MalformedEvent) -> None:
        assert str(error)
        self.refused.append(record)

    async def until_waiting(self, count: int) -> None:
        async with asyncio.timeout(20):
            while self.intake.waiting < count:  # noqa: ASYNC110 -- nothing tells when
                await asyncio.sleep(0.01)

    async def next(self) -> Taken:
        async with asyncio.timeout(20):
            return await self.intake.next()

    async def stop(self) -> None:
        self._gathering.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._gathering
        await self.consumer.close()


async def gathered(log: EventLog) -> Gathered:
    return Gathered(await log.consumer("packager", [Topic.UPLOADS]))


async def announce(log: EventLog, video_id: int, user_id: int, **more: int) -> None:
    event = UploadEvent(video_id, user_id, f"raw/{video_id}", NOW_MS - 5_000, **more)  # type: ignore[arg-type]
    await log.append(Topic.UPLOADS, str(video_id), encode(event))


async def test_one_clip_goes_before_the_rest_of_who_sent_many(log: EventLog) -> None:
    for number in range(10):
        await announce(log, number, user_id=1, size_bytes=1000)
    await announce(log, 99, user_id=2, size_bytes=1000)
    packager = await gathered(log)
    await packager.until_waiting(11)
    assert 99 in [(await packager.next()).event.video_id for _ in range(2)]
    assert (packager.intake.waiting, packager.intake.oldest_wait_s()) == (9, 5.0)
    await packager.stop()


async def test_a_commit_that_the_log_did_not_take_is_repeated_until_it_does(
    log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("packager.intake.AWAY_PAUSE_S", 0.01)
    await announce(log, 1, user_id=1)
    packager = await gathered(log)
    taken = await packager.next()
    failures = iter([LogUnavailable("away"), LogUnavailable("away")])
    finish = taken.consumer.finish

    async def failing(position: Position) -> None:
        if (failure := next(failures, None)) is not None:
            raise failure
        await finish(position)

    monkeypatch.setattr(taken.consumer, "finish", failing)
    await packager.intake.finish(taken)
    assert await packager.consumer.lag() == 0
    await packager.stop()


async def test_what_was_begun_or_waited_when_a_packager_ended_comes_again_and_what_was_done_in_order_does_not(
    log: EventLog,
) -> None:
    for number in range(6):
        await announce(log, number, user_id=1, size_bytes=1000 * (number + 1))
    first = await gathered(log)
    await first.until_waiting(6)
    await first.intake.finish(await first.next())
    await first.next()
    await first.stop()
    second = await gathered(log)
    await second.until_waiting(5)
    assert sorted([(await second.next()).event.video_id for _ in range(5)]) == [1, 2, 3, 4, 5]
    await second.stop()


async def test_no_more_than_the_window_is_gathered_and_the_rest_follows(log: EventLog) -> None:
    for number in range(100):
        await announce(log, number, user_id=number)
    packager = await gathered(log)
    await packager.until_waiting(64)
    seen = set()
    for _ in range(100):
        assert packager.intake.waiting <= 64
        taken = await packager.next()
        seen.add(taken.event.video_id)
        await packager.intake.finish(taken)
    assert seen == set(range(100))
    assert await packager.consumer.lag() == 0
    await packager.stop()


async def test_a_second_event_of_a_video_waits_until_the_first_is_done(log: EventLog) -> None:
    for video_id in (7, 7, 8):
        await announce(log, video_id, user_id=1)
    packager = await gathered(log)
    await packager.until_waiting(3)
    first = await packager.next()
    second = await packager.next()
    assert [first.event.video_id, second.event.video_id] == [7, 8]
    waiting = asyncio.create_task(packager.next())
    await packager.intake.finish(first)
    assert (await waiting).event.video_id == 7
    await packager.stop()


async def test_a_retry_that_is_not_due_is_not_begun(log: EventLog) -> None:
    await announce(log, 1, user_id=1, not_before=NOW_MS + 60_000)
    await announce(log, 2, user_id=1)
    packager = await gathered(log)
    await packager.until_waiting(2)
    assert (await packager.next()).event.video_id == 2
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await packager.intake.next()
    await packager.stop()


async def test_what_is_no_event_is_refused_and_committed(log: EventLog) -> None:
    await log.append(Topic.UPLOADS, "x", b"\xff not json")
    await announce(log, 1, user_id=1)
    packager = await gathered(log)
    await packager.until_waiting(1)
    assert [record.value for record in packager.refused] == [b"\xff not json"]
    assert await packager.consumer.lag() == 1
    await packager.stop()


@pytest.mark.slow
async def test_of_two_packagers_in_a_backlog_one_ends_in_the_middle_and_the_other_does_the_rest(kafka: Kafka) -> None:
    async with topics_of_our_own(kafka.hosts, [Topic.UPLOADS], partitions=4) as prefix:
        log = open_eventlog(f"{kafka.url}&topic_prefix={prefix}&append_deadline_ms=20000", lambda: NOW_MS)
        for number in range(60):
            await announce(log, number, user_id=number % 3)
        first = await gathered(log)
        await first.until_waiting(60)
        done = set()
        for _ in range(3):
            taken = await first.next()
            done.add(taken.event.video_id)
            await first.intake.finish(taken)
        second = await gathered(log)
        await second.until_waiting(1)
        await second.next()
        await second.stop()
        async with asyncio.timeout(60):
            while await first.consumer.lag():
                taken = await first.next()
                done.add(taken.event.video_id)
                await first.intake.finish(taken)
        assert done == set(range(60))
        await first.stop()
        await log.close()
