"""The IETF upload over our HTTP/3 front: interim answers on the wire, resets in mid-body, early refusals."""

from __future__ import annotations

import base64
import hashlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edge.http3 import Http3Server, Http3Settings
from tests.edge.http3.certificates import write_certificate
from tests.edge.http3.harness import Running, eventually

if TYPE_CHECKING:
    from conftest import World

CLIP = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * 2000


@pytest.fixture
async def running(world: World, tmp_path: Path) -> AsyncIterator[Running]:
    write_certificate(tmp_path)
    settings = Http3Settings(certificate_path=tmp_path / "cert.pem", private_key_path=tmp_path / "key.pem")
    endpoint = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    endpoint.bind(("127.0.0.1", 0))
    server = Http3Server(world.app, settings, clock=world.clock)
    await server.start(endpoint)
    yield Running(server, endpoint.getsockname()[1])
    await server.drain(0.0)


def fields(world: World, **more: str) -> list[tuple[bytes, bytes]]:
    own = {"authorization": f"Bearer {world.token()}", "upload-draft-interop-version": "8"}
    return [(name.replace("_", "-").encode(), value.encode()) for name, value in {**own, **more}.items()]


async def test_interim_answers_come_before_the_final_one(world: World, running: Running) -> None:
    async with running.client() as client:
        head = fields(world, upload_complete="?1", upload_length=str(len(CLIP)))
        answer = await client.request("POST", "/v1/uploads", head, CLIP)
    assert answer.statuses[:2] == [104, 104]
    assert answer.statuses[-1] == 201
    first, final = dict(answer.heads[0]), answer.headers
    assert first[b"location"] == final[b"location"]
    assert first[b"upload-draft-interop-version"] == b"8"
    offsets = [int(dict(each)[b"upload-offset"]) for each in answer.heads[1:-1]]
    assert offsets == sorted(offsets)
    assert offsets[-1] == len(CLIP)
    assert await world.stored(1000) == CLIP


async def test_a_stream_reset_in_mid_body_keeps_what_had_arrived(world: World, running: Running) -> None:
    async with running.client() as client:
        head = fields(world, upload_complete="?1", upload_length=str(len(CLIP)))
        stream = client.begin("POST", "/v1/uploads", head, end=False)
        client.send(stream, CLIP[:100_000])
        await eventually(lambda: world.stats.stored_bytes >= 96_000)
        client.quic.reset_stream(stream, 0x10C)
        client.flush()
        await eventually(lambda: world.stats.disconnects == 1)
        where = "/v1/uploads/1000"
        stands = await client.request("HEAD", where, fields(world))
        assert (stands.status, stands.headers[b"upload-offset"]) == (204, b"100000")
        head = fields(world, upload_complete="?1", upload_offset="100000", content_type="application/partial-upload")
        rest = await client.request("PATCH", where, head, CLIP[100_000:])
        assert rest.status == 200
    assert await world.stored(1000) == CLIP


async def test_a_checksum_may_come_behind_the_body(world: World, running: Running) -> None:
    made = await world.ask("POST", "/v1/uploads", {"Tus-Resumable": "1.0.0", "Upload-Length": "100"})
    right = base64.b64encode(hashlib.sha256(CLIP[:100]).digest())
    more = {"tus_resumable": "1.0.0", "content_type": "application/offset+octet-stream", "upload_offset": "0"}
    async with running.client() as client:
        assert client.h3 is not None
        for body, status in ((CLIP[:99] + b"?", 460), (CLIP[:100], 204)):
            head = fields(world, **more, trailer="Upload-Checksum", te="trailers")
            stream = client.begin("PATCH", made.headers["location"], head, end=False)
            client.send(stream, body)
            client.h3.send_headers(stream, [(b"upload-checksum", b"sha256 " + right)], end_stream=True)
            client.flush()
            assert (await client.finish(stream)).status == status
    assert await world.stored(1000) == CLIP[:100]


async def test_a_picture_is_refused_while_it_is_being_sent(world: World, running: Running) -> None:
    async with running.client() as client:
        head = fields(world, upload_complete="?0")
        stream = client.begin("POST", "/v1/uploads", head, end=False)
        client.send(stream, b"\x89PNG\r\n\x1a\n" + bytes(20_000))
        answer = client.answer(stream)
        await client.until(lambda: answer.status == 415)
        assert b"not_a_video" in answer.body
        client.send(stream, b"", end=True)
        await client.finish(stream)
        assert (await client.request("OPTIONS", "/v1/uploads")).status == 204
