"""Counts through failovers of a real Sentinel set and a real cluster: every interaction counts once.

A replica that is frozen and whose connection is cut gets nothing of what the primary answers; then the primary is
killed and the replica thawed and promoted: what was acknowledged is lost for certain, not by luck.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from deploy.services.cluster import start_cluster
from deploy.services.node import Node
from deploy.services.replicated import ReplicatedRedis, cut_off
from deploy.services.sentinel import start_sentinel
from origin.counters import Counters, open_counters
from origin.counting import Counting
from origin.events import InteractionEvent, InteractionType
from tests.interactions import all_counted, append
from tests.running import running
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
KEY = "{counts}:marks"
START: dict[str, Callable[[Path], ReplicatedRedis]] = {
    # A primary that refused what no replica gets could lose nothing here.
    "sentinel": lambda folder: start_sentinel(folder, "min-replicas-to-write 0"),
    "cluster": start_cluster,
}


@pytest.fixture(params=START)
def engine(request, tmp_path) -> Iterator[ReplicatedRedis]:
    with START[request.param](tmp_path) as started:
        yield started


class Losing:
    """Counters whose primary dies right after it did a step, with its replicas knowing nothing of it."""

    def __init__(self, counters: Counters, engine: ReplicatedRedis, step: str) -> None:
        self._counters = counters
        self._engine = engine
        self._step = step
        self.dead: Node | None = None

    def __getattr__(self, name: str):
        async def call(*arguments):
            act = functools.partial(getattr(self._counters, name), *arguments)
            if name != self._step or self.dead is not None or (name == "apply" and not arguments[2]):
                return await act()
            return await self._lose(act)

        return call

    async def _lose(self, act):
        primary = await asyncio.to_thread(self._engine.primary, KEY)
        replicas = await asyncio.to_thread(self._engine.replicas, KEY)
        with cut_off(primary, replicas):
            try:
                return await act()
            finally:
                self.dead = primary
                primary.kill()


def a_view(n: int, video_id: int) -> InteractionEvent:
    return InteractionEvent(f"e{n}", 1 + n % 7, InteractionType.VIEW, video_id, 7, 0)


async def counted(house, video) -> int:
    return (await house.metadata.video(video.video_id)).counts.views


@pytest.mark.parametrize("wait_replicas", [1, 0])
@pytest.mark.parametrize("step", ["apply", "begin_flush", "end_flush"])
async def test_a_step_that_the_primary_took_with_it_is_made_good(house, engine, step, wait_replicas):
    video = await house.video(await house.user("cat"))
    counters = open_counters(f"{engine.address.url}?wait_replicas={wait_replicas}")
    losing = Losing(counters, engine, step)
    counting = Counting(house.eventlog, losing, house.metadata, house.clock, lambda: 0.05, flush_every_s=0.05)
    async with running(counting):
        await append(house.eventlog, *(a_view(n, video.video_id) for n in range(40)))
        await until(lambda: losing.dead is not None)
        await asyncio.to_thread(engine.wait_for_another, losing.dead, KEY)
        await asyncio.to_thread(engine.join, losing.dead)
        await append(house.eventlog, *(a_view(n, video.video_id) for n in range(40, 60)))
        await all_counted(house.eventlog)
        await append(house.eventlog, *(a_view(n, video.video_id) for n in range(50, 70)))
        await all_counted(house.eventlog)
    assert await counted(house, video) == 70
    assert counting.stats.went_back == (1 if step == "apply" else 0) or wait_replicas == 0
    await counters.close()


@pytest.mark.parametrize(("seed", "wait_replicas"), [(1, 1), (2, 0), (3, 0)])
async def test_under_traffic_kills_and_freezes_at_any_moment_lose_and_double_nothing(
    house, engine, seed, wait_replicas
):
    draw = Random(seed)
    video = await house.video(await house.user("cat"))
    counters = open_counters(f"{engine.address.url}?wait_replicas={wait_replicas}")
    counting = Counting(house.eventlog, counters, house.metadata, house.clock, lambda: 0.05, flush_every_s=0.02)
    sent = 0

    async def traffic() -> None:
        nonlocal sent
        while True:
            repeats = range(max(0, sent - draw.randrange(5)), sent + draw.randrange(1, 9))
            sent = repeats.stop
            await append(house.eventlog, *(a_view(n, video.video_id) for n in repeats))
            await asyncio.sleep(0.004)

    async with running(counting):
        clients = asyncio.create_task(traffic())
        for turn in range(2):
            await asyncio.sleep(0.3 + draw.random() / 5)
            await asyncio.to_thread(fail_over, engine, draw, turn)
        clients.cancel()
        await asyncio.gather(clients, return_exceptions=True)
        await all_counted(house.eventlog)
    assert await counted(house, video) == sent
    await counters.close()


def fail_over(engine: ReplicatedRedis, draw: Random, turn: int) -> None:
    """First by killing the primary, then by freezing it until another is promoted, so that it comes back from the past;
    some of what it had answered is known to no replica."""
    primary = engine.primary(KEY)
    with cut_off(primary, engine.replicas(KEY)):
        time.sleep(draw.random() / 20)
        if turn == 0:
            primary.kill()
        else:
            primary.freeze()
    engine.wait_for_another(primary, KEY)
    if turn == 0:
        engine.join(primary)
    else:
        primary.thaw()
