from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import pytest

from tests.valkeys import Cluster, Server, Watched, start_cluster, start_single, start_watched

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
