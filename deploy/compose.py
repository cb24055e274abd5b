"""The composition root: what each role is made of. One function a role; nothing else builds a service."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import edge as edge_package
from deploy.engines import Engines
from deploy.front import front
from deploy.names import lasting_name
from deploy.playback import PlaybackUrls
from deploy.roles import Role
from deploy.setting_forms import Bind
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
from feed.ready import ReadyFeeds, open_ready
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
EDGE_NAME_FILE = "edge-name"
Clock = Callable[[], int]


@dataclass(frozen=True, slots=True)
class Site:
    """What every role of a process is composed with."""

    settings: Settings
    engines: Engines
    clock: Clock
    supervisor: Supervisor
    stack: AsyncExitStack
    changes: Changes = field(default_factory=Changes)
    """Tells watchers in this process that a video changed."""


@dataclass(frozen=True, slots=True)
class Served:
    """An app that a role wants served on an address: over TLS and HTTP/3, or in plain HTTP."""

    name: str
    app: AsgiApp
    address: Bind
    tls: bool


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


@dataclass(slots=True)
class Composition:
    """What a process serves, and what its admin port tells."""

    served: list[Served] = field(default_factory=list)
    stats: dict[str, Any] = field(default_factory=dict)
    """Stats dataclasses by the name of what counts in them."""
    cache: MediaCache | None = None


async def compose(roles: frozenset[Role], site: Site, made: Composition) -> None:
    """Build `roles`, each once, into `made`. What one needs of another it gets from this process where that runs here
    too, else over the network."""
    system = await _origin(site, made) if Role.ORIGIN in roles else None
    if Role.PACKAGER in roles:
        _packager(site, made)
    scorer = await _scorer(site, made) if Role.SCORER in roles else None
    feeds = await _feed(site, made) if Role.FEED in roles else None
    media = await _edge(site, made, system.app if system else None) if Role.EDGE in roles else None
    if Role.GATEWAY in roles:
        await _gateway(site, made, system, feeds, media)


@dataclass(frozen=True, slots=True)
class _Origin:
    videos: Videos
    social: Social
    uploads: Uploads
    app: OriginApp


async def _origin(site: Site, made: Composition) -> _Origin:
    """The system of record: its use cases, the loops that keep it true, and the HTTP that edges pull from."""
    metadata, objects, log = site.engines.metadata(), site.engines.objects(), site.engines.eventlog()
    counters, clock, add = await site.engines.counters(), site.clock, site.supervisor.add
    ids = await lease_ids(metadata, uuid.uuid4().hex, clock)
    site.stack.push_async_callback(ids.close)
    uploads = Uploads(metadata, objects, log, clock, ids.mint)
    counting = Counting(log, counters, metadata, clock, random.random)
    add("worker lease", ids.run)
    add("reconciler", Reconciler(uploads, metadata, clock).run)
    add("deletions", Deletions(metadata, objects, log, clock, random.random).run)
    add("counting", counting.run)
    app = OriginApp(metadata, objects, clock)
    made.served.append(Served("origin", app, site.settings.origin_bind, tls=False))
    made.stats["counting"] = counting.stats
    return _Origin(
        Videos(metadata, counters, log, clock, site.changes), Social(metadata, log, clock, ids.mint), uploads, app
    )


def _packager(site: Site, made: Composition) -> None:
    """Uploads become renditions, behind moderation."""
    settings, log, objects = site.settings, site.engines.eventlog(), site.engines.objects()
    worker = PackagerWorker(
        PackagerSettings(
            jobs_at_once=settings.packager_jobs, limits=UploadLimits(size_bytes=settings.upload_max_bytes)
        ),
        log,
        objects,
        PackagingCatalog(site.engines.metadata(), objects, log, site.clock, site.changes),
        open_moderation(settings.moderation),
        site.clock,
        settings.data / "packager",
    )
    site.supervisor.add("packager", worker.run, lambda: worker.drain(PACKAGER_GRACE_S))
    made.stats["packager"] = worker.stats


async def _scorer(site: Site, made: Composition) -> ScorerWorker:
    """Interactions become lists."""
    ready = await _ready(site)
    file = site.settings.data / "scorer.checkpoint"
    scorer = ScorerWorker(site.engines.eventlog(), ready, site.engines.metadata(), file, site.clock)
    site.supervisor.add("scorer", scorer.run)
    made.stats["scorer"] = scorer.stats
    return scorer


async def _feed(site: Site, made: Composition) -> FeedService:
    """What to watch next."""
    service = FeedService(await _ready(site), site.engines.metadata())
    await service.start(site.clock())
    site.stack.push_async_callback(service.close)
    made.stats["feed"] = service.stats
    return service


async def _ready(site: Site) -> ReadyFeeds:
    ready = open_ready((await site.engines.speed()).url, site.clock)
    site.stack.push_async_callback(ready.close)
    return ready


async def _edge(site: Site, made: Composition, origin_app: AsgiApp | None) -> EdgeApp:
    """Signed media from the segment cache."""
    settings, clock = site.settings, site.clock
    upstream = open_upstream(settings.origin_url, app=origin_app)
    site.stack.push_async_callback(upstream.close)
    store = await open_store(f"{settings.cache_url}?bytes={settings.cache_bytes}")
    site.stack.push_async_callback(store.close)
    node = CacheNode(store, upstream, clock)
    site.stack.push_async_callback(node.close)
    group = f"edge-{lasting_name(settings.data / EDGE_NAME_FILE)}"
    site.supervisor.add("purges", PurgeFollower(site.engines.eventlog(), node, group).run)
    app = EdgeApp(node, site.engines.keys(), clock)
    made.served.append(Served("media", app, settings.edge_bind, tls=True))
    made.stats["edge"] = node.stats
    made.cache = MediaCache(node, store)
    return app


async def _gateway(site: Site, made: Composition, system: _Origin, feeds: FeedService, media: EdgeApp | None) -> None:
    """The public API, resumable uploads and the web app; with an edge in this process its media too."""
    settings, clock = site.settings, site.clock
    keys, speed = site.engines.keys(), await site.engines.speed()
    playback = PlaybackUrls(keys, settings.media_url, clock, await keys.ring())
    site.supervisor.add("signing keys", playback.refresh_forever)
    issuer = open_issuer(settings.auth_issuer, settings.data / ISSUER_KEY_FILE, settings.auth_audience)
    site.stack.push_async_callback(issuer.close)
    limits = open_limits(speed.url)
    site.stack.push_async_callback(limits.close)
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
        system.uploads, site.engines.objects(), IngestSettings(max_bytes=settings.upload_max_bytes), clock, ingest_stats
    )
    gateway = create_gateway(services, ingest)
    made.served.append(Served("public", front(gateway, media) if media else gateway, settings.gateway_bind, tls=True))
    made.stats |= {"gateway": services.stats, "ingest": ingest_stats}


def web_folder() -> Path:
    """Where the web app's files are."""
    return Path(edge_package.__path__[0]) / "web"
