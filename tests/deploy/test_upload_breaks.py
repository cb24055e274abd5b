"""Uploads over HTTP/3 through a way that breaks under them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy import uploading
from deploy.binds import Bind
from deploy.client import Client
from deploy.clock import now_ms
from deploy.listen import Listener, Tls
from deploy.tls import ensure_pair
from deploy.ways import Alternative, Http
from tests.deploy.relay import Relay, relayed
from tests.edge.ingest.test_real_clients import System, the_one_upload_event
from tests.ports import free_port

CLIP = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * 40_000
pytestmark = pytest.mark.slow


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[System]:
    system = System(tmp_path)
    yield system
    await system.close()


@pytest.fixture
async def relay(system: System, tmp_path: Path) -> AsyncIterator[Relay]:
    pair = Tls(tmp_path / "cert.pem", tmp_path / "key.pem")
    ensure_pair(pair.certificate, pair.key, now_ms())
    port = free_port()
    listener = Listener(system.app, Bind("127.0.0.1", port), pair, now_ms)
    await listener.start()
    try:
        async with relayed(port) as relay:
            yield relay
    finally:
        await listener.drain(0.0)


async def uploaded(relay: Relay, folder: Path) -> tuple[str, list[int]]:
    """Uploads through the relay; gives what the last answer came over, and what was acknowledged in between."""
    clip, told = folder / "clip.mp4", list[int]()
    clip.write_bytes(CLIP)

    def talk() -> str:
        client = Client(f"https://localhost:{relay.port}", folder / "cert.pem", http=Http.AUTO)
        # The server advertises its own port; here the relay's is the one to ask.
        client._ways._standing.offered = Alternative("localhost", relay.port)
        try:
            client.open_session(None)
            assert client.spoken == "HTTP/3"
            uploading.send(client, uploading.begin(client, clip, ""), clip, told.append)
            return client.spoken
        finally:
            client.close()

    return await asyncio.to_thread(talk), told


async def stored(system: System) -> bytes:
    event = await the_one_upload_event(system)
    return b"".join([block async for block in system.objects.get(event.raw_s3_path)])


async def test_an_upload_whose_udp_dies_goes_on_over_tcp_where_the_server_is(
    system: System, relay: Relay, tmp_path: Path
) -> None:
    def blocks() -> None:
        relay.blocked = relay.passed_bytes > len(CLIP) * 3 // 4

    relay.on_passed = blocks
    spoken, told = await uploaded(relay, tmp_path)
    assert relay.blocked
    assert spoken == "HTTP/1.1"
    assert await stored(system) == CLIP
    assert told == sorted(told)
    # What arrived in the request that broke off counts too.
    assert any(len(CLIP) // 2 < offset < len(CLIP) for offset in told)
