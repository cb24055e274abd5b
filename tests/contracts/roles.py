"""The roles on real stores in memory, reached in one process or over gRPC."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from feed.ready import ReadyFeeds, open_ready
from feed.rpc.client import open_feeds, open_ranker
from feed.rpc.server import feed_server, scorer_server
from feed.service import FeedService
from feed.settings import FeedSettings
from feed.stream.embedded import ScorerWorker
from origin.captioning import Captions
from origin.changes import Changes
from origin.counters import open_counters
from origin.eventlog import EventLog, open_eventlog
from origin.events import InteractionEvent, InteractionType, Topic, VideoChange, VideoEvent, encode
from origin.metadata import Metadata, open_metadata
from origin.model import Publication, StartupFile, User, Video, VideoStatus, Visibility
from origin.objects import Objects, open_objects
from origin.progress import ProgressNotes, open_progress
from origin.reviewing import Reviews
from origin.rpc.client import open_origin
from origin.rpc.server import origin_server
from origin.rpc.serving import RpcServer
from origin.social import Social
from origin.subscribing import Webhooks
from origin.uploads import Uploads
from origin.videos import Videos
from origin.webhooks.target import Reach

WAYS = ("in process", "over gRPC")
NOW_MS = 1_800_000_000_000
DAY_S = 24 * 3600
SHOWN = Publication(
    1, {"hls.m3u8": "k/1"}, ("720p",), (StartupFile("720p/init.mp4", 900),), 10_000, 1080, 1920, "c2h1bWI="
)


@dataclass
class Switch:
    """A store that raises what a test wants while it is off."""

    behind: Any
    error: Exception | None = None

    def __getattr__(self, name: str) -> Any:
        wanted = getattr(self.behind, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            if self.error is not None:
                raise self.error
            return await wanted(*args, **kwargs)

        return call


@dataclass
class Roles:
    """The four that the gateway asks and the one that the feed asks, and the stores behind them."""

    metadata: Metadata
    objects: Objects
    eventlog: EventLog
    ready: ReadyFeeds
    changed: Changes
    progress: ProgressNotes
    worker: ScorerWorker
    videos: Any = None
    social: Any = None
    uploads: Any = None
    reviews: Any = None
    captions: Any = None
    webhooks: Any = None
    feeds: Any = None
    ranker: Any = None
    _ids: count = field(default_factory=lambda: count(1000))

    def clock(self) -> int:
        return NOW_MS

    def mint(self) -> int:
        return next(self._ids)

    async def user(self, handle: str) -> User:
        return await self.social.create_user(handle)

    async def video(
        self, creator: User, status: VideoStatus = VideoStatus.READY, visibility: Visibility = Visibility.PUBLIC
    ) -> int:
        """A video with everything on it."""
        queued, video_id = VideoStatus.QUEUED, self.mint()
        video = Video(video_id, creator.user_id, "all #cats", queued, visibility, NOW_MS, raw_key="r", tags=("cats",))
        await self.metadata.create_video(video)
        if status is not queued:
            await self.metadata.publish(video_id, SHOWN, status, NOW_MS, {queued})
        event = VideoEvent(video_id, creator.user_id, VideoChange.PUBLISHED, NOW_MS, duration_ms=10_000, tags=("cats",))
        await self.eventlog.append(Topic.VIDEOS, str(video_id), encode(event))
        return video_id

    async def tell(self, user_id: int, kind: InteractionType, video_id: int) -> None:
        event = InteractionEvent(f"e{self.mint()}", user_id, kind, video_id, 0, NOW_MS)
        await self.eventlog.append(Topic.INTERACTIONS, str(user_id), encode(event))

    async def upload(self, user: User, length: int | None = 5) -> Any:
        return await self.uploads.begin(user.user_id, length, "filename YQ==", "my #dog", NOW_MS)


@asynccontextmanager
async def open_roles(way: str, folder: Path) -> AsyncIterator[Roles]:
    async with AsyncExitStack() as stack:

        def clock() -> int:
            return NOW_MS

        metadata = Switch(open_metadata("sqlite:///:memory:"))
        objects = Switch(open_objects(f"file://{folder}/objects"))
        eventlog = Switch(open_eventlog("memory:", clock))
        counters, ready, progress = (
            open_counters("memory:"),
            open_ready("memory:", clock),
            open_progress("memory:", clock),
        )
        for store in (metadata.behind, objects.behind, eventlog.behind, counters, ready, progress):
            stack.push_async_callback(store.close)
        worker = ScorerWorker(eventlog, ready, metadata, folder / "checkpoint", clock)
        stack.push_async_callback(worker.close)
        opened = Roles(metadata, objects, eventlog, ready, Changes(), progress, worker)
        opened.videos = Videos(metadata, counters, eventlog, clock, opened.changed, opened.progress)
        opened.social = Social(metadata, eventlog, clock, opened.mint)
        opened.uploads = Uploads(metadata, objects, eventlog, clock, opened.mint)
        opened.captions = Captions(opened.videos, metadata, objects, eventlog, clock, opened.changed)
        opened.reviews = Reviews(eventlog, metadata, objects, clock)
        opened.webhooks = Webhooks(metadata, eventlog, clock, opened.mint, Reach())
        await (in_process if way == "in process" else over_grpc)(opened, stack)
        yield opened


async def in_process(roles: Roles, stack: AsyncExitStack) -> None:
    roles.ranker = roles.worker
    roles.feeds = feed_of(roles)
    stack.push_async_callback(roles.feeds.close)


async def over_grpc(roles: Roles, stack: AsyncExitStack) -> None:
    """Every role behind a server, and clients in its place: the feed asks the scorer that way too."""

    async def serve(server: RpcServer) -> str:
        port = await server.start()
        stack.push_async_callback(server.stop, 0)
        return f"127.0.0.1:{port}"

    roles.ranker = open_ranker(await serve(scorer_server("127.0.0.1:0", roles.worker)))
    stack.push_async_callback(roles.ranker.close)
    feeds = feed_of(roles)
    stack.push_async_callback(feeds.close)
    roles.feeds = open_feeds(await serve(feed_server("127.0.0.1:0", feeds)))
    stack.push_async_callback(roles.feeds.close)
    server = origin_server(
        "127.0.0.1:0", roles.videos, roles.captions, roles.social, roles.uploads, roles.reviews, roles.webhooks
    )
    origin = open_origin(await serve(server))
    stack.push_async_callback(origin.close)
    roles.videos, roles.social, roles.uploads = origin.videos, origin.social, origin.uploads
    roles.reviews = origin.reviews
    roles.captions = origin.captions
    roles.webhooks = origin.webhooks


def feed_of(roles: Roles) -> FeedService:
    patient = FeedSettings(ranker_timeout_s=30.0)
    return FeedService(roles.ready, roles.metadata, patient, new_feed_id=lambda: b"feed-one", ranker=roles.ranker)
