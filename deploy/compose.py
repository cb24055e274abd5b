"""The composition root: what each role is made of. One function a role; nothing else builds a service."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import edge as edge_package
from deploy.engines import Engines
from deploy.playback import PlaybackUrls
from deploy.settings import Settings
from deploy.supervise import Supervisor
from edge.app import EdgeApp
from edge.asgi import AsgiApp
from edge.cache.invalidation import Purge
from edge.gateway.app import create_gateway
from edge.gateway.issuers import open_issuer
from edge.gateway.limits import open_limits
from edge.gateway.services import Services
from edge.gateway.settings import GatewaySettings
from edge.ingest.gateway import create_ingest
from edge.ingest.settings import IngestSettings
from edge.ingest.stats import IngestStats
from edge.node.node import CacheNode
from edge.purge import PurgeFollower
from edge.store import Store, open_store
from edge.upstream import open_upstream
from feed.ready import open_ready
from feed.service import FeedService
from feed.stream.embedded import ScorerWorker
from origin.app import OriginApp
from origin.changes import Changes
from origin.counting import Counting
from origin.deleting import Deletions
from origin.leases import lease_ids
from origin.packaging import PackagingCatalog
from origin.reconciling import Reconciler
from origin.social import Social
from origin.uploads import Uploads
from origin.videos import Videos
from packager.moderation import open_moderation
from packager.settings import PackagerSettings, UploadLimits
from packager.worker import PackagerWorker

PACKAGER_GRACE_S = 3.0
"""For short clips to end; a longer job starts over at the next start."""
ISSUER_KEY_FILE = "issuer-key.pem"
Clock = Callable[[], int]


@dataclass(frozen=True, slots=True)
class Origin:
    """The system of record: its use cases, and the HTTP that edges pull from."""

    videos: Videos
    social: Social
    uploads: Uploads
    packaging: PackagingCatalog
    app: OriginApp
    stats: Mapping[str, Any]


async def origin(engines: Engines, clock: Clock, supervisor: Supervisor, stack: AsyncExitStack) -> Origin:
    """Metadata, objects, events and counters, and the loops that keep them true."""
    ids = await lease_ids(engines.metadata, uuid.uuid4().hex, clock)
    stack.push_async_callback(ids.close)
    changes = Changes()
    log, metadata, objects = engines.eventlog, engines.metadata, engines.objects
    uploads = Uploads(metadata, objects, log, clock, ids.mint)
    counting = Counting(log, engines.counters, metadata, clock, random.random)
    supervisor.add("worker lease", ids.run)
    supervisor.add("reconciler", Reconciler(uploads, metadata, clock).run)
    supervisor.add("deletions", Deletions(metadata, objects, log, clock, random.random).run)
    supervisor.add("counting", counting.run)
    return Origin(
        videos=Videos(metadata, engines.counters, log, clock, changes),
        social=Social(metadata, log, clock, ids.mint),
        uploads=uploads,
        packaging=PackagingCatalog(metadata, objects, log, clock, changes),
        app=OriginApp(metadata, objects, clock),
        stats={"counting": counting.stats},
    )


def packager(
    settings: Settings, engines: Engines, catalog: PackagingCatalog, clock: Clock, supervisor: Supervisor
) -> PackagerWorker:
    """Uploads become renditions, behind moderation."""
    worker = PackagerWorker(
        PackagerSettings(
            jobs_at_once=settings.packager_jobs, limits=UploadLimits(size_bytes=settings.upload_max_bytes)
        ),
        engines.eventlog,
        engines.objects,
        catalog,
        open_moderation(settings.moderation),
        clock,
        settings.data / "packager",
    )
    supervisor.add("packager", worker.run, lambda: worker.drain(PACKAGER_GRACE_S))
    return worker


@dataclass(frozen=True, slots=True)
class Feed:
    service: FeedService
    scorer: ScorerWorker


async def feed(
    settings: Settings, engines: Engines, clock: Clock, supervisor: Supervisor, stack: AsyncExitStack
) -> Feed:
    """What to watch next, and the scorer that learns it."""
    ready = open_ready(engines.speed.url, clock)
    stack.push_async_callback(ready.close)
    service = FeedService(ready, engines.metadata)
    await service.start(clock())
    stack.push_async_callback(service.close)
    scorer = ScorerWorker(engines.eventlog, ready, engines.metadata, settings.data / "scorer.checkpoint", clock)
    supervisor.add("scorer", scorer.run)
    return Feed(service, scorer)


class MediaCache:
    """The edge's cache as the admin port asks for it."""

    def __init__(self, node: CacheNode, store: Store) -> None:
        self._node, self._store = node, store

    async def purge(self, purge: Purge) -> int:
        return await self._node.purge(purge)

    def summary(self) -> Mapping[str, Any]:
        stats = self._node.stats
        looked_up = stats.hits + stats.misses + stats.revalidated
        return {
            **asdict(self._store.usage()),
            "hit_ratio": round(stats.hits / looked_up, 4) if looked_up else None,
        }


@dataclass(frozen=True, slots=True)
class Edge:
    app: EdgeApp
    node: CacheNode
    cache: MediaCache


async def edge(
    settings: Settings,
    engines: Engines,
    origin_app: AsgiApp,
    clock: Clock,
    supervisor: Supervisor,
    stack: AsyncExitStack,
) -> Edge:
    """Signed media from the segment cache."""
    upstream = open_upstream(settings.origin_url, app=origin_app)
    stack.push_async_callback(upstream.close)
    store = await open_store(f"{settings.cache_url}?bytes={settings.cache_bytes}")
    stack.push_async_callback(store.close)
    node = CacheNode(store, upstream, clock)
    stack.push_async_callback(node.close)
    supervisor.add("purges", PurgeFollower(engines.eventlog, node, "edge").run)
    return Edge(EdgeApp(node, engines.keys, clock), node, MediaCache(node, store))


@dataclass(frozen=True, slots=True)
class Gateway:
    app: AsgiApp
    stats: Mapping[str, Any]


async def gateway(
    settings: Settings,
    engines: Engines,
    system: Origin,
    feeds: FeedService,
    clock: Clock,
    supervisor: Supervisor,
    stack: AsyncExitStack,
) -> Gateway:
    """The public API, resumable uploads and the web app."""
    playback = PlaybackUrls(engines.keys, settings.media_url, clock, await engines.keys.ring())
    supervisor.add("signing keys", playback.refresh_forever)
    issuer = open_issuer(settings.auth_issuer, settings.data / ISSUER_KEY_FILE, settings.auth_audience)
    stack.push_async_callback(issuer.close)
    limits = open_limits(engines.speed.url)
    stack.push_async_callback(limits.close)
    services = Services(
        videos=system.videos,
        social=system.social,
        feeds=feeds,
        playback=playback,
        issuer=issuer,
        limits=limits,
        settings=GatewaySettings(
            settings.public_url,
            settings.media_url,
            site_folder=web_folder(),
            upload_body_bytes=settings.upload_max_bytes,
        ),
        clock=clock,
        audience=settings.auth_audience,
    )
    ingest_stats = IngestStats()
    ingest = create_ingest(
        system.uploads, engines.objects, IngestSettings(max_bytes=settings.upload_max_bytes), clock, ingest_stats
    )
    return Gateway(create_gateway(services, ingest), {"gateway": services.stats, "ingest": ingest_stats})


def web_folder() -> Path:
    """Where the web app's files are."""
    return Path(edge_package.__path__[0]) / "web"
