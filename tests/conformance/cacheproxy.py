"""The cache node as a plain reverse proxy over HTTP/1.1, for the outside judge of HTTP caches.

    python -m tests.conformance.cacheproxy http://127.0.0.1:18000 PORT

Nothing of media is in here: the key is the whole target, every method and field goes through, nobody needs a
token.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config

from edge.cache.headers import end_to_end
from edge.cache.model import Request
from edge.node.answer import NoAnswer
from edge.node.node import CacheNode
from edge.store.memory import MemoryStore
from edge.upstream import open_upstream


class ProxyApp:
    """Hands every request to the node."""

    def __init__(self, node: CacheNode) -> None:
        self._node = node

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        query = scope["query_string"].decode("latin-1")
        target = scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")
        headers = end_to_end(scope["headers"])
        request = Request(scope["method"], target, target, headers)
        carries_body = any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])
        try:
            answer = await self._node.handle(request, _body(receive) if carries_body else None)
        except NoAnswer as error:
            await send({"type": "http.response.start", "status": error.status, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        try:
            await send({"type": "http.response.start", "status": answer.status, "headers": list(answer.headers)})
            if scope["method"] != "HEAD":
                async for block in answer.blocks():
                    await send({"type": "http.response.body", "body": block, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            await answer.aclose()


async def _body(receive: Any) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message.get("body"):
            yield message["body"]
        if not message.get("more_body"):
            return


async def main(origin: str, port: int) -> None:
    """Serve until SIGTERM."""
    store = MemoryStore(64 * 1024 * 1024, 10_000)
    upstream = open_upstream(origin)
    node = CacheNode(store, upstream, lambda: time.time_ns() // 1_000_000)
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    # The node says which Date a response has; a second one would make every response ambiguous.
    config.include_date_header = config.include_server_header = False
    config.accesslog = config.errorlog = None
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await serve(ProxyApp(node), config, shutdown_trigger=stop.wait)  # type: ignore[arg-type]
    await node.close()
    await upstream.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
