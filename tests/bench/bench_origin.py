"""The stores of origin: reads and writes per second, append to poll, object MB/s, embedded start.

Run it: `python -m tests.bench.bench_origin`. JSON lines. Wall figures include the disk's sync; CPU figures are of the
whole process, its store threads included.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from itertools import count
from pathlib import Path

from origin.counters import Increment, open_counters
from origin.eventlog import EventLog, Position, open_eventlog
from origin.metadata import Metadata, open_metadata
from origin.model import CountKind, User
from origin.objects import Objects, open_objects
from origin.speed import open_speed
from tests.bench.load import Work, load
from tests.bench.videos import a_video

SECONDS = 1.5
AT_ONCE = 64
VIDEOS = 5_000
PAGE = 20
VALUE = b"x" * 300
OBJECT_BYTES = 8_000_000
SEGMENT_BYTES = 200_000


def clock() -> int:
    return time.time_ns() // 1_000_000


def say(measure: str, **figures: float) -> None:
    rounded = {name: round(figure, 4 if figure < 10 else 1) for name, figure in figures.items()}
    sys.stdout.write(json.dumps({"bench": "origin", "measure": measure, **rounded}) + "\n")


async def rate(measure: str, work: Work, at_once: int = 1) -> None:
    done = await load(work, count(1), at_once, SECONDS)
    figures = {"p50_ms": done.wait_ms(50), "p99_ms": done.wait_ms(99)}
    say(measure, per_second=done.per_second, per_cpu_second=done.calls / done.cpu_s, **figures)


def percentiles(durations: Sequence[float]) -> dict[str, float]:
    ordered = sorted(durations)
    return {"p50_ms": ordered[len(ordered) // 2] * 1e3, "p99_ms": ordered[len(ordered) * 99 // 100] * 1e3}


async def bench_metadata(metadata: Metadata) -> None:
    await asyncio.gather(*(metadata.create_video(a_video(n)) for n in range(1, VIDEOS + 1)))
    chance = random.Random(1)
    numbers = range(1, VIDEOS + 1)
    await rate("metadata_point_read", lambda _: metadata.video(chance.choice(numbers)))
    await rate("metadata_point_read_64_at_once", lambda _: metadata.video(chance.choice(numbers)), AT_ONCE)
    await rate(f"metadata_page_of_{PAGE}", lambda _: metadata.videos(chance.sample(numbers, PAGE)))
    await rate("metadata_newest_page", lambda _: metadata.newest_public(None, PAGE))
    await rate("metadata_write", lambda n: metadata.set_like(1, n, True, n))
    await rate("metadata_write_64_at_once", lambda n: metadata.set_like(2, n, True, n), AT_ONCE)
    await rate("metadata_create_user_64_at_once", lambda n: metadata.create_user(User(n, f"u{n}", True, n)), AT_ONCE)


async def bench_eventlog(log: EventLog) -> None:
    await rate("eventlog_append", lambda _: log.append("single", "k", VALUE))
    await rate("eventlog_append_64_at_once", lambda _: log.append("single", "k", VALUE), AT_ONCE)
    batch = [("k", VALUE)] * 100
    await rate("eventlog_append_batches_of_100", lambda _: log.append_many("batched", batch))
    consumer = await log.consumer("bench", ["poll"])
    waits: list[float] = []
    for _ in range(300):
        polling = asyncio.create_task(consumer.poll(1, 5))
        await asyncio.sleep(0.002)
        begin = time.perf_counter()
        await log.append("poll", "k", VALUE)
        await polling
        waits.append(time.perf_counter() - begin)
    say("eventlog_append_to_poll", **percentiles(waits))


async def pieces(size: int) -> AsyncIterator[bytes]:
    block = bytes(64 << 10)
    for _ in range(size // len(block)):
        yield block


async def bench_objects(objects: Objects) -> None:
    async def put_stream(n: int) -> None:
        await objects.put(f"raw/{n}", pieces(OBJECT_BYTES))

    async def put_segment(n: int) -> None:
        await objects.put(f"v/1/v540-a/{n}.m4s", bytes(SEGMENT_BYTES))

    async def join(n: int) -> None:
        multipart = await objects.create_multipart(f"joined/{n}")
        parts = [await objects.put_part(multipart, number, pieces(OBJECT_BYTES // 4)) for number in (1, 2, 3, 4)]
        await objects.complete(multipart, parts)

    async def get(_: int) -> None:
        async for _block in objects.get("raw/1"):
            pass

    await bytes_rate("objects_put", put_stream, OBJECT_BYTES)
    await bytes_rate("objects_put_segment", put_segment, SEGMENT_BYTES)
    await bytes_rate("objects_put_segment_8_at_once", put_segment, SEGMENT_BYTES, 8)
    await bytes_rate("objects_multipart_of_4", join, OBJECT_BYTES)
    await bytes_rate("objects_get", get, OBJECT_BYTES)


async def bytes_rate(measure: str, work: Work, size: int, at_once: int = 1) -> None:
    done = await load(work, count(1), at_once, SECONDS)
    sent = done.calls * size
    say(measure, mb_per_second=sent / done.wall_s / 1e6, cpu_s_per_gb=done.cpu_s / (sent / 1e9), calls=done.calls)


async def bench_counters(folder: Path) -> None:
    begin = time.perf_counter()
    speed = await open_speed("embedded:", folder)
    say("speed_embedded_start", ms=(time.perf_counter() - begin) * 1e3)
    counters = open_counters(speed.url)

    def batch(n: int) -> list[Increment]:
        return [
            Increment(f"e{n}-{i}", i, CountKind.VIEWS, 1, Position("interactions", 0, n * 500 + i)) for i in range(500)
        ]

    await rate("counters_apply_500", lambda n: counters.apply("counts", batch(n)))
    await rate(f"counters_pending_{PAGE}", lambda _: counters.pending(range(PAGE)))
    await counters.close()
    await speed.close()


async def main() -> None:
    """Print one line for each measure."""
    with tempfile.TemporaryDirectory(prefix="reelway-bench-") as name:
        metadata = open_metadata(f"sqlite://{name}/metadata.db")
        await bench_metadata(metadata)
        await metadata.close()
        log = open_eventlog(f"sqlite://{name}/events.db", clock)
        await bench_eventlog(log)
        await log.close()
        objects = open_objects(f"file://{name}/objects")
        await bench_objects(objects)
        await objects.close()
        await bench_counters(Path(name))


if __name__ == "__main__":
    asyncio.run(main())
