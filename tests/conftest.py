"""Real engines for the whole run: each is started when a test first asks for it, shared, and stopped at the end.

With REELWAY_TEST_SERVICES naming the folder of a running `make services` (`var/services`), Cassandra, Kafka and the
S3 server are that one's. Of Redis a test is handed the running service, and so may empty it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import settings

from deploy.services import state
from deploy.services.addresses import S3, Cassandra, Kafka, Redis
from deploy.services.cassandra import start_cassandra
from deploy.services.cluster import ClusterRedis, start_cluster
from deploy.services.kafka import start_kafka
from deploy.services.s3 import start_s3
from deploy.services.sentinel import WatchedRedis, start_sentinel
from deploy.services.service import AnyService, Service
from deploy.services.valkey import start_redis
from deploy.settings import services_cache

# How long an example takes is the machine's affair.
settings.register_profile("untimed", deadline=None)
# One commit, one result: what is new is looked for by `make check`, which draws other examples each time.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("untimed")

# Taken out, as a Reelway process that a test starts refuses settings it does not know.
_RUNNING = os.environ.pop("REELWAY_TEST_SERVICES", None)


@pytest.fixture(scope="session")
def services_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="reelway-services-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def running_services() -> state.Running | None:
    return state.read(Path(_RUNNING)) if _RUNNING else None


@pytest.fixture(scope="session")
def cassandra(running_services: state.Running | None, services_folder: Path) -> Iterator[Cassandra]:
    if running_services:
        yield running_services.cassandra
        return
    with _for_the_run(start_cassandra(services_folder / "cassandra", services_cache())) as service:
        yield service.address


@pytest.fixture(scope="session")
def kafka(running_services: state.Running | None, services_folder: Path) -> Iterator[Kafka]:
    if running_services:
        yield running_services.kafka
        return
    with _for_the_run(start_kafka(services_folder / "kafka", services_cache())) as service:
        yield service.address


@pytest.fixture(scope="session")
def s3(running_services: state.Running | None, services_folder: Path) -> Iterator[S3]:
    if running_services:
        yield running_services.s3
        return
    with _for_the_run(start_s3(services_folder / "s3", services_cache())) as service:
        yield service.address


@pytest.fixture(scope="session")
def redis_single(services_folder: Path) -> Iterator[Service[Redis]]:
    with _for_the_run(start_redis(services_folder / "redis")) as service:
        yield service


@pytest.fixture(scope="session")
def redis_sentinel(services_folder: Path) -> Iterator[WatchedRedis]:
    with _for_the_run(start_sentinel(services_folder / "sentinel")) as service:
        yield service


@pytest.fixture(scope="session")
def redis_cluster(services_folder: Path) -> Iterator[ClusterRedis]:
    with _for_the_run(start_cluster(services_folder / "cluster")) as service:
        yield service


@contextmanager
def _for_the_run(service: AnyService) -> Iterator[AnyService]:
    """Killed at the end: nobody wants the data again."""
    try:
        yield service
    finally:
        service.kill()
