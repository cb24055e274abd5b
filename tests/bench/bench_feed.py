"""The feed: pages, scored events, and seconds from interaction to changed list; on the embedded engines, and beside
them on real ones where their URLs are given, prepared and empty.

Run it: `python -m tests.bench.bench_feed [METADATA_URL EVENTS_URL REDIS_URL]`. JSON lines; times are wall time on a
shared machine, rates per CPU second of this process.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from feed.model.scorer import Scorer
from feed.ready import Entry, ReadyFeeds, ReadyUnavailable, open_ready
from feed.service import FeedService
from feed.settings import ScorerSettings
from feed.stream.embedded import ScorerWorker
from origin.eventlog import EventLog, open_eventlog
from origin.events import InteractionEvent, InteractionType, Topic, VideoChange, VideoEvent, encode
from origin.metadata import Metadata, open_metadata
from origin.model import Publication, Video, VideoStatus, Visibility
from origin.speed import open_speed

START_MS = 1_800_000_000_000
VIDEOS, USERS = 1_000, 200
PAGES, CHANGES, EVENTS = 2_000, 200, 4_000
LIMIT = 10
HOUR_MS = 3_600_000


AT_ONCE = 16
"""Videos made at the same time."""


@dataclass(frozen=True)
class Urls:
    engines: str
    metadata: str
    events: str
    speed: str


def say(measure: str, **figures: float | str) -> None:
    sys.stdout.write(json.dumps({"bench": "feed", "measure": measure, **figures}) + "\n")
    sys.stdout.flush()


def quantiles_ms(seconds: Sequence[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    named = {"p50_ms": 0.50, "p95_ms": 0.95, "p99_ms": 0.99}
    return {name: round(1000 * ordered[int(part * (len(ordered) - 1))], 2) for name, part in named.items()}


def now_ms() -> int:
    return START_MS + int(time.monotonic() * 1000)


def a_publication(video_id: int, at_ms: int) -> VideoEvent:
    tags = (f"tag{video_id % 37}", f"tag{video_id % 11}")
    creator_id = 1_000_000 + video_id % 150
    return VideoEvent(video_id, creator_id, VideoChange.PUBLISHED, at_ms, duration_ms=15_000, tags=tags)


def an_act(draw: random.Random, number: int, user_id: int, videos: int, at_ms: int) -> InteractionEvent:
    video_id = min(videos, int(draw.paretovariate(0.6)))
    kind = draw.choices([InteractionType.VIEW, InteractionType.LIKE, InteractionType.SKIP], weights=[60, 10, 30])[0]
    watch_ms = draw.choice([800, 5_000, 15_000])
    return InteractionEvent(f"e{number}", user_id, kind, video_id, 0, at_ms, watch_ms)


async def fill(log: EventLog, metadata: Metadata) -> None:
    room = asyncio.Semaphore(AT_ONCE)

    async def made(video_id: int) -> VideoEvent:
        at_ms = now_ms() - (VIDEOS - video_id) * HOUR_MS // 10
        event = a_publication(video_id, at_ms)
        public, queued = Visibility.PUBLIC, VideoStatus.QUEUED
        shown = Publication(1, {}, (), (), event.duration_ms, 1080, 1920)
        async with room:
            await metadata.create_video(Video(video_id, event.creator_id, "", queued, public, at_ms, tags=event.tags))
            await metadata.publish(video_id, shown, VideoStatus.READY, at_ms, {queued})
        return event

    events = await asyncio.gather(*(made(video_id) for video_id in range(1, VIDEOS + 1)))
    await log.append_many(Topic.VIDEOS, [(str(event.video_id), encode(event)) for event in events])


async def pages(engines: str, service: FeedService) -> None:
    """One viewer after another, three pages each: the time a client waits, without the wire."""
    cursors: dict[int, tuple[str | None, int]] = {}
    taken, modes = [], set()
    cpu = time.process_time()
    for turn in range(PAGES):
        user_id = 1 + turn % USERS
        cursor, depth = cursors.get(user_id, (None, 0))
        began = time.perf_counter()
        page = await service.for_you(user_id, LIMIT, cursor, now_ms())
        taken.append(time.perf_counter() - began)
        modes.add(page.mode)
        cursors[user_id] = (page.next_cursor, depth + 1) if depth < 2 else (None, 0)
    cpu = time.process_time() - cpu
    rate = round(PAGES / cpu)
    say(
        "page", engines=engines, **quantiles_ms(taken), pages_per_cpu_second=rate, personal=float(modes == {"personal"})
    )


async def entries(ready: ReadyFeeds, user_id: int) -> tuple[Entry, ...] | None:
    """The user's list; on a machine that is busy otherwise a read may time out."""
    while True:
        with suppress(ReadyUnavailable):
            return (await ready.read(user_id)).entries


async def changes(engines: str, log: EventLog, ready: ReadyFeeds, draw: random.Random) -> None:
    """From the append of a like to another list in the speed layer, as a reader that polls sees it."""
    taken = []
    for turn in range(CHANGES):
        user_id = 1 + turn % USERS
        before = await entries(ready, user_id)
        liked = draw.choice(before[:20]).video_id
        event = InteractionEvent(f"change{turn}", user_id, InteractionType.LIKE, liked, 0, now_ms())
        began = time.perf_counter()
        await log.append(Topic.INTERACTIONS, str(user_id), encode(event))
        while await entries(ready, user_id) == before:  # noqa: ASYNC110 - Redis has no event for it
            await asyncio.sleep(0.001)
        taken.append(time.perf_counter() - began)
    say("interaction_to_changed_list", engines=engines, **quantiles_ms(taken))


def scoring(videos: int) -> None:
    """Events applied, each with its user's list made again, and without: catching up lies between."""
    for lists in (True, False):
        draw, scorer = random.Random(5), Scorer(ScorerSettings())
        for video_id in range(1, videos + 1):
            scorer.video(a_publication(video_id, START_MS), START_MS)
        count = EVENTS if lists else 5 * EVENTS
        acts = [an_act(draw, n, 1 + draw.randrange(USERS), videos, START_MS + n) for n in range(count)]
        cpu = time.process_time()
        for act in acts:
            scorer.interaction(act, act.at)
            if lists:
                scorer.build(act.user_id)
        rate = round(count / (time.process_time() - cpu))
        say("scored_events" if lists else "applied_events", per_cpu_second=rate, videos=videos)


async def live(urls: Urls, folder: Path) -> None:
    speed = await open_speed(urls.speed, folder)
    log = open_eventlog(urls.events, now_ms)
    metadata = open_metadata(urls.metadata)
    await log.check()
    ready = open_ready(speed.url, now_ms)
    draw = random.Random(7)
    await fill(log, metadata)
    acts = [an_act(draw, n, 1 + n % USERS, VIDEOS, now_ms()) for n in range(10 * USERS)]
    await log.append_many(Topic.INTERACTIONS, [(str(act.user_id), encode(act)) for act in acts])
    worker = ScorerWorker(log, ready, metadata, folder / "scorer.npz", now_ms)
    await worker.open()
    while worker.stats.events + worker.stats.repeats < VIDEOS + len(acts):
        await worker.step(1)
    service = FeedService(ready, metadata)
    await service.start(now_ms())
    await pages(urls.engines, service)
    running = asyncio.create_task(_keep_stepping(worker))
    await changes(urls.engines, log, ready, draw)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await worker.close()
    say(
        "checkpoint",
        engines=urls.engines,
        bytes=worker.stats.checkpoint_bytes,
        seconds=round(worker.stats.checkpoint_s, 3),
    )
    await service.close()
    await ready.close()
    await log.close()
    await metadata.close()
    await speed.close()


async def _keep_stepping(worker: ScorerWorker) -> None:
    while True:
        await worker.step(0.5)


def main() -> None:
    """Print one line for each measure."""
    with tempfile.TemporaryDirectory(prefix="reelway-feed-") as folder:
        embedded = Urls("embedded", f"sqlite://{folder}/metadata.db", f"sqlite://{folder}/events.db", "embedded:")
        asyncio.run(live(embedded, Path(folder)))
    if real := sys.argv[1:]:
        with tempfile.TemporaryDirectory(prefix="reelway-feed-") as folder:
            asyncio.run(live(Urls("real", *real), Path(folder)))
    for videos in (VIDEOS, 10 * VIDEOS):
        scoring(videos)


if __name__ == "__main__":
    main()
