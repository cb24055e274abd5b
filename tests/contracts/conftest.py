from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from origin.speed import open_speed
from tests.cassandra_keyspaces import Keyspace, keyspace
from tests.contracts.roles import WAYS, Roles, open_roles


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def valkey_url(tmp_path_factory) -> AsyncIterator[str]:
    """One real Valkey for the whole run."""
    speed = await open_speed("embedded:", Path(tmp_path_factory.mktemp("valkey")))
    yield speed.url
    await speed.close()


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
