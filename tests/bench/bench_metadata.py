"""Metadata stores side by side: reads, writes and compare-and-sets per second, latencies, what they cost the client.

Run it: `python -m tests.bench.bench_metadata [URL...]`: the embedded store in a temporary folder, then those named. A
Cassandra keyspace is made where it is missing. JSON lines; each figure is the median of ROUNDS. CPU is this process's,
with the threads of the store or the driver in it; a server's is not.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence

from origin.metadata import Metadata, open_metadata, prepare_metadata
from origin.model import VideoStatus
from tests.bench.load import Work, load
from tests.bench.videos import a_video

SECONDS = 1.0
ROUNDS = 3
AT_ONCE = (1, 32)
VIDEOS = 500
PAGE = 20


async def one_round(work: Work, at_once: int, numbers: itertools.count[int]) -> dict[str, float]:
    done = await load(work, numbers, at_once, SECONDS)
    return {
        "per_second": done.per_second,
        "p50_ms": done.wait_ms(50),
        "p99_ms": done.wait_ms(99),
        "client_cpu_s_per_1000": done.cpu_s / done.calls * 1e3,
    }


async def measure(engine: str, name: str, work: Work) -> None:
    numbers = itertools.count(1)
    for at_once in AT_ONCE:
        await work(next(numbers))
        rounds = [await one_round(work, at_once, numbers) for _ in range(ROUNDS)]
        figures = {key: statistics.median(each[key] for each in rounds) for key in rounds[0]}
        line = {"bench": "metadata", "engine": engine, "measure": name, "at_once": at_once}
        rounded = {key: round(figure, 2) for key, figure in figures.items()}
        sys.stdout.write(json.dumps({**line, **rounded}) + "\n")


async def bench(url: str) -> None:
    engine = url.partition(":")[0]
    await prepare_metadata(url)
    metadata = open_metadata(url)
    # Ids that no earlier run used.
    first = time.time_ns() // 1_000_000 - 1_735_689_600_000 << 22
    ids = [first + n for n in range(VIDEOS)]
    await asyncio.gather(*(metadata.create_video(a_video(each)) for each in ids))
    chance = random.Random(1)
    for name, work in works(metadata, ids, chance).items():
        await measure(engine, name, work)
    await metadata.close()


def works(metadata: Metadata, ids: Sequence[int], chance: random.Random) -> dict[str, Work]:
    moves = {VideoStatus.QUEUED, VideoStatus.PROCESSING, VideoStatus.READY}
    return {
        "video": lambda _: metadata.video(chance.choice(ids)),
        "videos_of_a_page": lambda _: metadata.videos(chance.sample(ids, PAGE)),
        "newest_public_page": lambda _: metadata.newest_public(None, PAGE),
        "set_like": lambda n: metadata.set_like(n % 1000, chance.choice(ids), True, 1),
        "count_like": lambda n: metadata.count_like(n % 1000, chance.choice(ids), True, n),
        "transition": lambda n: metadata.transition(
            ids[n % VIDEOS], moves, VideoStatus.QUEUED if n // VIDEOS % 2 else VideoStatus.PROCESSING
        ),
    }


async def main(urls: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for url in [f"sqlite://{folder}/metadata.db", *urls]:
            await bench(url)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
