"""Listening: three protocols on one address, a taken port in words, a drain that does not wait for the idle."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.clock import now_ms
from deploy.listen import Listener, PortTaken, Tls
from deploy.setting_forms import Bind
from deploy.tls import ensure_pair
from tests.ports import free_port


@pytest.fixture
def tls(tmp_path: Path) -> Tls:
    pair = Tls(tmp_path / "cert.pem", tmp_path / "key.pem")
    ensure_pair(pair.certificate, pair.key, now_ms())
    return pair


class SlowApp:
    """Answers `/slow` once it is let, everything else at once."""

    def __init__(self, fields: list[tuple[bytes, bytes]] | None = None) -> None:
        self.fields = fields or []
        self.let = asyncio.Event()
        self.begun = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/slow":
            self.begun.set()
            await self.let.wait()
        await send({"type": "http.response.start", "status": 200, "headers": self.fields})
        await send({"type": "http.response.body", "body": b"done"})


@contextlib.asynccontextmanager
async def listening(app: SlowApp, tls: Tls) -> AsyncIterator[tuple[Listener, httpx.AsyncClient]]:
    address = Bind("127.0.0.1", free_port())
    listener = Listener(app, address, tls, now_ms)
    await listener.start()
    context = ssl.create_default_context(cafile=str(tls.certificate))
    async with httpx.AsyncClient(base_url=f"https://localhost:{address.port}", verify=context, http2=True) as client:
        yield listener, client
    await listener.drain(0)


async def test_the_way_to_http3_is_advertised_on_http2(tls: Tls) -> None:
    async with listening(SlowApp(), tls) as (_, client):
        answer = await client.get("/")
        assert (answer.status_code, answer.http_version) == (200, "HTTP/2")
        assert answer.headers["alt-svc"].startswith('h3=":')
        assert len(answer.headers.get_list("date")) == 1


async def test_a_date_that_the_app_sends_is_kept_and_not_doubled(tls: Tls) -> None:
    kept = b"Thu, 01 Jan 2026 00:00:00 GMT"
    async with listening(SlowApp([(b"date", kept)]), tls) as (_, client):
        assert (await client.get("/")).headers.get_list("date") == [kept.decode()]


async def test_a_drain_does_not_wait_for_idle_connections(tls: Tls) -> None:
    async with listening(SlowApp(), tls) as (listener, client):
        await client.get("/")
        began = time.monotonic()
        await listener.drain(30)
        assert time.monotonic() - began < 10


async def test_a_drain_lets_a_running_request_end(tls: Tls) -> None:
    app = SlowApp()
    async with listening(app, tls) as (listener, client):
        request = asyncio.create_task(client.get("/slow"))
        await app.begun.wait()
        drain = asyncio.create_task(listener.drain(10))
        await asyncio.sleep(0.1)
        app.let.set()
        assert (await request).text == "done"
        await drain


async def test_a_request_that_outlasts_the_grace_is_cut(tls: Tls) -> None:
    app = SlowApp()
    async with listening(app, tls) as (listener, client):
        request = asyncio.create_task(client.get("/slow"))
        await app.begun.wait()
        await listener.drain(0.1)
        with pytest.raises(httpx.TransportError):
            await request
        del request
    gc.collect()


async def test_a_body_that_goes_on_after_its_answer_hurts_no_other_request_of_the_connection(tls: Tls) -> None:
    app = SlowApp()

    async def body() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield bytes(16_384)
            await asyncio.sleep(0.002)

    async with listening(app, tls) as (_, client):
        slow = asyncio.create_task(client.get("/slow"))
        await app.begun.wait()
        for _ in range(5):
            with contextlib.suppress(httpx.TransportError):
                await client.post("/", content=body())
        app.let.set()
        assert (await slow).text == "done"


async def test_a_client_is_told_to_stop_sending_a_body_that_nobody_reads(tls: Tls) -> None:
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(2000):
            sent += 16_384
            yield bytes(16_384)

    async with listening(SlowApp(), tls) as (_, client):
        with contextlib.suppress(httpx.TransportError):
            await client.post("/", content=body())
        assert sent < 16 << 20
        assert (await client.get("/")).text == "done"


async def test_a_request_of_two_lengths_is_refused_and_what_follows_it_is_no_request(tls: Tls) -> None:
    app = SlowApp()
    async with listening(app, tls) as (_, client):
        context = ssl.create_default_context(cafile=str(tls.certificate))
        reader, writer = await asyncio.open_connection("localhost", client.base_url.port, ssl=context)
        hidden = b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n"
        lengths = b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\n" + lengths + hidden)
        async with asyncio.timeout(10):
            answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 400")
        assert answer.count(b"HTTP/1.1") == 1
        assert not app.begun.is_set()


async def test_what_an_app_fails_with_is_in_the_log(tls: Tls, caplog: pytest.LogCaptureFixture) -> None:
    async with listening(SlowApp([(b"not latin", "no bytes")]), tls) as (_, client):  # type: ignore[list-item]
        assert (await client.get("/")).status_code == 500
    (failure,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert failure.exc_info


async def test_a_taken_port_is_named(tls: Tls) -> None:
    address = Bind("127.0.0.1", free_port())
    first = Listener(SlowApp(), address, tls, now_ms)
    await first.start()
    with pytest.raises(PortTaken, match=f"TCP port 127.0.0.1:{address.port} is taken"):
        Listener(SlowApp(), address, None, now_ms)
    await first.drain(0)
