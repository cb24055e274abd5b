"""Uploads over HTTP/1.1 and HTTP/2 through the server of `deploy`: interim answers, trailers, broken connections."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h2.config
import h2.connection
import h2.events
import pytest
from hypercorn.config import Config

from deploy.tcp import TcpServer
from tests.edge.http3.certificates import write_certificate
from tests.edge.http3.harness import eventually

if TYPE_CHECKING:
    from conftest import World

CLIP = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * 2000
Connect = Any


@pytest.fixture
async def connect(world: World, tmp_path: Path) -> AsyncIterator[Connect]:
    write_certificate(tmp_path)
    config = Config()
    config.certfile, config.keyfile = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    config.alpn_protocols = ["h2", "http/1.1"]
    config.accesslog, config.errorlog = None, None
    server = TcpServer(world.app, config)
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    await server.start(listener)

    @contextlib.asynccontextmanager
    async def connected(protocol: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols([protocol])
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    yield connected
    await server.drain(0)


def head(world: World, method: str, path: str, **more: str) -> bytes:
    fields = {"host": "localhost", "authorization": f"Bearer {world.token()}", **more}
    lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items()]
    return f"{method} {path} HTTP/1.1\r\n{''.join(lines)}\r\n".encode()


async def test_over_http1_the_place_to_resume_is_told_before_the_body_is_sent(world: World, connect: Connect) -> None:
    async with connect("http/1.1") as (reader, writer):
        fields = {"upload_complete": "?1", "upload_draft_interop_version": "8", "content_length": str(len(CLIP))}
        writer.write(head(world, "POST", "/v1/uploads", **fields))
        first = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert first.startswith(b"http/1.1 104")
        assert b"location: /v1/uploads/1000\r\n" in first
        assert b"upload-limit: max-size=1048576" in first
        writer.write(CLIP[:100_000])
        await reader.readuntil(b"upload-offset: 98304\r\n")
    await eventually(lambda: world.stats.disconnects == 1)
    assert (await world.ask("HEAD", "/v1/uploads/1000")).headers["upload-offset"] == "100000"


async def test_over_http1_a_checksum_may_come_behind_the_body(world: World, connect: Connect) -> None:
    where = (await world.ask("POST", "/v1/uploads", {"Tus-Resumable": "1.0.0", "Upload-Length": "100"})).headers[
        "location"
    ]
    fields = {"tus_resumable": "1.0.0", "content_type": "application/offset+octet-stream", "upload_offset": "0"}
    fields |= {"transfer_encoding": "chunked", "trailer": "Upload-Checksum", "te": "trailers", "connection": "close"}
    right = base64.b64encode(hashlib.sha1(CLIP[:100]).digest())
    for body, status in ((CLIP[:99] + b"?", b"460"), (CLIP[:100], b"204")):
        async with connect("http/1.1") as (reader, writer):
            writer.write(head(world, "PATCH", where, **fields))
            writer.write(b"64\r\n" + body + b"\r\n0\r\nUpload-Checksum: sha1 " + right + b"\r\n\r\n")
            assert (await reader.read()).split()[1] == status
    assert await world.stored(1000) == CLIP[:100]


async def test_over_http2_interim_answers_tell_place_and_progress(world: World, connect: Connect) -> None:
    client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="ascii"))
    client.initiate_connection()
    fields = [(":method", "POST"), (":path", "/v1/uploads"), (":scheme", "https"), (":authority", "localhost")]
    own = [("authorization", f"Bearer {world.token()}"), ("upload-complete", "?1")]
    client.send_headers(1, [*fields, *own, ("upload-draft-interop-version", "8")])
    client.send_data(1, CLIP[:16_000])
    client.send_data(1, CLIP[16_000:32_000], end_stream=True)
    seen: list[Any] = []
    async with connect("h2") as (reader, writer):
        while not any(isinstance(event, h2.events.StreamEnded) for event in seen):
            writer.write(client.data_to_send())
            seen += client.receive_data(await reader.read(65536))
    interim = [dict(each.headers) for each in seen if isinstance(each, h2.events.InformationalResponseReceived)]
    (final,) = (dict(each.headers) for each in seen if isinstance(each, h2.events.ResponseReceived))
    assert [each[":status"] for each in interim] == ["104"] * len(interim)
    assert interim[0]["location"] == final["location"] == "/v1/uploads/1000"
    assert [int(each["upload-offset"]) for each in interim[1:]][-1] == 32_000
    assert (final[":status"], final["upload-complete"]) == ("201", "?1")
    assert await world.stored(1000) == CLIP[:32_000]
