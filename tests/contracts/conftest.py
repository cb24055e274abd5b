from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest

from deploy.services.addresses import Redis
from deploy.services.service import Service
from deploy.services.valkey import empty
from tests.cassandra_keyspaces import Keyspace, keyspace
from tests.contracts.roles import WAYS, Roles, open_roles


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
    "single",
    pytest.param("sentinel", marks=pytest.mark.slow),
    pytest.param("cluster", marks=pytest.mark.slow),
]


@dataclass
class Layer:
    """Where a port of the speed layer keeps what it keeps."""

    service: Service[Redis] | None
    """None: in memory."""

    def fresh(self) -> str:
        """The URL of an empty one."""
        if self.service is None:
            return "memory:"
        empty(self.service)
        return self.service.address.url


@pytest.fixture(params=SPEED_LAYERS)
def layer(request) -> Layer:
    if request.param == "memory":
        return Layer(None)
    return Layer(request.getfixturevalue(f"redis_{request.param}"))
