"""The cache node in process: hits per CPU-second and MB per CPU-second.

Run it: `python -m tests.bench.bench_cache`. JSON lines.

No sockets: this is what the rules, the store and the shared blocks cost before any server adds its own. `app`
adds access control (a verified token for each request) and the ASGI messages.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from edge.app import EdgeApp
from edge.cache.model import Request
from edge.node.node import CacheNode
from edge.store import open_store
from edge.upstream import InProcessUpstream
from signer.keys import open_keys
from signer.playback import PlaybackSigner

NOW_MS = 1_800_000_000_000
SECONDS = 2.0
SIZES = {"1 KB": 1_000, "200 KB": 200_000, "1 MB": 1_000_000}


async def origin(scope: Any, receive: Any, send: Any) -> None:
    """A body of as many bytes as the last path segment says."""
    size = int(scope["path"].rpartition("/")[2])
    headers = [(b"content-length", b"%d" % size), (b"cache-control", b"public, max-age=31536000, immutable")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"x" * size})


async def measure(name: str, size: int, work: Callable[[], Awaitable[int]]) -> None:
    """Repeat for SECONDS of CPU time and print a line."""
    await work()
    # Nothing below waits for a socket, so what is being stored would never get its turn.
    await asyncio.sleep(0.5)
    calls = sent = 0
    wall, begin = time.perf_counter(), time.process_time()
    while (spent := time.process_time() - begin) < SECONDS:
        for _ in range(50):
            sent += await work()
        calls += 50
    line = {
        "bench": "cache",
        "measure": name,
        "body_bytes": size,
        "requests_per_cpu_second": round(calls / spent),
        "mb_per_cpu_second": round(sent / spent / 1e6),
        "wall_s": round(time.perf_counter() - wall, 2),
    }
    sys.stdout.write(json.dumps(line) + "\n")


async def node_hit(node: CacheNode, request: Request) -> int:
    """One request to the node, read to its end; returns the bytes."""
    answer = await node.handle(request)
    sent = 0
    async for block in answer.blocks():
        sent += len(block)
    await answer.aclose()
    return sent


async def app_hit(app: EdgeApp, path: str) -> int:
    """One ASGI request, read to its end; returns the bytes."""
    sent = 0

    async def send(message: Any) -> None:
        nonlocal sent
        sent += len(message.get("body", b""))

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    scope = {"type": "http", "method": "GET", "raw_path": path.encode(), "query_string": b"", "headers": []}
    await app(scope, receive, send)
    return sent


async def main() -> None:
    """Measure a node over each kind of store."""
    with tempfile.TemporaryDirectory() as folder:
        keys = open_keys(f"file://{folder}/keys.json", lambda: NOW_MS)
        signer = PlaybackSigner(await keys.ring())
        for kind, url in (("memory", "memory:"), ("file", f"file://{Path(folder)}/cache")):
            store = await open_store(url)
            node = CacheNode(store, InProcessUpstream(origin), lambda: NOW_MS)
            app = EdgeApp(node, keys, lambda: NOW_MS)
            for size in SIZES.values():
                target = f"/v/42/v540/{size}"
                request = Request("GET", target, target)
                await measure(f"node hit, {kind}", size, lambda node=node, request=request: node_hit(node, request))
                path = signer.url("", 42, f"v540/{size}", NOW_MS)[0]
                await measure(f"app hit, {kind}", size, lambda app=app, path=path: app_hit(app, path))
            await node.close()
            await store.close()
        await keys.close()


if __name__ == "__main__":
    asyncio.run(main())
