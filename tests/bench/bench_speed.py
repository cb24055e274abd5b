"""The speed layer embedded, single over TCP, behind Sentinel and as a cluster: list reads, counts, flushes, locks.

Run it: `python -m tests.bench.bench_speed`. JSON lines; rates are the median of RUNS, wall time on a shared machine
with the servers beside the client.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from deploy.services.cluster import start_cluster
from deploy.services.sentinel import start_sentinel
from deploy.services.valkey import start_redis
from edge.gateway.limits import Policy, open_limits
from edge.ingest.locks import Claim, open_locks
from feed.ready import Entry, Update, open_ready
from feed.settings import ReadySettings
from origin.counters import Increment, Run, open_counters
from origin.eventlog import Position
from origin.model import CountKind
from origin.speed import open_speed

RUNS = 3
USERS, READS, READERS = 500, 2_000, 16
BATCHES, BATCH = 10, 500
SPENDS, LOCKS, FLUSHES = 800, 200, 20


def say(layer: str, measure: str, **figures: float) -> None:
    sys.stdout.write(json.dumps({"bench": "speed", "layer": layer, "measure": measure, **figures}) + "\n")
    sys.stdout.flush()


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def rate(count: int, work: Callable[[], Awaitable[None]]) -> float:
    """How many a second: the median of the runs."""
    rates = []
    for _ in range(RUNS):
        began = time.perf_counter()
        await work()
        rates.append(count / (time.perf_counter() - began))
    return round(statistics.median(rates))


async def lists(layer: str, url: str) -> None:
    ready = open_ready(url, now_ms, ReadySettings(read_timeout_s=5, write_timeout_s=5))
    entries = tuple(Entry(video_id) for video_id in range(60))
    await ready.replace([Update(user, entries, 3600, watched=tuple(range(100))) for user in range(USERS)])
    waits: list[float] = []

    async def reader(first: int) -> None:
        for turn in range(READS // READERS):
            began = time.perf_counter()
            await ready.read((first + READERS * turn) % USERS)
            waits.append(time.perf_counter() - began)

    async def read() -> None:
        await asyncio.gather(*(reader(first) for first in range(READERS)))

    per_second = await rate(READS, read)
    ordered = sorted(waits)
    p50, p99 = (round(1000 * ordered[int(part * len(ordered))], 2) for part in (0.5, 0.99))
    say(layer, "list_reads", per_second=per_second, at_once=READERS, p50_ms=p50, p99_ms=p99)
    await ready.close()


async def counts(layer: str, url: str) -> None:
    counters = open_counters(url)
    applied = -1

    async def apply_some(count: int) -> None:
        nonlocal applied
        first = applied + 1
        increments = [
            Increment(f"{first + n}:event", n % 1000, CountKind.VIEWS, 1, Position("interactions", 0, first + n))
            for n in range(count)
        ]
        run = Run("interactions", 0, applied, first + count - 1)
        await counters.apply("counts", [run], increments)
        applied = run.through

    async def apply() -> None:
        for _ in range(BATCHES):
            await apply_some(BATCH)

    async def flush() -> None:
        for _ in range(FLUSHES):
            await apply_some(1)
            await counters.end_flush((await counters.begin_flush()).batch_id)

    say(layer, "increments_applied", per_second=await rate(BATCHES * BATCH, apply), batch=BATCH)
    await counters.end_flush((await counters.begin_flush()).batch_id)
    say(layer, "flushes", per_second=await rate(FLUSHES, flush))
    await counters.close()


async def decisions(layer: str, url: str) -> None:
    limits, locks = open_limits(url, timeout_s=5), open_locks(url, timeout_s=5)
    policy = Policy("bench", 1_000_000, 60)

    async def spend() -> None:
        for turn in range(SPENDS // READERS):
            await asyncio.gather(*(limits.spend(policy, f"{turn}.{n}", now_ms()) for n in range(READERS)))

    async def hold() -> None:
        for upload_id in range(LOCKS):
            granted = await locks.claim(Claim(upload_id, "bench"), first=True)
            if granted is not None:
                await locks.renew(upload_id, granted, stored=True)
                await locks.release(upload_id, granted)

    say(layer, "limits_spent", per_second=await rate(SPENDS, spend), degraded=limits.degraded)
    say(layer, "locks_held_for_one_part", per_second=await rate(LOCKS, hold))
    await limits.close()
    await locks.close()


async def measure(layer: str, url: str) -> None:
    await lists(layer, url)
    await counts(layer, url)
    await decisions(layer, url)


async def main_async(folder: Path) -> None:
    embedded = await open_speed("embedded:", folder)
    await measure("embedded", embedded.url)
    await embedded.close()
    for layer, start in (("single", start_redis), ("sentinel", start_sentinel), ("cluster", start_cluster)):
        with await asyncio.to_thread(start, folder / layer) as engine:
            await measure(layer, engine.address.url)


def main() -> None:
    """Print one line for each measure."""
    with tempfile.TemporaryDirectory(prefix="reelway-speed-") as folder:
        asyncio.run(main_async(Path(folder)))


if __name__ == "__main__":
    main()
