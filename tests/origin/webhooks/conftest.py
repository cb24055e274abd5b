"""The whole way of a message on real stores, to a real receiver on loopback; a timer's sleep passes at once."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest

from origin.eventlog import EventLog, open_eventlog, prepare_eventlog
from origin.events import Topic, VideoChange, VideoEvent, WebhookEvent, decode, encode
from origin.ids import Snowflake
from origin.metadata import Metadata, open_metadata
from origin.subscribing import Webhooks
from origin.subscriptions import Attempt
from origin.views import NewSecret
from origin.webhooks.delivering import Deliveries, DeliverySettings
from origin.webhooks.fanout import FanOut
from origin.webhooks.sender import Sender, SenderSettings
from origin.webhooks.stats import WebhookStats
from origin.webhooks.target import Reach
from origin.webhooks.timers import Timers
from tests.kafka_topics import topics_of_our_own
from tests.origin.webhooks.receiver import Receiver

HERE = Reach(loopback=True)
CREATOR = 7
LOGS = ("memory", "sqlite", pytest.param("kafka", marks=pytest.mark.slow))


@dataclass
class Clock:
    """Runs, and leaps over what is slept."""

    passed_ms: int = 0

    def __call__(self) -> int:
        return time.time_ns() // 1_000_000 + self.passed_ms

    async def sleep(self, seconds: float) -> None:
        self.passed_ms += round(1000 * seconds) + 1
        await asyncio.sleep(0)


@dataclass
class Post:
    """The loops of webhooks, which can be killed and started again, and what they stand on."""

    metadata: Metadata
    eventlog: EventLog
    clock: Clock
    settings: DeliverySettings = field(default_factory=DeliverySettings)
    sending: SenderSettings = field(default_factory=SenderSettings)
    stats: WebhookStats = field(default_factory=WebhookStats)
    deliveries: Deliveries | None = None
    _ids: Snowflake = field(default_factory=lambda: Snowflake(1))
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _sender: Sender | None = None

    @property
    def webhooks(self) -> Webhooks:
        return Webhooks(self.metadata, self.eventlog, self.clock, self.mint, HERE)

    def mint(self) -> int:
        return self._ids.mint(self.clock())

    def start(self) -> None:
        log, stats = self.eventlog, self.stats
        self._sender = Sender(HERE, self.sending)
        self.deliveries = Deliveries(
            self.metadata, log, self._sender, HERE, self.clock, self.mint, random.random, stats, self.settings
        )
        loops = (
            self.deliveries.run(),
            FanOut(self.metadata, log, random.random, stats).run(),
            Timers(log, self.clock, random.random, stats, self.clock.sleep).run(),
        )
        self._tasks = [asyncio.create_task(loop) for loop in loops]

    async def kill(self) -> None:
        """Nothing that is under way ends or commits."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._tasks = []
        if self._sender is not None:
            await self._sender.close()
            self._sender = None

    async def subscribe(self, receiver: Receiver, *types: str, user_id: int = CREATOR) -> NewSecret:
        return await self.webhooks.create(user_id, f"http://127.0.0.1:{receiver.port}/hook", types)

    async def happens(
        self, video_id: int, status: str = "ready", change: VideoChange = VideoChange.PUBLISHED, user_id: int = CREATOR
    ) -> None:
        event = VideoEvent(video_id, user_id, change, self.clock(), duration_ms=900, revision=1, status=status)
        await self.eventlog.append(Topic.VIDEOS, str(video_id), encode(event))

    async def history(self, made: NewSecret, user_id: int = CREATOR) -> Sequence[Attempt]:
        return await self.webhooks.deliveries(user_id, made.webhook.webhook_id, None, 50)

    async def until_noted(self, made: NewSecret, attempts: int) -> Sequence[Attempt]:
        """The history once it holds so many, oldest first."""
        webhook_id = made.webhook.webhook_id
        found: list[Attempt] = []
        async with asyncio.timeout(60):
            while len(found) < attempts:  # nothing tells
                await asyncio.sleep(0.01)
                found = list(await self.metadata.attempts_of(webhook_id, None, 50, self.clock()))
        return found[::-1]

    async def letters(self) -> list[WebhookEvent]:
        return [decode(WebhookEvent, each.value) for each in await self.eventlog.read(Topic.WEBHOOKS_DEAD, {}, 100)]


@contextlib.asynccontextmanager
async def post_on(url: str) -> AsyncIterator[Post]:
    clock = Clock()
    metadata, eventlog = open_metadata("sqlite:///:memory:"), open_eventlog(url, clock)
    post = Post(metadata, eventlog, clock)
    try:
        yield post
    finally:
        await post.kill()
        await eventlog.close()
        await metadata.close()


@pytest.fixture
async def post() -> AsyncIterator[Post]:
    async with post_on("memory:") as opened:
        yield opened


@pytest.fixture(params=LOGS)
async def any_post(request, tmp_path) -> AsyncIterator[Post]:
    """On each event log."""
    if request.param != "kafka":
        async with post_on({"memory": "memory:", "sqlite": f"sqlite://{tmp_path}/events.db"}[request.param]) as opened:
            yield opened
        return
    kafka = request.getfixturevalue("kafka")
    async with topics_of_our_own(kafka.hosts, (), partitions=1) as prefix:
        url = f"{kafka.url}&topic_prefix={prefix}&partitions=2&append_deadline_ms=20000"
        await prepare_eventlog(url)
        async with post_on(url) as opened:
            yield opened
