"""The event log, embedded and on Kafka in one run: appends, acknowledgements, consumption, and a load that is offered.

Run it: `python -m tests.bench.bench_events 'kafka://127.0.0.1:9092?replication=1'`. JSON lines; each figure is the
median of RUNS. CPU seconds are this process's, its store threads included, per 10 000 records; a broker's are its own.
Load is offered by the clock and not by the answers, so what a slow log delays counts as late.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from urllib.parse import urlsplit

import uvloop

from origin.eventlog import Consumer, EventLog, EventLogError, Position, open_eventlog, prepare_eventlog
from origin.events import InteractionEvent, InteractionType, Topic, UploadEvent, encode
from tests.kafka_topics import topics_of_our_own

RUNS = 3
SECONDS = 1.0
AT_ONCE = 64
BATCH = 100
CONSUMED = 20_000
LOAD_S = 4
UPLOADS_PER_S = 1_000
INTERACTIONS_PER_S = 10_000
REPORTED = 50
"""Interactions in one client's report."""
TICK_S = 0.01
COMMIT_S = 1.0


def clock() -> int:
    return time.time_ns() // 1_000_000


def upload(n: int) -> tuple[str, bytes]:
    event = UploadEvent(n, n % 500, f"raw/{n}", clock(), request_id=f"{n:032x}")
    return str(n), encode(event)


def interaction(n: int) -> tuple[str, bytes]:
    event = InteractionEvent(f"e-{n:020}", n % 500, InteractionType.VIEW, n, n % 97, clock(), 8_000, f"f-{n:020}", 3)
    return str(event.user_id), encode(event)


@dataclass
class Measured:
    """One run: how many records took how long, and the waits for acknowledgements."""

    records: int = 0
    waits_s: list[float] = field(default_factory=list)
    wall_s: float = 0
    cpu_s: float = 0
    errors: int = 0

    def figures(self) -> dict[str, float]:
        ordered = sorted(self.waits_s) or [0.0]
        return {
            "per_second": self.records / self.wall_s,
            "ack_p50_ms": ordered[len(ordered) // 2] * 1e3,
            "ack_p99_ms": ordered[len(ordered) * 99 // 100] * 1e3,
            "cpu_s_per_10k": self.cpu_s / self.records * 10_000 if self.records else 0,
            "errors": self.errors,
        }


@contextlib.contextmanager
def measuring() -> Iterator[Measured]:
    measured = Measured()
    wall, cpu = time.perf_counter(), time.process_time()
    yield measured
    measured.wall_s, measured.cpu_s = time.perf_counter() - wall, time.process_time() - cpu


def say(backend: str, measure: str, runs: Sequence[dict[str, float]]) -> None:
    medians = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    rounded = {name: round(value, 3 if value < 10 else 1) for name, value in medians.items()}
    sys.stdout.write(json.dumps({"bench": "events", "backend": backend, "measure": measure, **rounded}) + "\n")
    sys.stdout.flush()


async def as_fast_as_it_goes(append: Callable[[int], Awaitable[int]], at_once: int) -> dict[str, float]:
    end = time.perf_counter() + SECONDS
    number = 0

    async def run(measured: Measured) -> None:
        nonlocal number
        while (begin := time.perf_counter()) < end:
            number += 1
            try:
                appended = await append(number)
            except EventLogError:
                measured.errors += 1
            else:
                measured.records += appended
                measured.waits_s.append(time.perf_counter() - begin)

    with measuring() as measured:
        await asyncio.gather(*(run(measured) for _ in range(at_once)))
    return measured.figures()


async def fill(log: EventLog) -> None:
    for first in range(0, CONSUMED, BATCH):
        await log.append_many(Topic.PURGES, [interaction(first + n) for n in range(BATCH)])


async def follow(consumer: Consumer, until: Callable[[int], Awaitable[bool]]) -> int:
    """Take records until `until` says enough of their number; commit every COMMIT_S, as counting does."""
    taken = 0
    done: dict[tuple[str, int], Position] = {}
    committed = time.perf_counter()
    while not await until(taken):
        records = await consumer.poll(1_000, 0.1)
        taken += len(records)
        done.update({(record.position.topic, record.position.partition): record.position for record in records})
        if done and (time.perf_counter() - committed > COMMIT_S or not records):
            for position in done.values():
                await consumer.commit(position)
            done.clear()
            committed = time.perf_counter()
    for position in done.values():
        await consumer.commit(position)
    return taken


async def consume(log: EventLog, group: str) -> dict[str, float]:
    async def enough(taken: int) -> bool:
        return taken >= CONSUMED

    consumer = await log.consumer(group, [Topic.PURGES])
    with measuring() as measured:
        measured.records = await follow(consumer, enough)
    await consumer.close()
    return measured.figures()


async def offered(log: EventLog) -> dict[str, float]:
    """Uploads one at a time and interactions by reports, both at once, for LOAD_S, with a consumer behind."""
    consumer = await log.consumer("offered", [Topic.UPLOADS, Topic.INTERACTIONS])

    async def caught_up(_: int) -> bool:
        return await consumer.lag() == 0

    await follow(consumer, caught_up)
    ended = asyncio.Event()

    async def until_ended(_: int) -> bool:
        return ended.is_set()

    uploads, interactions = Measured(), Measured()
    # Made before: what making an event costs is not the log's.
    clips = cycle([upload(n) for n in range(1_000)])
    reports = cycle([[interaction(n)] * REPORTED for n in range(1_000)])

    async def send(measured: Measured, topic: str, records: list[tuple[str, bytes]], due: float) -> None:
        try:
            await log.append_many(topic, records)
        except EventLogError:
            measured.errors += len(records)
            return
        measured.records += len(records)
        measured.waits_s.append(time.perf_counter() - due)

    following = asyncio.create_task(follow(consumer, until_ended))
    with measuring() as measured:
        begin = time.perf_counter()
        async with asyncio.TaskGroup() as sending:
            for tick in range(int(LOAD_S / TICK_S)):
                due = begin + tick * TICK_S
                await asyncio.sleep(max(0, due - time.perf_counter()))
                for _ in range(int(UPLOADS_PER_S * TICK_S)):
                    sending.create_task(send(uploads, Topic.UPLOADS, [next(clips)], due))
                for _ in range(int(INTERACTIONS_PER_S * TICK_S / REPORTED)):
                    sending.create_task(send(interactions, Topic.INTERACTIONS, next(reports), due))
        measured.records = uploads.records + interactions.records
    ended.set()
    taken = await following
    lag = await consumer.lag()
    await consumer.close()
    uploads.wall_s = interactions.wall_s = measured.wall_s
    return {
        **{f"uploads_{name}": value for name, value in uploads.figures().items() if name != "cpu_s_per_10k"},
        **{f"interactions_{name}": value for name, value in interactions.figures().items() if name != "cpu_s_per_10k"},
        "lag_at_the_end": lag,
        "consumed_per_second": taken / measured.wall_s,
        "cpu_s_per_10k": measured.figures()["cpu_s_per_10k"],
    }


async def bench(backend: str, log: EventLog) -> None:
    async def one(n: int) -> int:
        await log.append(Topic.UPLOADS, *upload(n))
        return 1

    async def batch(n: int) -> int:
        return len(await log.append_many(Topic.VIDEOS, [interaction(n * BATCH + i) for i in range(BATCH)]))

    await log.check()
    say(backend, "append_one_at_a_time", [await as_fast_as_it_goes(one, 1) for _ in range(RUNS)])
    say(backend, f"append_{AT_ONCE}_at_once", [await as_fast_as_it_goes(one, AT_ONCE) for _ in range(RUNS)])
    say(backend, f"append_batches_of_{BATCH}", [await as_fast_as_it_goes(batch, 1) for _ in range(RUNS)])
    await fill(log)
    say(backend, "consume", [await consume(log, f"consume-{run}") for run in range(RUNS)])
    say(
        backend,
        f"offered_{UPLOADS_PER_S}_uploads_and_{INTERACTIONS_PER_S}_interactions_a_second",
        [await offered(log) for _ in range(RUNS)],
    )


@contextlib.asynccontextmanager
async def kafka(url: str) -> AsyncIterator[str]:
    """The URL with topics of our own, made as `reelway migrate` makes them."""
    async with topics_of_our_own(urlsplit(url).netloc, ["unused"], partitions=1) as prefix:
        own = f"{url}{'&' if '?' in url else '?'}topic_prefix={prefix}"
        await prepare_eventlog(own)
        yield own


async def main(kafka_url: str) -> None:
    """Print one line for each measure and backend."""
    with tempfile.TemporaryDirectory(prefix="reelway-bench-") as folder:
        log = open_eventlog(f"sqlite://{folder}/events.db", clock)
        await bench("sqlite", log)
        await log.close()
    async with kafka(kafka_url) as url:
        log = open_eventlog(url, clock)
        await bench("kafka", log)
        await log.close()


if __name__ == "__main__":
    # As `reelway` runs it.
    uvloop.run(main(sys.argv[1]))
