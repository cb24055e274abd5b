"""What gRPC between roles costs: a feed page and ten video documents, in process and over loopback.

Run it: `python -m tests.bench.bench_rpc`. JSON lines, medians of three runs, one call after another and sixteen at
once; CPU is of both processes together. The server is a process of its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from feed.ready import Entry, Update, open_ready
from feed.rpc.client import open_feeds
from feed.rpc.server import feed_server
from feed.service import FeedService
from origin.captioning import Captions
from origin.changes import Changes
from origin.counters import open_counters
from origin.eventlog import open_eventlog
from origin.metadata import open_metadata
from origin.model import Publication, StartupFile, User, Video, VideoStatus, Visibility
from origin.objects import open_objects
from origin.progress import open_progress
from origin.reviewing import Reviews
from origin.rpc.client import open_origin
from origin.rpc.server import origin_server
from origin.social import Social
from origin.uploads import Uploads
from origin.videos import Videos

NOW_MS = 1_800_000_000_000
VIDEOS, USERS, LIST = 300, 50, 60
CALLS, RUNS, AT_ONCE = 1_000, 3, 16
QUEUED = VideoStatus.QUEUED
SHOWN = Publication(
    1,
    {name: f"videos/1/{name}" for name in ("hls.m3u8", "dash.mpd", "poster.jpg", "preview.webp", "storyboard.vtt")},
    ("v1080", "v720", "v480", "v360"),
    tuple(StartupFile(f"v{height}/{name}", 40_000) for height in (1080, 720, 480, 360) for name in ("init", "1")),
    15_000,
    1080,
    1920,
    "3OcRJYB4d3h/iIeHeEh3eIhw+j2w",
)
Ask = Callable[[int], Awaitable[object]]


@dataclass
class House:
    videos: Videos
    captions: Captions
    social: Social
    uploads: Uploads
    reviews: Reviews
    feeds: FeedService


async def house(folder: str) -> House:
    """The use cases on stores in memory, with videos and ready lists."""

    def clock() -> int:
        return NOW_MS

    metadata, ready = open_metadata("sqlite:///:memory:"), open_ready("memory:", clock)
    log, objects = open_eventlog("memory:", clock), open_objects(f"file://{folder}/objects")
    await metadata.create_user(User(1, "creator", guest=False, created_at_ms=NOW_MS))
    for video_id in range(1, VIDEOS + 1):
        video = Video(video_id, 1, "a video #cats", QUEUED, Visibility.PUBLIC, NOW_MS, tags=("cats",))
        await metadata.create_video(video)
        await metadata.publish(video_id, SHOWN, VideoStatus.READY, NOW_MS, {QUEUED})
    entries = tuple(Entry(video_id) for video_id in range(1, LIST + 1))
    await ready.replace([Update(user_id, entries, 86_400) for user_id in range(USERS)])
    feeds = FeedService(ready, metadata)
    await feeds.start(NOW_MS)
    changes = Changes()
    videos = Videos(metadata, open_counters("memory:"), log, clock, changes, open_progress("memory:", clock))
    return House(
        videos,
        Captions(videos, metadata, objects, log, clock, changes),
        Social(metadata, log, clock, lambda: 1),
        Uploads(metadata, objects, log, clock, lambda: 1),
        Reviews(log, metadata, objects, clock),
        feeds,
    )


async def serve(folder: str) -> None:
    """The child: says its two ports, and stops with its standard input."""
    behind = await house(folder)
    origin = origin_server(
        "127.0.0.1:0",
        behind.videos,
        behind.captions,
        behind.social,
        behind.uploads,
        behind.reviews,
        behind.webhooks,
    )
    feeds = feed_server("127.0.0.1:0", behind.feeds)
    print(await origin.start(), await feeds.start(), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await origin.stop(0)
    await feeds.stop(0)


def cpu_s(pids: list[int]) -> float:
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


async def one_run(ask: Ask, at_once: int, pids: list[int]) -> dict[str, float]:
    taken: list[float] = []

    async def caller(first: int) -> None:
        for number in range(first, CALLS, at_once):
            began = time.perf_counter()
            await ask(number)
            taken.append(time.perf_counter() - began)

    cpu, began = cpu_s(pids), time.perf_counter()
    await asyncio.gather(*(caller(first) for first in range(at_once)))
    wall = time.perf_counter() - began
    taken.sort()
    return {
        "p50_ms": 1000 * taken[len(taken) // 2],
        "p99_ms": 1000 * taken[int(0.99 * len(taken))],
        "per_s": CALLS / wall,
        "cpu_s_per_1000": (cpu_s(pids) - cpu) * 1000 / CALLS,
    }


async def measure(name: str, way: str, ask: Ask, pids: list[int]) -> None:
    for number in range(100):
        await ask(number)
    for at_once in (1, AT_ONCE):
        runs = [await one_run(ask, at_once, pids) for _ in range(RUNS)]
        figures = {key: round(statistics.median(run[key] for run in runs), 3) for key in runs[0]}
        print(json.dumps({"bench": "rpc", "measure": name, "way": way, "at_once": at_once, **figures}), flush=True)


async def main(folder: str) -> None:
    here = await house(folder)
    command = [sys.executable, "-m", "tests.bench.bench_rpc", "serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:  # noqa: ASYNC220
        assert child.stdout is not None
        origin_port, feed_port = child.stdout.readline().split()
        origin, feeds = open_origin(f"127.0.0.1:{origin_port}"), open_feeds(f"127.0.0.1:{feed_port}")
        alone, both = [os.getpid()], [os.getpid(), child.pid]
        ids = list(range(1, 11))
        for way, videos, pages, pids in (
            ("in process", here.videos, here.feeds, alone),
            ("over gRPC", origin.videos, feeds, both),
        ):
            await measure("feed.for_you", way, lambda n, f=pages: f.for_you(n % USERS, 10, None, NOW_MS), pids)
            await measure("videos.views(10)", way, lambda n, v=videos: v.views(ids, n % USERS), pids)
        await origin.close()
        await feeds.close()
        child.communicate("")
    await here.feeds.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="reelway-rpc-") as scratch:
        asyncio.run((serve if sys.argv[1:] == ["serve"] else main)(scratch))
