"""The gateway's spool: acts per second and syncs per act, beside appends to the embedded event log.

Run it: `python -m tests.bench.bench_spool`. JSON lines. Wall figures include the disk's sync.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from itertools import count
from pathlib import Path

from edge.gateway.spool import acts
from edge.gateway.spool.circuit import Circuit
from edge.gateway.spool.forwarder import Forwarder
from edge.gateway.spool.model import SpoolSettings
from edge.gateway.spool.social import SpooledSocial
from edge.gateway.spool.spool import Spool, open_spool
from origin.eventlog import open_eventlog
from origin.events import InteractionEvent, InteractionType, Topic, encode
from origin.roles import RoleUnavailable
from origin.views import Interaction
from tests.bench.load import Work, load

SECONDS = 1.5
NOW_MS = 1_800_000_000_000
ACT = Interaction("aGVsbG8gd29ybGQh", InteractionType.VIEW, 7391034480128000, 0, NOW_MS, 9000, "ZmVlZF9pZA", 12)
RECORD = encode(InteractionEvent(ACT.event_id, 7391034480128001, ACT.type, ACT.video_id, 7391034480128002, NOW_MS))


def clock() -> int:
    return time.time_ns() // 1_000_000


def say(measure: str, **figures: float) -> None:
    rounded = {name: round(figure, 4 if figure < 10 else 1) for name, figure in figures.items()}
    sys.stdout.write(json.dumps({"bench": "spool", "measure": measure, **rounded}) + "\n")


async def rate(work: Work, at_once: int) -> dict[str, float]:
    done = await load(work, count(1), at_once, SECONDS)
    figures = {"p50_ms": done.wait_ms(50), "p99_ms": done.wait_ms(99)}
    return {"calls": done.calls, "per_second": done.per_second, **figures}


class Away:
    """An origin that does not answer."""

    async def interact(self, *_: object) -> None:
        raise RoleUnavailable("away")


class Taking:
    """An origin that takes everything at once, so that the forwarder's own pace shows."""

    async def interact(self, *_: object) -> tuple[()]:
        return ()


async def bench_acts(spool: Spool) -> None:
    social = SpooledSocial(Away(), spool, Circuit(), SpoolSettings(), clock, lambda: "e")  # type: ignore[arg-type]
    for at_once in (1, 64):
        syncs = spool.stats.syncs
        figures = await rate(lambda n: social.interact(n % 10_000 + 1, [ACT], "r"), at_once)
        say(f"spooled_acts_{at_once}_at_once", **figures, syncs_per_act=(spool.stats.syncs - syncs) / figures["calls"])
    await rate(lambda n: social.interact(n % 10_000 + 1, [ACT] * 50, "r"), 8)


async def bench_forwarding(spool: Spool) -> None:
    forwarder = Forwarder(spool, Taking(), Circuit(), SpoolSettings(), lambda: 0.5)  # type: ignore[arg-type]
    begin = time.perf_counter()
    task = asyncio.create_task(forwarder.run())
    while len(spool):  # noqa: ASYNC110 -- the spool tells nobody that it is empty
        await asyncio.sleep(0.002)
    say("forwarded_acts", per_second=spool.stats.forwarded / (time.perf_counter() - begin))
    task.cancel()
    await asyncio.wait({task})


async def bench_opening(folder: Path) -> None:
    settings = SpoolSettings()
    spool = await open_spool(folder, settings, clock)
    payload = acts.encode([ACT] * 100, "r")
    await asyncio.gather(*(spool.append(n % 10_000 + 1, payload) for n in range(5_000)))
    waiting = spool.stats.pending_bytes
    await spool.close()
    begin = time.perf_counter()
    spool = await open_spool(folder, settings, clock)
    took = time.perf_counter() - begin
    say("open_with_what_waits", mb=waiting / 1e6, ms=took * 1e3)
    await spool.close()


async def main() -> None:
    """Print one line for each measure."""
    with tempfile.TemporaryDirectory(prefix="reelway-bench-") as name:
        spool = await open_spool(Path(name) / "spool", SpoolSettings(), clock)
        await bench_acts(spool)
        await bench_forwarding(spool)
        await spool.close()
        await bench_opening(Path(name) / "opening")
        log = open_eventlog(f"sqlite://{name}/events.db", clock)
        for at_once in (1, 64):
            figures = await rate(lambda _: log.append(Topic.INTERACTIONS, "1", RECORD), at_once)
            say(f"sqlite_eventlog_append_{at_once}_at_once", **figures)
        await log.close()


if __name__ == "__main__":
    asyncio.run(main())
