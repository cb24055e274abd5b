"""The upstream port: where a miss goes.

Words. A *response* has arrived when its head has; its blocks follow as they come and are asked for (a reader
that stops asking stops the sender). Interim responses are not handed on.

Raised, before the head: `UpstreamUnreachable` (no connection, no room in the pool),
`UpstreamTimedOut` (a deadline passed), `UpstreamBroken` (the connection or the protocol broke).
While reading blocks: the last two. All are upstream's or the network's fault; a retry of a GET may help. Not
promised: that a body that ended without an error is complete where upstream gave no length.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from edge.cache.headers import Headers


class UpstreamError(Exception):
    """Upstream did not answer as a server should."""


class UpstreamUnreachable(UpstreamError):
    """No connection to upstream could be had."""


class UpstreamTimedOut(UpstreamError):
    """Upstream took longer than a deadline."""


class UpstreamBroken(UpstreamError):
    """Upstream ended the connection early or broke the protocol."""


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """A request to hand on:

    `target` is path and query as upstream shall see them; names of `headers` are lower-case.
    """

    method: str
    target: str
    headers: Headers = ()
    body: AsyncIterator[bytes] | None = None


class UpstreamResponse(Protocol):
    """A response whose head has arrived. Close it when done, whether or not it was read to its end."""

    @property
    def status(self) -> int:
        """The final status."""
        ...

    @property
    def headers(self) -> Headers:
        """Fields as they came, names in lower case, content coding untouched."""
        ...

    def blocks(self) -> AsyncIterator[bytes]:
        """The body's blocks, none empty. To be called once."""
        ...

    async def aclose(self) -> None:
        """Stop reading; twice does nothing more."""
        ...


class Upstream(Protocol):
    """Somewhere requests can be sent."""

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """Send a request and wait for the head of its response."""
        ...

    async def close(self) -> None:
        """End every connection; twice does nothing more."""
        ...
