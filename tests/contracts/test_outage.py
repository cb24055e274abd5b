"""The speed layer dead, frozen or failed over, and what its users do meanwhile: a few calls wait, the others do not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.services.addresses import Redis
from deploy.services.cluster import start_cluster
from deploy.services.node import Node
from deploy.services.replicated import ReplicatedRedis
from deploy.services.sentinel import start_sentinel
from deploy.services.service import Service
from deploy.services.valkey import start_redis
from edge.gateway.limits import Limits, Policy, open_limits
from edge.ingest.locks import Claim, Locks, LocksUnavailable, open_locks
from feed.ready import Entry, ReadyFeeds, ReadyUnavailable, Update, open_ready
from feed.service import FeedService
from origin.changes import Changes
from origin.counters import Counters, CountersUnavailable, Increment, Run, open_counters
from origin.eventlog import EventLog, Position, open_eventlog
from origin.metadata import Metadata, open_metadata
from origin.model import CountKind, User, Video, VideoStatus, Visibility
from origin.progress import open_progress
from origin.videos import Videos

pytestmark = pytest.mark.slow
POLICY = Policy("outage", 1_000_000, 60)
CALLS = 300
WITHOUT_WAITING_S = 15.0
"""Were each of CALLS to wait its time limit it would take twice as long, and more."""


def now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


@dataclass
class Users:
    """Everything that a request asks of the speed layer."""

    ready: ReadyFeeds
    service: FeedService
    counters: Counters
    videos: Videos
    limits: Limits
    locks: Locks
    metadata: Metadata
    log: EventLog

    async def close(self) -> None:
        await self.service.close()
        for each in (self.ready, self.counters, self.limits, self.locks, self.metadata, self.log):
            await each.close()


async def users_of(url: str) -> Users:
    metadata, counters = open_metadata("sqlite:///:memory:"), open_counters(url)
    log = open_eventlog("memory:", now_ms)
    await metadata.create_user(User(1, "cat", False, now_ms()))
    await metadata.create_video(Video(10, 1, "", VideoStatus.READY, Visibility.PUBLIC, now_ms()))
    ready = open_ready(url, now_ms)
    service = FeedService(ready, metadata)
    await service.start(now_ms())
    videos = Videos(metadata, counters, log, now_ms, Changes(), open_progress("memory:", now_ms))
    await ready.replace([Update(1, (Entry(10),), 3600)])
    run, view = Run("interactions", 0, -1, 0), Increment("", 10, CountKind.VIEWS, 5, Position("interactions", 0, 0))
    await counters.apply("counts", [run], [view])
    return Users(ready, service, counters, videos, open_limits(url), open_locks(url), metadata, log)


@pytest.fixture
def service(tmp_path) -> Iterator[Service[Redis]]:
    with start_redis(tmp_path / "server") as started:
        yield started


@pytest.fixture
async def users(service) -> AsyncIterator[Users]:
    opened = await users_of(service.address.url)
    yield opened
    await opened.close()


@pytest.mark.parametrize("blow", [Node.freeze, Node.kill])
async def test_while_the_server_is_away_requests_are_answered_and_only_a_few_wait(users, service, blow):
    [node] = service.nodes
    assert (await users.service.for_you(1, 5, None, now_ms())).mode == "personal"
    blow(node)
    async with asyncio.timeout(WITHOUT_WAITING_S):
        for call in range(CALLS):
            page = await users.service.for_you(1, 5, None, now_ms())
            assert page.mode == "global_hot"
            assert [view.video.counts.views for view in await users.videos.views([10], 0)] == [0]
            assert (await users.limits.spend(POLICY, "k", now_ms())).allowed
            with pytest.raises(LocksUnavailable):
                await users.locks.claim(Claim(call, "a"), first=True)
    assert users.limits.degraded == CALLS
    assert users.service.stats.ready_failures < CALLS // 10
    node.thaw()
    service.start()
    await until_back(users)


async def until_back(users: Users) -> None:
    async def personal() -> bool:
        return (await users.service.for_you(1, 5, None, now_ms())).mode == "personal"

    async def fresh() -> bool:
        return (await users.videos.views([10], 0))[0].video.counts.views == 5

    async def shared() -> bool:
        before = users.limits.degraded
        await users.limits.spend(POLICY, "k", now_ms())
        return users.limits.degraded == before

    async def locked() -> bool:
        return await users.locks.claim(Claim(now_ms(), "b"), first=True) is not None

    for back in (personal, fresh, shared, locked):
        await until(back)


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                if await true():
                    return
            except (ReadyUnavailable, CountersUnavailable, LocksUnavailable):
                pass
            await asyncio.sleep(0.02)


START: dict[str, Callable[[Path], ReplicatedRedis]] = {"sentinel": start_sentinel, "cluster": start_cluster}


@pytest.mark.parametrize("kind", START)
async def test_a_primary_that_hangs_for_ever_is_left_for_the_promoted_replica(tmp_path, kind):
    engine = await asyncio.to_thread(START[kind], tmp_path)
    users = await users_of(engine.address.url + "?wait_replicas=0")
    try:
        await until_back(users)
        # Of a cluster one primary, which has the counts: the others must be a majority to promote a replica.
        primary = await asyncio.to_thread(engine.primary, "{counts}:marks")
        primary.freeze()
        await asyncio.to_thread(engine.wait_for_another, primary, "{counts}:marks")
        await until_back(users)
    finally:
        await users.close()
        engine.stop()
