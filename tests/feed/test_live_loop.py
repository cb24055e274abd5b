"""Interaction → event log → scorer → list → next page, on a real Valkey and the SQLite event log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from feed.ready import ReadyFeeds, open_ready
from feed.service import FeedService
from feed.settings import ReadySettings
from feed.stream.embedded import ScorerWorker
from origin.eventlog import EventLog, open_eventlog
from origin.events import InteractionEvent, InteractionType, Topic, VideoChange, VideoEvent, encode
from origin.metadata import Metadata, open_metadata
from origin.model import Publication, Video, VideoStatus, Visibility
from origin.speed import Speed, open_speed

NOW_MS = 1_800_000_000_000
pytestmark = pytest.mark.slow


@dataclass
class Loop:
    log: EventLog
    metadata: Metadata
    ready: ReadyFeeds
    service: FeedService
    worker: ScorerWorker
    speed: Speed
    events: int = 0

    def now_ms(self) -> int:
        return NOW_MS + int(asyncio.get_running_loop().time() * 1000)

    async def publish(self, video_id: int, creator_id: int, tag: str) -> None:
        at_ms = self.now_ms()
        queued, public = VideoStatus.QUEUED, Visibility.PUBLIC
        await self.metadata.create_video(Video(video_id, creator_id, "", queued, public, at_ms, tags=(tag,)))
        shown = Publication(1, {}, (), (), 10_000, 1080, 1920)
        assert await self.metadata.publish(video_id, shown, VideoStatus.READY, at_ms, {queued})
        event = VideoEvent(video_id, creator_id, VideoChange.PUBLISHED, at_ms, duration_ms=10_000, tags=(tag,))
        await self.log.append(Topic.VIDEOS, str(video_id), encode(event))

    async def act(self, user_id: int, kind: InteractionType, video_id: int) -> None:
        self.events += 1
        event = InteractionEvent(f"e{self.events}", user_id, kind, video_id, 0, self.now_ms(), watch_ms=9_000)
        await self.log.append(Topic.INTERACTIONS, str(user_id), encode(event))

    async def list_changes(self, user_id: int, before: object) -> None:
        """Until the user's list is another one."""
        async with asyncio.timeout(20):
            while (await self.ready.read(user_id)).entries == before:  # noqa: ASYNC110 - Redis has no event for it
                await asyncio.sleep(0.002)


@pytest.fixture
async def loop(tmp_path) -> AsyncIterator[Loop]:
    speed = await open_speed("embedded:", tmp_path)
    clock = asyncio.get_running_loop().time

    def now_ms() -> int:
        return NOW_MS + int(clock() * 1000)

    log = open_eventlog(f"sqlite://{tmp_path}/events.db", now_ms)
    metadata = open_metadata(f"sqlite://{tmp_path}/metadata.db")
    # Timeouts are tried in the contract suite; here a busy machine must not look like an outage.
    ready = open_ready(speed.url, now_ms, ReadySettings(read_timeout_s=2.0, write_timeout_s=2.0))
    worker = ScorerWorker(log, ready, metadata, tmp_path / "scorer.npz", now_ms)
    service = FeedService(ready, metadata)
    running = asyncio.create_task(worker.run())
    yield Loop(log, metadata, ready, service, worker, speed)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await service.close()
    await ready.close()
    await log.close()
    await metadata.close()
    await speed.close()


async def test_each_interaction_changes_its_users_list(loop):
    for video_id in range(1, 201):
        await loop.publish(video_id, 1000 + video_id % 40, f"tag{video_id % 12}")
    for turn in range(60):
        user_id = 1 + turn % 10
        before = (await loop.ready.read(user_id)).entries
        await loop.act(user_id, InteractionType.LIKE, 1 + turn * 3)
        await loop.list_changes(user_id, before)


async def test_the_next_page_is_different_for_that_user_only(loop):
    for video_id in range(1, 101):
        await loop.publish(video_id, 1000 + video_id, f"tag{video_id % 10}")
    liker, other = 1, 2
    first = await loop.service.for_you(liker, 10, None, loop.now_ms())
    assert first.mode == "cold_start"
    for video_id in (3, 13, 23):
        before = (await loop.ready.read(liker)).entries
        await loop.act(liker, InteractionType.LIKE, video_id)
        await loop.list_changes(liker, before)
    page = await loop.service.for_you(liker, 10, first.next_cursor, loop.now_ms())
    assert page.mode == "personal"
    assert page.feed_id == first.feed_id
    assert [item.position for item in page.items] == list(range(10, 20))
    unlike = await loop.service.for_you(other, 10, None, loop.now_ms())
    assert unlike.mode == "cold_start"
    assert [i.video_id for i in page.items] != [i.video_id for i in unlike.items]


async def test_a_deleted_video_leaves_the_lists(loop):
    for video_id in range(1, 31):
        await loop.publish(video_id, 1000 + video_id, f"tag{video_id % 10}")
    await loop.act(1, InteractionType.LIKE, 1)
    await loop.list_changes(1, None)
    before = (await loop.ready.read(1)).entries
    gone = before[0].video_id
    await loop.log.append(Topic.VIDEOS, str(gone), encode(VideoEvent(gone, 0, VideoChange.DELETED, loop.now_ms())))
    await loop.list_changes(1, before)
    after = (await loop.ready.read(1)).entries
    assert after == before[1:]


async def test_a_killed_speed_layer_is_global_hot_and_comes_back(loop):
    import os
    import signal

    for video_id in range(1, 61):
        await loop.publish(video_id, 1000 + video_id, f"tag{video_id % 10}")
    await loop.act(1, InteractionType.LIKE, 1)
    await loop.list_changes(1, None)
    page = await loop.service.for_you(1, 5, None, loop.now_ms())
    assert page.mode == "personal"
    shown = [item.video_id for item in page.items]
    os.kill(loop.speed.pid, signal.SIGKILL)
    page = await loop.service.for_you(1, 5, page.next_cursor, loop.now_ms())
    assert page.mode == "global_hot"
    assert {item.source for item in page.items} == {"hot"}
    shown += [item.video_id for item in page.items]
    await loop.act(1, InteractionType.LIKE, shown[0])
    async with asyncio.timeout(20):
        while page.mode != "personal":
            await asyncio.sleep(0.2)
            page = await loop.service.for_you(1, 1, page.next_cursor, loop.now_ms())
            shown += [item.video_id for item in page.items]
    assert len(shown) == len(set(shown))
