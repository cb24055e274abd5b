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
from deploy.engines import Check, Engines
from deploy.front import front
from deploy.names import lasting_name
from deploy.playback import PlaybackUrls
from deploy.roles import EVERY_ROLE, Role
from deploy.setting_forms import Bind
from deploy.settings import Settings
from deploy.supervise import Supervisor
from edge.app import EdgeApp
from edge.asgi import AsgiApp
from edge.cache.invalidation import Purge
from edge.gateway.app import create_gateway
from edge.gateway.issuers import open_issuer
from edge.gateway.lastgood.last_good import LastGood
from edge.gateway.lastgood.model import LastGoodSettings
from edge.gateway.limits import open_limits
from edge.gateway.services import Services
from edge.gateway.settings import GatewaySettings
from edge.gateway.spool.circuit import Circuit
from edge.gateway.spool.forwarder import Forwarder
from edge.gateway.spool.model import SpoolSettings
from edge.gateway.spool.social import SpooledSocial
from edge.gateway.spool.spool import open_spool
from edge.ingest.direct import create_direct
from edge.ingest.gateway import create_ingest
from edge.ingest.locks import open_locks
from edge.ingest.settings import IngestSettings
from edge.ingest.stats import IngestStats
from edge.node.node import CacheNode
from edge.purge import PurgeFollower
from edge.store import Store, open_store
from edge.upstream import open_upstream
from feed.ready import ReadyFeeds, open_ready
from feed.rpc.client import RemoteFeeds, RemoteRanker, open_feeds, open_ranker
from feed.rpc.server import feed_server, scorer_server
from feed.service import FeedService
from feed.stream.embedded import ScorerWorker
from origin.app import OriginApp
from origin.captioning import Captions
from origin.changes import Changes
from origin.counting import Counting
from origin.deleting import Deletions
from origin.enhancing import Enhancements
from origin.leases import lease_ids
from origin.packaging import PackagingCatalog
from origin.reconciling import Reconciler
from origin.reviewing import Reviews
from origin.rpc.client import RemoteOrigin, RemoteSocial, open_origin
from origin.rpc.server import origin_server
from origin.rpc.serving import RpcServer
from origin.rpc.tls import Tls
from origin.social import Social
from origin.subscribing import Webhooks
from origin.uploads import Uploads
from origin.videos import Videos
from origin.webhooks.delivering import Deliveries
from origin.webhooks.fanout import FanOut
from origin.webhooks.sender import Sender
from origin.webhooks.stats import WebhookStats
from origin.webhooks.target import Reach, parse_reach
from origin.webhooks.timers import Timers
from packager.enhance.worker import Enhancer
from packager.moderation import open_moderation
from packager.settings import EnhancementSettings, PackagerSettings, UploadLimits
from packager.worker import PackagerWorker

PACKAGER_GRACE_S = 3.0
"""For short clips to end; a longer job starts over at the next start."""
DELIVERY_GRACE_S = 3.0
"""For receivers to answer; what is cut short is sent again."""
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
    tls: Tls | None
    """For gRPC; None: roles trust the loopback interface."""
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
    awaited: dict[str, Check] = field(default_factory=dict)
    """By setting, other roles without which nothing can be served at first; later the gateway gets by for a while."""
    calls: list[RpcServer] = field(default_factory=list)
    """For the other roles; not started yet."""

    def serve_calls(self, role: str, server: RpcServer) -> None:
        self.calls.append(server)
        self.stats[f"rpc_{role}"] = server.stats


async def compose(roles: frozenset[Role], site: Site, made: Composition) -> None:
    """Build `roles`, each once, into `made`. What one needs of another it gets from this process where that runs here
    too, else over gRPC; a role also serves gRPC unless every other one is here."""
    alone = roles == EVERY_ROLE
    scorer = await _scorer(site, made, alone) if Role.SCORER in roles else None
    feeds = await _feed(site, made, scorer, alone) if Role.FEED in roles else None
    origin = await _origin(site, made, alone) if Role.ORIGIN in roles else None
    if Role.PACKAGER in roles:
        _packager(site, made)
    media = await _edge(site, made, origin.app if origin else None) if Role.EDGE in roles else None
    if Role.GATEWAY in roles:
        await _gateway(site, made, origin or _remote_origin(site, made), feeds or _remote_feeds(site, made), media)


@dataclass(frozen=True, slots=True)
class _Origin:
    videos: Videos
    captions: Captions
    social: Social
    uploads: Uploads
    reviews: Reviews
    webhooks: Webhooks
    app: OriginApp


async def _origin(site: Site, made: Composition, alone: bool) -> _Origin:
    """The system of record: its use cases, the loops that keep it true, and the HTTP that edges pull from."""
    metadata, objects, log = site.engines.metadata(), site.engines.objects(), site.engines.eventlog()
    counters, clock, add = await site.engines.counters(), site.clock, site.supervisor.add
    ids = await lease_ids(metadata, uuid.uuid4().hex, clock)
    site.stack.push_async_callback(ids.close)
    uploads = Uploads(metadata, objects, log, clock, ids.mint)
    social = Social(metadata, log, clock, ids.mint)
    site.stack.push_async_callback(social.late.close)
    videos = Videos(metadata, counters, log, clock, site.changes, site.engines.progress())
    captions = Captions(videos, metadata, objects, log, clock, site.changes)
    reviews = Reviews(log, metadata, objects, clock)
    reach = parse_reach(site.settings.webhook_reach)
    webhooks = Webhooks(metadata, log, clock, ids.mint, reach)
    counting = Counting(log, counters, metadata, clock, random.random)
    add("worker lease", ids.run)
    add("reconciler", Reconciler(uploads, metadata, clock).run)
    add("deletions", Deletions(metadata, objects, log, clock, random.random).run)
    add("counting", counting.run)
    _deliver(site, made, ids.mint, reach)
    app = OriginApp(metadata, objects, clock)
    made.served.append(Served("origin", app, site.settings.origin_bind, tls=False))
    made.stats["counting"] = counting.stats
    if not alone:
        bind = str(site.settings.origin_grpc_bind)
        server = origin_server(bind, videos, captions, social, uploads, reviews, webhooks, site.tls)
        made.serve_calls("origin", server)
    return _Origin(videos, captions, social, uploads, reviews, webhooks, app)


def _deliver(site: Site, made: Composition, mint: Callable[[], int], reach: Reach) -> None:
    """Messages to creators' own systems."""
    metadata, log, clock = site.engines.metadata(), site.engines.eventlog(), site.clock
    sender, stats = Sender(reach), WebhookStats()
    site.stack.push_async_callback(sender.close)
    deliveries = Deliveries(metadata, log, sender, reach, clock, mint, random.random, stats)
    site.supervisor.add("webhook fan-out", FanOut(metadata, log, random.random, stats).run)
    site.supervisor.add("webhook timers", Timers(log, clock, random.random, stats).run)
    site.supervisor.add("webhook deliveries", deliveries.run, lambda: deliveries.drain(DELIVERY_GRACE_S))
    made.stats["webhooks"] = stats


def _remote_origin(site: Site, made: Composition) -> RemoteOrigin:
    origin = open_origin(site.settings.origin_target, site.tls)
    site.stack.push_async_callback(origin.close)
    made.awaited["REELWAY_ORIGIN_TARGET"] = origin.check
    return origin


def _packager(site: Site, made: Composition) -> None:
    """Uploads become renditions, behind moderation."""
    settings, log, objects = site.settings, site.engines.eventlog(), site.engines.objects()
    packaging = PackagerSettings(jobs_at_once=settings.packager_jobs, limits=_clip_limits(settings))
    metadata, progress = site.engines.metadata(), site.engines.progress()
    worker = PackagerWorker(
        packaging,
        log,
        objects,
        PackagingCatalog(metadata, objects, log, site.clock, site.changes, progress),
        open_moderation(settings.moderation, site.clock),
        site.clock,
        settings.data / "packager",
    )
    site.supervisor.add("packager", worker.run, lambda: worker.drain(PACKAGER_GRACE_S))
    made.stats["packager"] = worker.stats
    if settings.av1_from_heat:
        enhancer = Enhancer(
            EnhancementSettings(from_heat=settings.av1_from_heat),
            packaging,
            objects,
            Enhancements(metadata, objects, site.clock),
            worker.idle,
            settings.data / "enhancer",
        )
        site.supervisor.add("enhancer", enhancer.run)
        made.stats["enhancer"] = enhancer.stats


async def _scorer(site: Site, made: Composition, alone: bool) -> ScorerWorker:
    """Interactions become lists."""
    file = site.settings.data / "scorer.checkpoint"
    scorer = ScorerWorker(site.engines.eventlog(), await _ready(site), site.engines.metadata(), file, site.clock)
    site.supervisor.add("scorer", scorer.run)
    made.stats["scorer"] = scorer.stats
    if not alone:
        made.serve_calls("scorer", scorer_server(str(site.settings.scorer_grpc_bind), scorer, site.tls))
    return scorer


async def _feed(site: Site, made: Composition, scorer: ScorerWorker | None, alone: bool) -> FeedService:
    """What to watch next."""
    service = FeedService(await _ready(site), site.engines.metadata(), ranker=scorer or _remote_ranker(site))
    await service.start(site.clock())
    site.stack.push_async_callback(service.close)
    made.stats["feed"] = service.stats
    if not alone:
        made.serve_calls("feed", feed_server(str(site.settings.feed_grpc_bind), service, site.tls))
    return service


def _remote_ranker(site: Site) -> RemoteRanker:
    """Nobody waits for it: without a scorer the feed is served all the same."""
    ranker = open_ranker(site.settings.scorer_target, site.tls)
    site.stack.push_async_callback(ranker.close)
    return ranker


def _remote_feeds(site: Site, made: Composition) -> RemoteFeeds:
    feeds = open_feeds(site.settings.feed_target, site.tls)
    site.stack.push_async_callback(feeds.close)
    made.awaited["REELWAY_FEED_TARGET"] = feeds.check
    return feeds


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


async def _gateway(
    site: Site,
    made: Composition,
    origin: _Origin | RemoteOrigin,
    feeds: FeedService | RemoteFeeds,
    media: EdgeApp | None,
) -> None:
    """The public API, resumable uploads and the web app; with an edge in this process its media too."""
    settings, clock = site.settings, site.clock
    keys, speed = site.engines.keys(), await site.engines.speed()
    playback = PlaybackUrls(keys, settings.media_url, clock, await keys.ring())
    site.supervisor.add("signing keys", playback.refresh_forever)
    issuer = open_issuer(settings.auth_issuer, settings.data / ISSUER_KEY_FILE, settings.auth_audience)
    site.stack.push_async_callback(issuer.close)
    limits = open_limits(speed.url)
    site.stack.push_async_callback(limits.close)
    last_good = LastGood(origin.videos, feeds, LastGoodSettings(), clock)
    site.supervisor.add("last good", last_good.run)
    services = Services(
        videos=last_good.videos,
        social=await _spooled(site, made, origin.social),
        feeds=last_good.feeds,
        reviews=origin.reviews,
        captions=origin.captions,
        webhooks=origin.webhooks,
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
    ingest_stats, locks, objects = IngestStats(), open_locks(speed.url), site.engines.objects()
    site.stack.push_async_callback(locks.close)
    clip = _clip_limits(settings)
    longest_ms = clip.duration_ms + clip.duration_tolerance_ms
    taken = IngestSettings(max_bytes=clip.size_bytes, longest_ms=longest_ms, most_tracks=clip.streams)
    ingest = create_ingest(origin.uploads, objects, taken, clock, ingest_stats, locks)
    direct = create_direct(origin.uploads, objects, taken, clock, ingest_stats)
    gateway = create_gateway(services, ingest, direct)
    made.served.append(Served("public", front(gateway, media) if media else gateway, settings.gateway_bind, tls=True))
    made.stats |= {"gateway": services.stats, "ingest": ingest_stats, "last_good": last_good.stats}


def _clip_limits(settings: Settings) -> UploadLimits:
    """What a gateway and a packager refuse alike."""
    return UploadLimits(size_bytes=settings.upload_max_bytes)


async def _spooled(site: Site, made: Composition, social: Social | RemoteSocial) -> SpooledSocial:
    """Acts that the origin cannot take now are kept on this machine's disk."""
    settings, circuit = SpoolSettings(), Circuit()
    spool = await open_spool(site.settings.data / "spool", settings, site.clock)
    site.stack.push_async_callback(spool.close)
    site.supervisor.add("spool", Forwarder(spool, social, circuit, settings, random.random).run)
    made.stats["spool"] = spool.stats
    return SpooledSocial(social, spool, circuit, settings, site.clock, lambda: uuid.uuid4().hex)


def web_folder() -> Path:
    """Where the web app's files are."""
    return Path(edge_package.__path__[0]) / "web"
