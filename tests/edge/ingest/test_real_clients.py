"""An upload client that no one here wrote, over real sockets, into origin's own use cases."""

from __future__ import annotations

import asyncio
import base64
import io
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from hypercorn.asyncio import serve
from hypercorn.config import Config
from tusclient import client as tus
from tusclient.exceptions import TusCommunicationError

from edge.gateway.app import create_gateway
from edge.gateway.issuers.local import LocalIssuer
from edge.gateway.limits.memory import MemoryLimits
from edge.gateway.services import Services
from edge.gateway.settings import GatewaySettings
from edge.ingest.gateway import create_ingest
from edge.ingest.locks import open_locks
from edge.ingest.settings import IngestSettings
from edge.ingest.stats import IngestStats
from origin.changes import Changes
from origin.counters import open_counters
from origin.eventlog import open_eventlog
from origin.events import Topic, UploadEvent, decode
from origin.ids import EPOCH_MS
from origin.metadata import open_metadata
from origin.model import VideoStatus
from origin.objects import open_objects
from origin.progress import open_progress
from origin.social import Social
from origin.uploads import Uploads
from origin.videos import Videos

NOW_MS = EPOCH_MS + 10_000_000
CLIP = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * 8000


class System:
    """Origin's use cases on embedded stores, behind the gateway."""

    def __init__(self, root: Path) -> None:
        ids = count(1000)
        self.metadata = open_metadata("sqlite:///:memory:")
        self.objects = open_objects(f"file://{root}/objects")
        self.log = open_eventlog("memory:", self.clock)
        self.counters = open_counters("memory:")
        self.issuer = LocalIssuer(generate_private_key(SECP256R1()), "reelway")
        self.social = Social(self.metadata, self.log, self.clock, lambda: next(ids))
        self.uploads = Uploads(self.metadata, self.objects, self.log, self.clock, lambda: next(ids))
        feeds: Any = None
        nobody: Any = None
        services = Services(
            Videos(self.metadata, self.counters, self.log, self.clock, Changes(), open_progress("memory:", self.clock)),
            self.social,
            feeds,
            lambda video_id, name: (f"https://localhost/p/t/v/{video_id}/{name}", NOW_MS),
            self.issuer,
            MemoryLimits(),
            GatewaySettings("https://localhost:8443", "https://localhost:8443"),
            self.clock,
            nobody,
            nobody,
            nobody,
        )
        settings = IngestSettings(part_bytes=256 << 10, idle_timeout_s=5)
        ingest = create_ingest(self.uploads, self.objects, settings, self.clock, IngestStats(), open_locks("memory:"))
        self.app = create_gateway(services, ingest)

    def clock(self) -> int:
        return NOW_MS

    async def close(self) -> None:
        for store in (self.metadata, self.objects, self.log, self.counters):
            await store.close()


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.accesslog, config.errorlog = None, None
    stop = asyncio.Event()

    async def stopped() -> None:
        await stop.wait()

    serving = asyncio.create_task(serve(app, config, shutdown_trigger=stopped))
    try:
        yield address
    finally:
        stop.set()
        await serving


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[System]:
    system = System(tmp_path)
    yield system
    await system.close()


async def a_session(address: str) -> dict[str, str]:
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{address}/v1/sessions", json={"handle": "ada.l"})
    assert answer.status_code == 201
    return {"Authorization": f"Bearer {answer.json()['token']}"}


async def the_one_upload_event(system: System) -> UploadEvent:
    (record,) = await system.log.read(Topic.UPLOADS, {}, 10)
    return decode(UploadEvent, record.value)


async def test_tuspy_uploads_in_chunks_and_resumes_after_a_lost_connection(system: System) -> None:
    async with served(system.app) as address:
        session = await a_session(address)

        def upload() -> str:
            client = tus.TusClient(f"{address}/v1/uploads", headers=session)
            uploader = client.uploader(
                file_stream=io.BytesIO(CLIP), chunk_size=300_000, metadata={"description": "Größe #cats"}
            )
            for _ in range(3):
                uploader.upload_chunk()
            where = uploader.url
            assert where is not None
            # A new uploader knows nothing but the address, as after a crash of the client.
            client.uploader(file_stream=io.BytesIO(CLIP), url=where, chunk_size=1_000_000).upload()
            return where

        where = await asyncio.to_thread(upload)
        async with httpx.AsyncClient(headers={**session, "Tus-Resumable": "1.0.0"}) as client:
            head = await client.head(where)
            video = (await client.get(f"{address}/v1/videos/{head.headers['reelway-video-id']}")).json()
    event = await the_one_upload_event(system)
    assert b"".join([block async for block in system.objects.get(event.raw_s3_path)]) == CLIP
    assert (video["status"], video["description"]) == ("queued", "Größe #cats")
    assert len(event.request_id) == 16


async def test_tuspy_sends_checksums_and_its_asynchronous_uploader_goes_on(system: System) -> None:
    async with served(system.app) as address:
        session = await a_session(address)
        client = tus.TusClient(f"{address}/v1/uploads", headers=session)
        checked = client.uploader(file_stream=io.BytesIO(CLIP), chunk_size=400_000, upload_checksum=True)
        await asyncio.to_thread(checked.upload_chunk)
        assert checked.request.response_headers["upload-offset"] == "400000"
        # Making one asks for the offset, and blocks.
        asynchronous = await asyncio.to_thread(
            client.async_uploader, file_stream=io.BytesIO(CLIP), url=checked.url, chunk_size=700_000
        )
        await asynchronous.upload()
    event = await the_one_upload_event(system)
    assert b"".join([block async for block in system.objects.get(event.raw_s3_path)]) == CLIP


async def test_tuspy_is_told_that_a_picture_is_no_video(system: System) -> None:
    async with served(system.app) as address:
        session = await a_session(address)

        def upload() -> None:
            picture = io.BytesIO(b"\x89PNG\r\n\x1a\n" + bytes(4_000_000))
            tus.TusClient(f"{address}/v1/uploads", headers=session).uploader(file_stream=picture).upload()

        with pytest.raises(TusCommunicationError) as raised:
            await asyncio.to_thread(upload)
    assert raised.value.status_code == 415


async def test_a_connection_cut_in_mid_body_keeps_what_had_arrived(system: System) -> None:
    async with served(system.app) as address:
        session = await a_session(address)
        async with httpx.AsyncClient(headers={**session, "Tus-Resumable": "1.0.0"}) as client:
            made = await client.post(f"{address}/v1/uploads", headers={"Upload-Length": str(len(CLIP))})
            where = made.headers["location"]
            host, port = address.removeprefix("http://").split(":")
            _, writer = await asyncio.open_connection(host, int(port))
            head = (
                f"PATCH {where} HTTP/1.1\r\nHost: {host}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n"
                f"Authorization: {session['Authorization']}\r\nContent-Length: {len(CLIP)}\r\n"
                "Content-Type: application/offset+octet-stream\r\n\r\n"
            )
            writer.write(head.encode() + CLIP[:700_000])
            await writer.drain()
            writer.close()
            await writer.wait_closed()
            await asyncio.sleep(0.2)
            stands = int((await client.head(f"{address}{where}")).headers["upload-offset"])
            assert stands == 700_000
            rest = await client.patch(
                f"{address}{where}",
                headers={"Upload-Offset": str(stands), "Content-Type": "application/offset+octet-stream"},
                content=CLIP[stands:],
            )
            assert rest.status_code == 204
    event = await the_one_upload_event(system)
    assert b"".join([block async for block in system.objects.get(event.raw_s3_path)]) == CLIP


async def test_a_deleted_upload_leaves_no_video(system: System) -> None:
    async with served(system.app) as address:
        session = await a_session(address)
        async with httpx.AsyncClient(headers={**session, "Tus-Resumable": "1.0.0"}, base_url=address) as client:
            described = base64.b64encode(b"x").decode()
            fields = {"Upload-Length": "100", "Upload-Metadata": f"description {described}"}
            made = await client.post("/v1/uploads", headers=fields)
            assert (await client.delete(made.headers["location"])).status_code == 204
            assert (await client.head(made.headers["location"])).status_code == 404
            assert (await client.get(f"/v1/videos/{made.headers['reelway-video-id']}")).status_code == 404
    video = await system.metadata.video(int(made.headers["reelway-video-id"]))
    assert video.status is VideoStatus.DELETED


async def test_an_interim_answer_is_not_sent_where_the_server_cannot(system: System) -> None:
    async with served(system.app) as address:
        session = await a_session(address)
        fields = {**session, "Upload-Complete": "?1", "Upload-Draft-Interop-Version": "8"}
        async with httpx.AsyncClient() as client:
            answer = await client.post(f"{address}/v1/uploads", headers=fields, content=CLIP)
    assert (answer.status_code, answer.headers["upload-complete"]) == (201, "?1")
    assert answer.json()["video_id"] == answer.headers["reelway-video-id"]


async def test_a_client_that_writes_before_it_reads_sees_why_it_is_refused(system: System) -> None:
    async with served(system.app) as address:
        host, port = address.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        body = bytes(3_000_000)
        head = (
            f"PATCH /v1/uploads/1 HTTP/1.1\r\nHost: {host}\r\nTus-Resumable: 1.0.0\r\nAuthorization: Bearer x\r\n"
            f"Content-Length: {len(body)}\r\nContent-Type: application/offset+octet-stream\r\n\r\n"
        )
        writer.write(head.encode() + body)
        await writer.drain()
        assert (await reader.readline()).startswith(b"HTTP/1.1 401")
        writer.close()
        await writer.wait_closed()
