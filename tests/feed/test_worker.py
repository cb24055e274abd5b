"""The embedded scorer against the event log: effect, restart, outage, replay."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from feed.ready import ReadyUnavailable, open_ready
from feed.settings import ReadySettings, WorkerSettings
from feed.stream.embedded import GROUP, ScorerWorker
from origin.deadletters import NEWER, read_letter
from origin.eventlog import LogUnavailable, Position
from origin.events import DEAD_LETTERS, InteractionType, Topic

LIKE, VIEW = InteractionType.LIKE, InteractionType.VIEW


class Outage:
    """Ready lists whose writes fail while `down`."""

    def __init__(self, behind) -> None:
        self.behind = behind
        self.down = False

    async def replace(self, updates) -> None:
        if self.down:
            raise ReadyUnavailable("unplugged")
        await self.behind.replace(updates)


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "scorer" / "checkpoint.npz"


@pytest.fixture
async def start(world, file):
    """Starts workers on the world's log; closes them at the end."""
    workers: list[ScorerWorker] = []

    async def open_one(ready=None, **kwargs) -> ScorerWorker:
        worker = ScorerWorker(world.log, ready or world.ready, world.metadata, file, world.clock, **kwargs)
        await worker.open()
        workers.append(worker)
        return worker

    yield open_one
    for worker in workers:
        await worker.close()


async def drain(worker: ScorerWorker) -> None:
    while await worker.step(0):
        pass


async def publish(world, count: int) -> None:
    for video_id in range(1, count + 1):
        await world.publish(video_id, tags=(f"tag{video_id % 7}",))


async def listed(world, user_id: int) -> list[int]:
    entries = (await world.ready.read(user_id)).entries
    return [entry.video_id for entry in entries or ()]


async def test_an_interaction_makes_a_list_without_what_was_watched(world, start, acts):
    await publish(world, 30)
    worker = await start()
    await world.tell(acts(1, LIKE, 3))
    await drain(worker)
    ids = await listed(world, 1)
    assert len(ids) == 29
    assert 3 not in ids
    assert (await world.ready.read(1)).history == (3,)


async def test_active_users_lists_live_longer_than_inactive_ones(world, start, acts):
    await publish(world, 5)
    worker = await start()
    await world.tell(acts(1, LIKE, 3))
    world.clock.pass_ms(25 * 3_600_000)
    await world.tell(acts(2, LIKE, 3, at_ms=world.clock()))
    await drain(worker)
    settings = ReadySettings()
    assert await world.ready.ttl_s(1) == settings.inactive_ttl_s
    assert await world.ready.ttl_s(2) == settings.active_ttl_s


async def test_a_withdrawn_video_leaves_the_written_lists(world, start, acts):
    await publish(world, 10)
    worker = await start()
    await world.tell(acts(1, LIKE, 3))
    await drain(worker)
    gone = (await listed(world, 1))[0]
    await world.withdraw(gone)
    await drain(worker)
    assert gone not in await listed(world, 1)


async def test_records_that_are_no_events_are_skipped(world, start, acts):
    await publish(world, 10)
    worker = await start()
    for value in (b"", b"{", b"[]", b'{"schema":1}', b'{"schema":99}', b"\xff" * 9):
        await world.log.append(Topic.INTERACTIONS, "1", value)
        await world.log.append(Topic.VIDEOS, "1", value)
    await world.tell(acts(1, LIKE, 3))
    await drain(worker)
    assert worker.stats.malformed == 12
    for topic in (Topic.INTERACTIONS, Topic.VIDEOS):
        letters = [read_letter(record) for record in await world.log.read(DEAD_LETTERS[topic], {}, 100)]
        assert [letter.code for letter in letters].count(NEWER) == 1
        assert len(letters) == 6
    assert len(await listed(world, 1)) == 9


async def test_a_restart_goes_on_from_the_checkpoint(world, start, acts, file):
    await publish(world, 30)
    worker = await start()
    for video_id in range(1, 11):
        await world.tell(acts(1, VIEW, video_id, watch_ms=9_000))
    await drain(worker)
    await worker.close()
    assert await worker.lag() == 0
    again = await start()
    await world.tell(acts(1, LIKE, 20))
    await drain(again)
    assert again.stats.events == 1
    assert sorted(await listed(world, 1)) == [*range(11, 20), *range(21, 31)]


async def test_what_came_after_the_last_checkpoint_is_applied_again_once(world, start, acts, file):
    await publish(world, 30)
    worker = await start()
    await world.tell(acts(1, LIKE, 1))
    await drain(worker)
    await worker.save()
    for video_id in range(2, 11):
        await world.tell(acts(1, LIKE, video_id))
    await drain(worker)
    expected = await listed(world, 1)
    state = file.read_bytes()
    await worker.close()
    file.write_bytes(state)
    await world.ready.close()
    again = await start()
    await drain(again)
    assert again.stats.events == 9
    assert await listed(world, 1) == expected


@pytest.mark.parametrize("damage", [None, b"", b"nonsense"])
async def test_without_a_readable_checkpoint_the_whole_log_is_read(world, start, acts, file, damage):
    await publish(world, 30)
    worker = await start()
    for user_id in (1, 2, 3):
        await world.tell(acts(user_id, LIKE, user_id))
    await drain(worker)
    expected = [await listed(world, user_id) for user_id in (1, 2, 3)]
    await worker.close()
    await world.ready.close()
    if damage is None:
        file.unlink()
    else:
        file.write_bytes(damage)
    again = await start()
    await drain(again)
    assert [await listed(world, user_id) for user_id in (1, 2, 3)] == expected


async def test_videos_that_the_log_has_forgotten_are_known_from_the_metadata(world, start, acts):
    await publish(world, 10)
    world.log.records.clear()
    worker = await start()
    await world.tell(acts(1, LIKE, 3))
    await drain(worker)
    assert len(await listed(world, 1)) == 9


async def test_the_same_log_replayed_gives_byte_identical_lists(world, acts, tmp_path):
    await publish(world, 60)
    for turn in range(400):
        kind = list(InteractionType)[turn * 7 % 10]
        world.clock.pass_ms(700)
        await world.tell(acts(1 + turn % 9, kind, 1 + turn * turn % 60, at_ms=world.clock()))
    results = []
    for number, batch in enumerate((1, 7, 500)):
        ready = open_ready("memory:", world.clock)
        settings = WorkerSettings(batch=batch, slice=3, write_chunk=2)
        path = tmp_path / f"{number}.npz"
        worker = ScorerWorker(world.log, ready, world.metadata, path, world.clock, settings)
        await worker.open()
        await drain(worker)
        await worker.close()
        results.append([(await ready.read(user_id)).entries for user_id in range(1, 10)])
    assert all(results[0])
    assert results[0] == results[1] == results[2]


async def test_lists_wait_for_the_speed_layer_and_survive_a_restart_meanwhile(world, start, acts):
    await publish(world, 20)
    outage = Outage(world.ready)
    worker = await start(outage)
    outage.down = True
    for user_id in range(1, 6):
        await world.tell(acts(user_id, LIKE, user_id))
    await drain(worker)
    assert worker.stats.pending == 5
    await worker.close()
    again = await start(outage)
    outage.down = False
    await again.step(0)
    for user_id in range(1, 6):
        assert len(await listed(world, user_id)) == 19


async def test_waiting_lists_are_bounded(world, start, acts):
    await publish(world, 5)
    outage = Outage(world.ready)
    outage.down = True
    worker = await start(outage, settings=WorkerSettings(pending_users=3))
    for user_id in range(1, 8):
        await world.tell(acts(user_id, LIKE, 1))
    await drain(worker)
    assert worker.stats.pending == 3
    assert worker.stats.pending_dropped == 4


async def test_running_waits_out_a_log_that_does_not_answer(world, file, acts):
    class Flaky:
        failures = 3

        async def consumer(self, *args):
            if self.failures:
                self.failures -= 1
                raise LogUnavailable("not yet")
            return await world.log.consumer(*args)

    await publish(world, 5)
    settings = WorkerSettings(retry_s=0.01, poll_timeout_s=0.05)
    worker = ScorerWorker(Flaky(), world.ready, world.metadata, file, world.clock, settings)
    running = asyncio.create_task(worker.run())
    await world.tell(acts(1, LIKE, 1))
    async with asyncio.timeout(10):
        while not await listed(world, 1):  # noqa: ASYNC110 - the store has no event for it
            await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert worker.stats.log_failures == 3
    assert file.exists()


async def test_offsets_are_committed_only_with_a_checkpoint(world, start, acts, file):
    await publish(world, 5)
    worker = await start()
    await world.tell(acts(1, LIKE, 1))
    await drain(worker)
    assert await worker.lag() == 6
    await worker.save()
    assert await worker.lag() == 0
    assert worker.stats.checkpoint_bytes == file.stat().st_size
    assert world.log.committed[GROUP, Topic.INTERACTIONS] == 1


async def test_a_record_given_twice_is_applied_once(world, start, acts):
    await publish(world, 5)
    worker = await start()
    await world.tell(acts(1, LIKE, 1))
    await drain(worker)
    (record,) = await world.log.read(Topic.INTERACTIONS, {}, 1)
    assert record.position == Position(Topic.INTERACTIONS, 0, 0)
    before = worker.stats.events
    await worker._apply([record])
    assert (worker.stats.events, worker.stats.repeats) == (before, 0)
