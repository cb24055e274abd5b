"""HTTP/1.1 requests that are answered before their body was read.

Hypercorn ends such a connection without saying so, and the next request on it is lost: a proxy's may be another
viewer's. So what is left of a small body is read before the answer begins.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

MOST_BYTES = 1 << 20
"""Bodies longer than this end their connection: sending them to the end would cost more than a new one."""
WAIT_S = 1.0
App = Callable[..., Awaitable[None]]


class _Body:
    """A request's body, of which one reader at a time takes the next message."""

    def __init__(self, receive: Any) -> None:
        self._receive = receive
        self._turn = asyncio.Lock()
        self._ended = False

    async def receive(self) -> Any:
        async with self._turn:
            return await self._next()

    async def read_rest(self) -> None:
        """Throw away what nobody has read, for at most WAIT_S."""
        try:
            async with asyncio.timeout(WAIT_S):
                while not self._ended:
                    async with self._turn:
                        if not self._ended:
                            await self._next()
        except TimeoutError:
            return

    async def _next(self) -> Any:
        message = await self._receive()
        self._ended = message["type"] != "http.request" or not message.get("more_body", False)
        return message


def read_to_the_end(app: App) -> App:
    """The app, its answers to small HTTP/1.1 requests held back until those have arrived whole."""

    async def reading(scope: Any, receive: Any, send: Any) -> None:
        if not _may_be_left_over(scope):
            await app(scope, receive, send)
            return
        body = _Body(receive)

        async def sent(message: Any) -> None:
            if message["type"] == "http.response.start":
                await body.read_rest()
            await send(message)

        await app(scope, body.receive, sent)

    return reading


def _may_be_left_over(scope: Any) -> bool:
    if scope["type"] != "http" or not scope["http_version"].startswith("1"):
        return False
    fields = dict(scope["headers"])
    length = fields.get(b"content-length", b"0")
    # A client that waits for a 100 (Continue) has sent no body, and will not.
    return length.isdigit() and 0 < int(length) <= MOST_BYTES and b"expect" not in fields
