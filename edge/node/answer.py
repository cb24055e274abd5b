"""What the node answers: a head, and a body that is read as it is sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from edge.cache.headers import Headers
from edge.cache.ranges import Span
from edge.stats import EdgeStats
from edge.store.base import Body
from edge.upstream.base import UpstreamResponse


class NoAnswer(Exception):
    """The node has no answer; `status` is what a gateway says then."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


@dataclass(slots=True)
class Answer:
    """What to send. Iterate `blocks()` to its end or not at all, and always `aclose()`."""

    status: int
    headers: Headers
    pieces: tuple[bytes | Span, ...] = ()
    body: Body | None = None

    async def blocks(self) -> AsyncIterator[bytes]:
        """The body in blocks.

        Raises UpstreamError or StoreError when it cannot be completed: then break the connection.
        """
        for piece in self.pieces:
            if isinstance(piece, bytes):
                yield piece
            elif self.body is not None:
                async for block in self.body.read(piece):
                    yield block

    async def aclose(self) -> None:
        """Release what it holds."""
        if self.body is not None:
            await self.body.aclose()


class PassedBody:
    """The body of a response that is handed through; it can be read once, whole."""

    def __init__(self, response: UpstreamResponse, stats: EdgeStats) -> None:
        self._response = response
        self._stats = stats

    async def read(self, span: Span) -> AsyncIterator[bytes]:
        """Every block as it comes; the span is the whole."""
        del span
        async for block in self._response.blocks():
            self._stats.upstream_bytes += len(block)
            yield block

    async def aclose(self) -> None:
        """Stop reading."""
        await self._response.aclose()
