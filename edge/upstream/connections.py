"""Connections to one upstream, each for one exchange at a time."""

from __future__ import annotations

import asyncio

import httpx

from edge.upstream.base import UpstreamUnreachable


class Connections:
    """A bounded number of connections: transports of one each, which follow no redirect and keep no cookie, as a client
    would.

    The library's own pool looks through all its connections and all who wait whenever a request begins or ends; with
    64 connections that costs several times the request.
    """

    def __init__(self, most: int, wait_s: float, idle_s: float) -> None:
        self._wait_s = wait_s
        trust = httpx.create_ssl_context()
        one = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=idle_s)
        self._all = tuple(httpx.AsyncHTTPTransport(verify=trust, limits=one) for _ in range(most))
        self._free = list(self._all)
        self._turns = asyncio.Semaphore(most)

    async def take(self) -> httpx.AsyncHTTPTransport:
        """The one that was used last: it is the likeliest to be open. Raises UpstreamUnreachable."""
        try:
            async with asyncio.timeout(self._wait_s):
                await self._turns.acquire()
        except TimeoutError as error:
            raise UpstreamUnreachable(f"no connection was free within {self._wait_s} s") from error
        return self._free.pop()

    def give_back(self, connection: httpx.AsyncHTTPTransport) -> None:
        self._free.append(connection)
        self._turns.release()

    async def close(self) -> None:
        await asyncio.gather(*(connection.aclose() for connection in self._all))
