from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Protocol

import pytest

from tests.cassandra_keyspaces import Keyspace, keyspace
from tests.contracts.roles import WAYS, Roles, open_roles
from tests.valkeys import Cluster, Server, Watched, start_cluster, start_single, start_watched


@pytest.fixture(params=WAYS)
async def roles(request, tmp_path) -> AsyncIterator[Roles]:
    """The origin, the feed and the scorer, in this process and behind gRPC."""
    async with open_roles(request.param, tmp_path) as opened:
        yield opened


@pytest.fixture(scope="session")
def cassandra_keyspace(cassandra) -> Iterator[Keyspace]:
    """One migrated keyspace for the whole run."""
    with keyspace(cassandra) as made:
        yield made


@pytest.fixture
def empty_keyspace(cassandra_keyspace) -> Keyspace:
    cassandra_keyspace.clear()
    return cassandra_keyspace


SPEED_LAYERS = [
    "memory",
    "redis",
    pytest.param("sentinel", marks=pytest.mark.slow),
    pytest.param("cluster", marks=pytest.mark.slow),
]


class Engine(Protocol):
    @property
    def url(self) -> str: ...

    def flush(self) -> None: ...


@dataclass
class Layer:
    """Where a port of the speed layer keeps what it keeps."""

    engine: Engine | None
    """None: in memory."""

    def fresh(self) -> str:
        """The URL of an empty one."""
        if self.engine is None:
            return "memory:"
        self.engine.flush()
        return self.engine.url


@pytest.fixture(params=SPEED_LAYERS)
def layer(request) -> Layer:
    if request.param == "memory":
        return Layer(None)
    return Layer(request.getfixturevalue(f"contract_{request.param}"))


@pytest.fixture(scope="session")
def contract_redis(tmp_path_factory) -> Iterator[Server]:
    server = start_single(tmp_path_factory.mktemp("single"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def contract_sentinel(tmp_path_factory) -> Iterator[Watched]:
    watched = start_watched(tmp_path_factory.mktemp("watched"))
    yield watched
    watched.stop()


@pytest.fixture(scope="session")
def contract_cluster(tmp_path_factory) -> Iterator[Cluster]:
    cluster = start_cluster(tmp_path_factory.mktemp("cluster"))
    yield cluster
    cluster.stop()
