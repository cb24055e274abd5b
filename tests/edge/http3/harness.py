"""What the HTTP/3 tests share: a server under test, and waiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from edge.http3 import Http3Server, Http3Stats
from tests.edge.http3.scripted_client import ScriptedClient, connect_client


class Running:
    """A server under test and the clients opened on it."""

    def __init__(self, server: Http3Server, port: int) -> None:
        self.server = server
        self.port = port

    @property
    def stats(self) -> Http3Stats:
        return self.server.stats

    @asynccontextmanager
    async def client(self, **options: Any) -> AsyncIterator[ScriptedClient]:
        client = await connect_client(self.port, **options)
        try:
            yield client
        finally:
            await client.close()


Serve = Callable[..., Awaitable[Running]]


async def eventually(condition: Callable[[], bool], within_s: float = 30.0) -> None:
    """Wait until `condition` holds; fails the test if it does not in time."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - counters have no event
            await asyncio.sleep(0.01)
