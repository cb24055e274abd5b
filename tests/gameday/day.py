"""The game day: for each fault a stretch of load before, during and after, and then the audit."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from deploy.engines import ENGINE_SETTINGS
from tests.e2e.clips import moving
from tests.e2e.roles import migrate
from tests.gameday.answers import Span, last_general_s, last_trouble_s
from tests.gameday.aside import set_aside
from tests.gameday.audit import Auditor
from tests.gameday.faults import AWAY_S, FAULTS, Fault
from tests.gameday.journal import Journal
from tests.gameday.load import Load
from tests.gameday.people import Person, World, upload
from tests.gameday.report import Result
from tests.gameday.site import ROLES, Site

PEOPLE = 50
CONNECTIONS_EACH = 6
LIBRARY = 6
BEFORE_S = 10.0
SINCE_BACK_S = 10.0
AFTER_S = 10.0
WARM_S = 8.0
LIBRARY_READY_S = 180.0
_SAMPLE_S = 0.5
Say = Callable[[str], None]


@dataclass(slots=True)
class Watch:
    """Looks at the gateway and the packagers twice a second."""

    site: Site
    away_s: float = 0.0
    """When it last held spooled acts, or gave pages or videos from memory."""
    jobs_finished: int = 0
    _before: dict[tuple[str, str], float] = field(default_factory=dict)

    async def run(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(_SAMPLE_S)

    async def look(self) -> None:
        """Raises nothing: who does not answer is passed over."""
        pending = await self._metric("gateway", "spool_pending")
        grown = [await self._grown("gateway", name) for name in ("last_good_pages", "last_good_videos")]
        if pending or any(grown):
            self.away_s = time.monotonic()
        for packager in self.site.roles.serving("packager"):
            self.jobs_finished += int(await self._grown(packager, "packager_done"))

    async def _grown(self, process: str, name: str) -> float:
        """By how much since the last look; a process that was started anew counts from 0."""
        value = await self._metric(process, name)
        if value is None:
            return 0.0
        before = self._before.get((process, name), value)
        self._before[process, name] = value
        return value if value < before else value - before

    async def _metric(self, process: str, name: str) -> float | None:
        return await asyncio.to_thread(self.site.roles.metric, process, name)


async def hold(
    names: Sequence[str], site: Site, folder: Path, scale: float, say: Say, done: Callable[[Result], None]
) -> None:
    """Start the processes on engines that run, do the faults one after the other, and stop the processes, whatever
    happens. SIGTERM is as Ctrl-C: the task is cancelled."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    engines = {name: value for name, value in site.roles.shared.items() if name in ENGINE_SETTINGS}
    await asyncio.to_thread(migrate, folder / "migrate", engines)
    say("the engines are prepared")
    async with AsyncExitStack() as closing:
        closing.push_async_callback(_stop, site, say)
        await asyncio.to_thread(site.roles.start)
        say(f"{len(ROLES)} processes are ready")
        for packager in site.roles.serving("packager"):
            set_aside(site.roles.processes[packager])
        world = await _populated(site, folder, closing)
        say(f"{len(world.people)} people, {len(world.library)} videos")
        events_url, metadata_url = engines["REELWAY_EVENTS_URL"], engines["REELWAY_METADATA_URL"]
        auditor = await Auditor.open(events_url, metadata_url, world.library, closing)
        for name in names:
            done(await _one(name, FAULTS[name], site, world, auditor, scale, say))


async def _stop(site: Site, say: Say) -> None:
    codes = await asyncio.to_thread(site.roles.stop)
    say(f"stopped; exit codes: {', '.join(f'{name} {code}' for name, code in codes.items())}")
    for name, code in codes.items():
        if code:
            say(site.roles.processes[name].log_end())


async def _populated(site: Site, folder: Path, closing: AsyncExitStack) -> World:
    trust = site.roles.trust()
    people = [await _newcomer(site.roles.public_url, trust, closing) for _ in range(PEOPLE)]
    clip = await asyncio.to_thread(lambda: moving(folder / "clip.mp4", seconds=2).read_bytes())
    world = World(people, [], clip, Journal(), random.Random(1))
    for _ in range(LIBRARY):
        await upload(world, time.monotonic())
    world.library = sorted(world.journal.acknowledged_uploads)
    await _packaged(world)
    return world


async def _newcomer(url: str, trust: ssl.SSLContext, closing: AsyncExitStack) -> Person:
    limits = httpx.Limits(max_connections=CONNECTIONS_EACH, keepalive_expiry=60)
    client = httpx.AsyncClient(base_url=url, verify=trust, limits=limits, timeout=None)
    closing.push_async_callback(client.aclose)
    answer = (await client.post("/v1/sessions", json={}, timeout=30)).raise_for_status().json()
    return Person(int(answer["user"]["id"]), answer["token"], client)


async def _packaged(world: World) -> None:
    someone = world.people[0]
    headers = {"Authorization": f"Bearer {someone.token}"}
    deadline_s = time.monotonic() + LIBRARY_READY_S
    for video_id in world.library:
        while True:
            answer = await someone.client.get(f"/v1/videos/{video_id}", headers=headers, timeout=30)
            if answer.status_code == 200 and answer.json()["status"] == "ready":
                break
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{video_id} is not packaged after {LIBRARY_READY_S:.0f} s: {answer.text}")
            await asyncio.sleep(0.5)


async def _one(name: str, fault: Fault, site: Site, world: World, auditor: Auditor, scale: float, say: Say) -> Result:
    world.journal = Journal()
    async with _loaded(world, scale) as load, _watched(site) as watch:
        await asyncio.sleep(WARM_S)
        began_s = time.monotonic()
        await asyncio.sleep(BEFORE_S)
        victims = await fault.victims(site, world)
        struck_s = time.monotonic()
        for node in victims:
            fault.strike(node)
        say(f"{name}: struck {', '.join(node.name for node in victims)}")
        await asyncio.sleep(AWAY_S)
        for node in victims:
            fault.heal(node)
        await asyncio.sleep(SINCE_BACK_S)
        await asyncio.to_thread(site.wait_whole)
        back_s = time.monotonic()
        say(f"{name}: all are there again {back_s - struck_s:.1f} s later")
        await asyncio.sleep(AFTER_S)
        ended_s = time.monotonic()
        load_average = os.getloadavg()[0]
        await load.stop()
        findings = await auditor.audit(world.journal)
        await watch.look()
    answers = [each for each in world.journal.answers if began_s <= each.due_s]
    trouble_s = last_trouble_s(answers, struck_s)
    whole_s = max(trouble_s, last_general_s(answers, struck_s), watch.away_s, struck_s)
    return Result(
        name,
        fault.title,
        {
            "before": Span(began_s, struck_s),
            "during": Span(struck_s, struck_s + AWAY_S + SINCE_BACK_S),
            "after": Span(back_s, ended_s),
        },
        answers,
        max(0.0, trouble_s - struck_s),
        whole_s - struck_s if whole_s < ended_s else None,
        findings,
        watch.jobs_finished,
        world.journal.given_up_uploads,
        world.journal.dropped,
        load_average,
        [f"the load failed: {error!r}" for error in load.failures[:5]],
    )


@asynccontextmanager
async def _loaded(world: World, scale: float) -> AsyncIterator[Load]:
    load = Load(world, scale)
    load.start()
    try:
        yield load
    finally:
        await load.stop()


@asynccontextmanager
async def _watched(site: Site) -> AsyncIterator[Watch]:
    watch = Watch(site)
    task = asyncio.create_task(watch.run())
    try:
        yield watch
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
