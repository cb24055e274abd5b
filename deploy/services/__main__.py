"""`python -m deploy.services`: fetch the real engines, start them, say how to use them, stop them on Ctrl-C."""

from __future__ import annotations

import argparse
import logging
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from deploy.services import state
from deploy.services.cassandra import start_cassandra
from deploy.services.errors import ServicesError
from deploy.services.fetch import fetch_all
from deploy.services.kafka import start_kafka
from deploy.services.node import Node
from deploy.services.s3 import start_s3
from deploy.services.sentinel import start_sentinel
from deploy.services.service import Address, Service
from deploy.services.valkey import start_redis
from deploy.settings import services_cache

logger = logging.getLogger("deploy.services")
_WATCH_S = 1.0


def main() -> None:
    """Exit codes: 0 stopped as told, 1 an engine could not be fetched or started, 2 wrong usage."""
    given = _arguments()
    _configure_logging()
    for number in (signal.SIGINT, signal.SIGTERM):
        # SIGINT too: a shell starts what it puts in the background with it ignored.
        signal.signal(number, _interrupt)
    try:
        if given.fetch:
            fetch_all(services_cache())
        else:
            _run(given.folder, given.nodes, given.fresh)
    except KeyboardInterrupt:
        logger.info("stopped")
    except ServicesError as error:
        sys.exit(f"error: {error}")


def _configure_logging() -> None:
    """Ours on standard error. Not the clients': while a server starts, its client complains."""
    logging.basicConfig(handlers=[logging.NullHandler()])
    ours = logging.getLogger("deploy.services")
    ours.addHandler(logging.StreamHandler())
    ours.setLevel(logging.INFO)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.services", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("var/services"), help="where their data and logs are")
    parser.add_argument("--nodes", type=int, choices=(1, 3), default=1, help="of Cassandra and Kafka; 3: Sentinel too")
    parser.add_argument("--fresh", action="store_true", help="delete what is in the folder first")
    parser.add_argument("--fetch", action="store_true", help="only bring what is missing into the cache")
    return parser.parse_args()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _run(folder: Path, nodes: int, fresh: bool) -> None:
    cache = services_cache()
    with ExitStack() as stack:
        state.claim(folder, stack)
        data = folder / f"{nodes}-node"
        if fresh:
            shutil.rmtree(data, ignore_errors=True)
        fetch_all(cache)
        # One after the other: two clusters that start at once slow each other on few cores.
        redis = _started(stack, lambda: (start_redis if nodes == 1 else start_sentinel)(data / "redis"))
        s3 = _started(stack, lambda: start_s3(data / "s3", cache))
        kafka = _started(stack, lambda: start_kafka(data / "kafka", cache, nodes))
        cassandra = _started(stack, lambda: start_cassandra(data / "cassandra", cache, nodes))
        members = [node for service in (redis, s3, kafka, cassandra) for node in service.nodes]
        pids = tuple(node.pid for node in members if node.pid is not None)
        running = state.Running(cassandra.address, kafka.address, s3.address, redis.address, pids)
        running.publish(folder, stack)
        logger.info("the logs are under %s; Ctrl-C stops the engines. To use them, paste into another shell:", data)
        for name, value in running.settings().items():
            sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
        sys.stdout.flush()
        _watch(members)


def _started(stack: ExitStack, start: Callable[[], Service[Address]]) -> Service[Address]:
    began_s = time.monotonic()
    service = stack.enter_context(start())
    logger.info("%s is ready after %.1f s", service.name, time.monotonic() - began_s)
    return service


def _watch(nodes: Sequence[Node]) -> None:
    """Say it when a node ends by itself; for ever, until the signal."""
    up = list(nodes)
    while True:
        time.sleep(_WATCH_S)
        for node in [each for each in up if each.pid is None]:
            up.remove(node)
            logger.error("%s ended with %s\n%s", node.name, node.ended_with, node.log_end())


if __name__ == "__main__":
    main()
