"""Every benchmark, or those named: `python -m tests.bench [NAME...]`, such as `feed metadata`. JSON lines.

Those that compare the embedded engines with real ones are handed the URLs of real ones, started here on loopback. Each
runs in a process of its own, so that one's memory and caches are not another's.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from deploy.services.cassandra import start_cassandra
from deploy.services.fetch import fetch_all
from deploy.services.kafka import start_kafka
from deploy.services.s3 import start_s3
from deploy.services.valkey import start_redis
from deploy.settings import services_cache
from origin.eventlog import prepare_eventlog
from origin.metadata import prepare_metadata
from origin.objects import prepare_objects

HERE = Path(__file__).parent
LONGEST_S = 1800


class Engines:
    """Started when a benchmark first asks for one."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="reelway-bench-")))
        self._urls: dict[str, str] = {}

    def metadata(self) -> str:
        return self._once("metadata", self._start_cassandra)

    def events(self) -> str:
        return self._once("events", self._start_kafka)

    def objects(self) -> str:
        return self._once("objects", self._start_s3)

    def speed(self) -> str:
        return self._once("speed", self._start_redis)

    def _once(self, name: str, start: Callable[[], str]) -> str:
        if name not in self._urls:
            fetch_all(services_cache())
            self._urls[name] = start()
        return self._urls[name]

    def _start_cassandra(self) -> str:
        service = start_cassandra(self._folder / "cassandra", services_cache())
        self._stack.callback(service.kill)
        url = service.address.url("bench")
        asyncio.run(prepare_metadata(url))
        return url

    def _start_kafka(self) -> str:
        service = start_kafka(self._folder / "kafka", services_cache())
        self._stack.callback(service.kill)
        asyncio.run(prepare_eventlog(service.address.url))
        return service.address.url

    def _start_s3(self) -> str:
        service = start_s3(self._folder / "s3", services_cache())
        self._stack.callback(service.kill)
        url = service.address.url("bench")
        asyncio.run(prepare_objects(url))
        return url

    def _start_redis(self) -> str:
        service = start_redis(self._folder / "redis")
        self._stack.callback(service.kill)
        return service.address.url


WITH_ENGINES: dict[str, Callable[[Engines], Sequence[str]]] = {
    "events": lambda engines: [engines.events()],
    "feed": lambda engines: [engines.metadata(), engines.events(), engines.speed()],
    "metadata": lambda engines: [engines.metadata()],
    "objects": lambda engines: [engines.objects()],
}


def main() -> None:
    """Exit code 1 when a benchmark failed; the others run all the same."""
    known = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))
    wanted = sys.argv[1:] or known
    if unknown := sorted(set(wanted) - set(known)):
        sys.exit(f"no benchmark {', '.join(unknown)}; there are {', '.join(known)}")
    failed = []
    with ExitStack() as stack:
        engines = Engines(stack)
        for name in wanted:
            urls = WITH_ENGINES[name](engines) if name in WITH_ENGINES else ()
            command = [sys.executable, "-m", f"tests.bench.bench_{name}", *urls]
            if subprocess.run(command, timeout=LONGEST_S, check=False).returncode:
                failed.append(name)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
