"""Interim responses and request trailers over HTTP/1.1 and HTTP/2, byte by byte as a client sees them."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import h2.config
import h2.connection
import h2.events
import pytest

from deploy.clock import now_ms
from deploy.listen import Listener, Tls
from deploy.setting_forms import Bind
from deploy.tcp import HTTP2_WINDOW_BYTES
from deploy.tls import ensure_pair
from tests.e2e.system import free_port


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Says 104 for each piece of the body where it can, and ends with the trailers."""
    trailers: list[tuple[bytes, bytes]] = []
    more = True
    while more:
        message = await receive()
        more = message.get("more_body", False)
        trailers = message.get("trailers", [])
        if "http.response.informational" in scope["extensions"]:
            await send({"type": "http.response.informational", "status": 104, "headers": [(b"upload-offset", b"3")]})
    await send({"type": "http.response.start", "status": 200, "headers": []})
    body = b"".join(name + b"=" + value + b";" for name, value in trailers)
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[tuple[int, Path]]:
    pair = Tls(tmp_path / "cert.pem", tmp_path / "key.pem")
    ensure_pair(pair.certificate, pair.key, now_ms())
    address = Bind("127.0.0.1", free_port())
    listener = Listener(echo, address, pair, now_ms)
    await listener.start()
    yield address.port, pair.certificate
    await listener.drain(0)


@contextlib.asynccontextmanager
async def connected(
    port: tuple[int, Path], protocol: str
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    context = ssl.create_default_context(cafile=str(port[1]))
    context.set_alpn_protocols([protocol])
    reader, writer = await asyncio.open_connection("127.0.0.1", port[0], ssl=context, server_hostname="localhost")
    yield reader, writer
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


CHUNKED = (
    b"POST / HTTP/%s\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\nConnection: close\r\n\r\n"
    b"3\r\nabc\r\n0\r\nX-Sum: 42\r\n\r\n"
)


async def test_http1_clients_get_interim_answers_and_their_trailers_arrive(port: tuple[int, Path]) -> None:
    async with connected(port, "http/1.1") as (reader, writer):
        writer.write(CHUNKED % b"1.1")
        answer = await reader.read()
    first = answer.partition(b"\r\n\r\n")[0]
    assert first.startswith(b"HTTP/1.1 104")
    assert b"upload-offset: 3" in first.lower()
    assert b"HTTP/1.1 200" in answer
    assert b"x-sum=42;" in answer


async def test_http1_0_clients_get_no_interim_answer(port: tuple[int, Path]) -> None:
    async with connected(port, "http/1.1") as (reader, writer):
        writer.write(b"POST / HTTP/1.0\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc")
        answer = await reader.read()
    assert b" 104" not in answer
    assert b" 200" in answer.partition(b"\r\n")[0]


async def test_trailers_of_one_request_are_not_those_of_the_next(port: tuple[int, Path]) -> None:
    async with connected(port, "http/1.1") as (reader, writer):
        writer.write((CHUNKED % b"1.1").replace(b"Connection: close\r\n", b""))
        assert b"x-sum=42;" in await reader.readuntil(b"x-sum=42;")
        writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nConnection: close\r\n\r\na")
        assert b"x-sum" not in await reader.read()


async def test_http2_clients_get_interim_answers_and_their_trailers_arrive(port: tuple[int, Path]) -> None:
    client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    client.initiate_connection()
    head = [(":method", "POST"), (":path", "/"), (":scheme", "https"), (":authority", "localhost")]
    async with connected(port, "h2") as (reader, writer):
        for stream_id, trailers in ((1, [("x-sum", "1")]), (3, [])):
            client.send_headers(stream_id, head)
            client.send_data(stream_id, b"abc", end_stream=not trailers)
            if trailers:
                client.send_headers(stream_id, trailers, end_stream=True)
        seen: list[Any] = []
        while sum(isinstance(event, h2.events.StreamEnded) for event in seen) < 2:
            writer.write(client.data_to_send())
            seen += client.receive_data(await reader.read(65536))
    interim = [event for event in seen if isinstance(event, h2.events.InformationalResponseReceived)]
    assert {event.stream_id for event in interim} == {1, 3}
    assert (b":status", b"104") in interim[0].headers
    bodies = [(event.stream_id, event.data) for event in seen if isinstance(event, h2.events.DataReceived)]
    assert (1, b"x-sum=1;") in bodies
    assert b"x-sum" not in b"".join(data for stream_id, data in bodies if stream_id == 3)


async def test_an_http2_client_may_send_a_window_of_its_own_way_ahead(port: tuple[int, Path]) -> None:
    async with connected(port, "h2") as (reader, writer):
        client = h2.connection.H2Connection(config=h2.config.H2Configuration(header_encoding=None))
        client.initiate_connection()
        writer.write(client.data_to_send())
        while client.remote_settings.initial_window_size < HTTP2_WINDOW_BYTES:
            client.receive_data(await reader.read(4096))
        writer.write(client.data_to_send())
        head = [(":method", "POST"), (":path", "/"), (":authority", "localhost"), (":scheme", "https")]
        client.send_headers(1, head)
        assert client.local_flow_control_window(1) == HTTP2_WINDOW_BYTES
        for _ in range(4 * HTTP2_WINDOW_BYTES // 16384):
            while client.local_flow_control_window(1) < 16384:
                writer.write(client.data_to_send())
                client.receive_data(await reader.read(4096))
            client.send_data(1, bytes(16384))
        client.end_stream(1)
        writer.write(client.data_to_send())
        answered = False
        while not answered:
            events = client.receive_data(await reader.read(4096))
            answered = any(isinstance(event, h2.events.StreamEnded) for event in events)
