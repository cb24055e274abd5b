"""Everything that a game day runs: the engines as clusters, and every role as processes of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from deploy.services.cassandra import start_cassandra
from deploy.services.kafka import start_kafka
from deploy.services.s3 import start_s3
from deploy.services.sentinel import start_sentinel
from deploy.services.service import Service
from deploy.settings import services_cache
from tests.e2e.roles import Roles, engine_settings

ROLES = {
    "origin-1": "origin",
    "origin-2": "origin",
    "scorer": "scorer",
    "feed": "feed",
    "packager-1": "packager",
    "packager-2": "packager",
    "edge": "edge",
    "gateway": "gateway",
}
"""Process → the role it serves."""


WHOLE_S = 240.0
"""What starts again shares its cores with the load."""


@dataclass(frozen=True, slots=True)
class Site:
    services: dict[str, Service]
    """By `cassandra`, `kafka`, `redis`, `s3`."""
    roles: Roles

    def wait_whole(self) -> None:
        """Until every node of every engine takes part, and every process is ready. Raises NotReady, NotStarted."""
        for service in self.services.values():
            service.wait_ready(WHOLE_S)
        self.roles.wait_ready()


def start_engines(folder: Path, stack: ExitStack, nodes: int, say: Callable[[str], None]) -> dict[str, Service]:
    """One after the other: clusters that start at once slow each other on few cores. Killed with the stack."""
    cache = services_cache()
    services: dict[str, Service] = {}
    for name, start in (
        ("redis", lambda: start_sentinel(folder / "redis")),
        ("s3", lambda: start_s3(folder / "s3", cache)),
        ("kafka", lambda: start_kafka(folder / "kafka", cache, nodes)),
        ("cassandra", lambda: start_cassandra(folder / "cassandra", cache, nodes)),
    ):
        began_s = time.monotonic()
        service = services[name] = start()
        stack.callback(service.kill)
        say(f"{service.name}: ready after {time.monotonic() - began_s:.1f} s, {len(service.nodes)} nodes")
    return services


def make_site(folder: Path, services: dict[str, Service]) -> Site:
    """The processes on those engines, not started."""
    engines = engine_settings(
        services["cassandra"].address.url("reelway"),
        services["s3"].address.url("reelway"),
        services["kafka"].address.url,
        services["redis"].address.url,
    )
    return Site(services, Roles(folder, engines, ROLES))
