"""The media edge over real sockets: hypercorn before it, HTTP to an origin that misbehaves on purpose behind
it.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypercorn.asyncio import serve
from hypercorn.config import Config

from edge.app import EdgeApp
from edge.node.node import CacheNode
from edge.store import open_store
from edge.upstream import HttpLimits, open_upstream
from signer.keys import open_keys
from signer.playback import PlaybackSigner
from tests.ports import free_port
from tests.waiting import until

NOW_MS = 1_800_000_000_000
BLOCK = b"x" * 65536

pytestmark = pytest.mark.slow


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[int]:
    port = free_port()
    config, stop = Config(), asyncio.Event()
    config.bind = [f"127.0.0.1:{port}"]
    config.accesslog = config.errorlog = None
    config.include_date_header = False
    config.graceful_timeout = 0.2
    task = asyncio.create_task(serve(app, config, shutdown_trigger=stop.wait))
    for _ in range(500):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        await asyncio.sleep(0.01)
    try:
        yield port
    finally:
        stop.set()
        await task


class Origin:
    """`/v/1/{blocks}/{name}`: so many blocks; the name says how it goes wrong."""

    def __init__(self) -> None:
        self.requests = 0
        self.gate = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        self.requests += 1
        _, _, _, count, name = scope["path"].split("/")
        headers = [(b"cache-control", b"public, max-age=60")]
        if name != "unknown-length":
            headers.append((b"content-length", b"%d" % (int(count) * len(BLOCK))))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for number in range(int(count)):
            if number == int(count) // 2:
                if name == "held":
                    await self.gate.wait()
                if name in ("broken", "unknown-length"):
                    raise RuntimeError("broken on purpose")
            await send({"type": "http.response.body", "body": BLOCK, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


class Rig:
    def __init__(self, client: httpx.AsyncClient, origin: Origin, node: CacheNode, signer: PlaybackSigner) -> None:
        self.client, self.origin, self.node = client, origin, node
        self._signer = signer

    def path(self, name: str) -> str:
        return self._signer.url("", 1, name, NOW_MS)[0]


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    origin = Origin()
    keys = open_keys(f"file://{tmp_path}/keys.json", lambda: NOW_MS)
    store = await open_store(f"file://{tmp_path}/cache?bytes=100000000")
    async with serving(origin) as origin_port:
        upstream = open_upstream(f"http://127.0.0.1:{origin_port}", HttpLimits(head_s=5))
        node = CacheNode(store, upstream, lambda: NOW_MS)
        async with (
            serving(EdgeApp(node, keys, lambda: NOW_MS)) as port,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
        ):
            yield Rig(client, origin, node, PlaybackSigner(await keys.ring()))
        await node.close()
        await upstream.close()
    await store.close()
    await keys.close()


async def test_a_crowd_over_sockets_is_one_request_to_the_origin(rig: Rig) -> None:
    crowd = [asyncio.create_task(rig.client.get(rig.path("40/held"))) for _ in range(20)]
    await until(lambda: rig.node.stats.requests == 20)
    rig.origin.gate.set()
    answers = await asyncio.gather(*crowd)
    assert {len(answer.content) for answer in answers} == {40 * len(BLOCK)}
    assert rig.origin.requests == 1
    await until(lambda: rig.node.stats.stored == 1)
    assert "hit" in (await rig.client.get(rig.path("40/held"))).headers["cache-status"]
    assert rig.origin.requests == 1


@pytest.mark.parametrize("name", ["broken", "unknown-length"])
async def test_a_body_that_breaks_upstream_is_never_taken_for_a_whole_one(rig: Rig, name: str) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        await rig.client.get(rig.path(f"20/{name}"))
    assert rig.node.stats.stored == 0


async def test_a_client_that_hangs_up_leaves_the_fetch_to_the_next_one(rig: Rig) -> None:
    async with rig.client.stream("GET", rig.path("40/held")) as answer:
        await anext(answer.aiter_raw())
    rig.origin.gate.set()
    await until(lambda: rig.node.stats.stored == 1)
    assert len((await rig.client.get(rig.path("40/held"))).content) == 40 * len(BLOCK)
    assert rig.origin.requests == 1
