"""Videos and events as the feed meets them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from feed.ready import ReadyFeeds, open_ready
from origin.eventlog import EventLog, open_eventlog
from origin.events import InteractionEvent, InteractionType, Topic, VideoChange, VideoEvent, encode
from origin.metadata import Metadata, open_metadata
from origin.model import Publication, Video, VideoStatus, Visibility

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "kuairand_ci.npz"
collect_ignore = [] if DATA.exists() else ["test_quality.py"]
NOW_MS = 1_800_000_000_000
HOUR_MS = 3_600_000


@dataclass
class Clock:
    now_ms: int = NOW_MS

    def __call__(self) -> int:
        return self.now_ms

    def pass_ms(self, ms: int) -> None:
        self.now_ms += ms


def published(video_id: int, creator_id: int = 0, tags: tuple[str, ...] = (), at_ms: int = NOW_MS) -> VideoEvent:
    creator_id = creator_id or 1_000_000 + video_id
    return VideoEvent(video_id, creator_id, VideoChange.PUBLISHED, at_ms, duration_ms=10_000, tags=tags)


@dataclass
class Acts:
    """Makes interactions with event ids of their own."""

    count: int = 0

    def __call__(
        self, user_id: int, kind: InteractionType, video_id: int, *, at_ms: int = NOW_MS, **changes
    ) -> InteractionEvent:
        self.count += 1
        fields = {"creator_id": 1_000_000 + video_id, **changes}
        return InteractionEvent(
            event_id=f"event-{self.count}", user_id=user_id, type=kind, video_id=video_id, at=at_ms, **fields
        )


@pytest.fixture
def acts() -> Acts:
    return Acts()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def row(video_id: int, creator_id: int, tags: tuple[str, ...], created_at_ms: int) -> Video:
    return Video(video_id, creator_id, "", VideoStatus.QUEUED, Visibility.PUBLIC, created_at_ms, tags=tags)


@dataclass
class World:
    """Everything around the feed on memory backends, at a clock of its own."""

    clock: Clock
    log: EventLog
    ready: ReadyFeeds
    metadata: Metadata
    videos: dict[int, Video] = field(default_factory=dict)

    async def publish(self, video_id: int, creator_id: int = 0, tags: tuple[str, ...] = ()) -> None:
        """Into the metadata store and the event log, as the packager does."""
        creator_id = creator_id or 1_000_000 + video_id
        video = row(video_id, creator_id, tags, self.clock())
        await self.metadata.create_video(video)
        shown = Publication(1, {}, (), (), 10_000, 1080, 1920)
        queued = {VideoStatus.QUEUED}
        assert await self.metadata.publish(video_id, shown, VideoStatus.READY, self.clock(), queued)
        await self.tell(published(video_id, creator_id, tags, self.clock()))

    async def withdraw(self, video_id: int, change: VideoChange = VideoChange.DELETED) -> None:
        await self.metadata.transition(video_id, set(VideoStatus), VideoStatus.DELETED)
        await self.tell(VideoEvent(video_id, 0, change, self.clock()))

    async def tell(self, event: VideoEvent | InteractionEvent) -> None:
        if isinstance(event, VideoEvent):
            await self.log.append(Topic.VIDEOS, str(event.video_id), encode(event))
        else:
            await self.log.append(Topic.INTERACTIONS, str(event.user_id), encode(event))


@pytest.fixture
async def world(clock: Callable[[], int]) -> AsyncIterator[World]:
    log = open_eventlog("memory:", clock)
    metadata = open_metadata("sqlite:///:memory:")
    ready = open_ready("memory:", clock)
    yield World(clock, log, ready, metadata)
    await log.close()
    await metadata.close()
