"""The faults, by name: who is killed or frozen, and for how long they stay away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from deploy.services.node import Node
from deploy.services.sentinel import WatchedRedis
from tests.gameday.aside import set_aside
from tests.gameday.people import World, upload
from tests.gameday.site import Site

AWAY_S = 10.0
JOB_WITHIN_S = 30.0
Choose = Callable[[Site, World], Awaitable[Sequence[Node]]]


def _start_aside(node: Node) -> None:
    """What is started again has the cores that others leave: in earnest it starts on a machine of its own."""
    node.start()
    set_aside(node)


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to the victims, and what ends it after AWAY_S."""

    title: str
    victims: Choose
    strike: Callable[[Node], None] = Node.kill
    """`kill -9`, as a crash."""
    heal: Callable[[Node], None] = _start_aside


def _frozen(title: str, victims: Choose) -> Fault:
    """SIGSTOP: connections stay open and nothing answers, as on a machine that swaps or is cut off."""
    return Fault(f"{title} (frozen)", victims, Node.freeze, Node.thaw)


def _processes(*names: str) -> Choose:
    async def chosen(site: Site, _: World) -> Sequence[Node]:
        return [site.roles.processes[name] for name in names]

    return chosen


def _node(engine: str) -> Choose:
    """The first node: the one that clients name first, and that leads some of everything."""

    async def chosen(site: Site, _: World) -> Sequence[Node]:
        return site.services[engine].nodes[:1]

    return chosen


async def _redis_primary(site: Site, _: World) -> Sequence[Node]:
    redis = site.services["redis"]
    assert isinstance(redis, WatchedRedis)
    return [await asyncio.to_thread(redis.primary)]


async def _busy_packager(site: Site, world: World) -> Sequence[Node]:
    """One that has just begun a job: we upload for it. Raises TimeoutError when none begins."""
    await upload(world, time.monotonic())
    roles, deadline_s = site.roles, time.monotonic() + JOB_WITHIN_S
    while time.monotonic() < deadline_s:
        for name in roles.serving("packager"):
            if await asyncio.to_thread(roles.metric, name, "packager_running"):
                return [roles.processes[name]]
        await asyncio.sleep(0.05)
    raise TimeoutError(f"no packager had a job within {JOB_WITHIN_S:.0f} s")


KILLS: Mapping[str, Fault] = {
    "cassandra": Fault("a Cassandra node", _node("cassandra")),
    "kafka": Fault("a Kafka broker", _node("kafka")),
    "redis": Fault("the Redis primary", _redis_primary),
    "s3": Fault("the S3 server", _node("s3")),
    "packager": Fault("a packager in a job", _busy_packager),
    "scorer": Fault("the scorer", _processes("scorer")),
    "origin": Fault("one of two origins", _processes("origin-1")),
    "feed": Fault("the only feed", _processes("feed")),
    "origins": Fault("both origins", _processes("origin-1", "origin-2")),
}
"""What a day is made of."""
FAULTS: Mapping[str, Fault] = KILLS | {
    "frozen-cassandra": _frozen("a Cassandra node", _node("cassandra")),
    "frozen-kafka": _frozen("a Kafka broker", _node("kafka")),
    "frozen-redis": _frozen("the Redis primary", _redis_primary),
    "frozen-s3": _frozen("the S3 server", _node("s3")),
    "frozen-origin": _frozen("one of two origins", _processes("origin-1")),
    "frozen-feed": _frozen("the only feed", _processes("feed")),
}
"""Also those that are asked for by name."""
