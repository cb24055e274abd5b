"""Uploads through gateways that are killed again and again: the identical file, one video, no acknowledged byte twice.

Three gateway processes share Cassandra, Kafka, S3 and Redis. Phones send slowly, to any of them; whatever breaks off,
they ask another one for the offset and go on there.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

import httpx
import pytest

from deploy.client import Client
from origin.eventlog import open_eventlog
from origin.events import Topic, UploadEvent, decode
from origin.objects import open_objects
from tests.e2e.roles import HOST, Roles, migrate

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
GATEWAYS = ("gateway-1", "gateway-2", "gateway-3")
PHONES = 4
CLIP_BYTES = 1_500_000
PIECE_BYTES = 16_384
PIECE_EVERY_S = 0.06
KILLS = 8
KILL_EVERY_S = 1.2
AT_REST_S = 5.0
GIVES_UP_S = 120.0
DRAFT = {"Upload-Draft-Interop-Version": "8", "Content-Type": "application/partial-upload"}
TUS = {"Tus-Resumable": "1.0.0"}
TUS_PATCH = {**TUS, "Content-Type": "application/offset+octet-stream"}


@pytest.fixture
def roles(engines: dict[str, str], tmp_path) -> Iterator[Roles]:
    migrate(tmp_path / "migrate", engines)
    alone = ("origin", "scorer", "feed", "edge")
    running = Roles(tmp_path, engines, {**dict(zip(alone, alone, strict=True)), **dict.fromkeys(GATEWAYS, "gateway")})
    try:
        running.start()
        yield running
    finally:
        codes = running.stop()
    assert codes == dict.fromkeys(codes, 0), "\n".join(node.log_end() for node in running.processes.values())


@dataclass
class Phone:
    """Sends one clip to whichever gateway answers."""

    urls: list[str]
    trust: ssl.SSLContext
    token: str
    draw: Random
    clip: bytes
    location: str = ""
    video_id: int = 0
    acknowledged: int = 0
    """The highest offset that any gateway told."""
    sent_again: int = 0
    """Acknowledged bytes that were sent once more."""
    broken_off: int = 0
    by_interim: int = 0
    """Offsets told by 104 while a body was under way."""

    def some_url(self) -> str:
        return self.draw.choice(self.urls)

    async def upload(self) -> None:
        async with httpx.AsyncClient(verify=self.trust, timeout=5) as client:
            await self._create(client)
            offset = 0
            while offset < len(self.clip):
                speech = self.draw.choice((DRAFT, TUS_PATCH))
                with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError, Refused):
                    await self._send(offset, speech)
                self.broken_off += 1
                offset = await self._offset(client)
            self.broken_off -= 1

    async def _create(self, client: httpx.AsyncClient) -> None:
        fields = {**TUS, "Upload-Length": str(len(self.clip)), "Authorization": f"Bearer {self.token}"}
        while True:
            with contextlib.suppress(httpx.TransportError):
                made = await client.post(f"{self.some_url()}/v1/uploads", headers=fields)
                if made.status_code == httpx.codes.CREATED:
                    self.location, self.video_id = made.headers["location"], int(made.headers["reelway-video-id"])
                    return
            await asyncio.sleep(0.1)

    async def _offset(self, client: httpx.AsyncClient) -> int:
        fields = {**TUS, "Authorization": f"Bearer {self.token}"}
        while True:
            with contextlib.suppress(httpx.TransportError):
                head = await client.head(f"{self.some_url()}{self.location}", headers=fields)
                if head.status_code == httpx.codes.OK:
                    return self._told(int(head.headers["upload-offset"]))
            await asyncio.sleep(0.1)

    def _told(self, offset: int) -> int:
        self.sent_again += max(0, self.acknowledged - offset)
        self.acknowledged = max(self.acknowledged, offset)
        return offset

    async def _send(self, offset: int, speech: dict[str, str]) -> None:
        """The rest of the clip, slowly, until it is taken, refused, or the gateway is gone."""
        host, port = self.some_url().removeprefix("https://").split(":")
        reader, writer = await asyncio.open_connection(HOST, int(port), ssl=self.trust, server_hostname=host)
        try:
            writer.write(self._head(offset, speech, host))
            listening = asyncio.create_task(self._listen(reader))
            sending = asyncio.create_task(self._pour(writer, offset))
            await asyncio.wait({listening, sending}, return_when=asyncio.FIRST_COMPLETED)
            if not listening.done() and not sending.exception():
                async with asyncio.timeout(AT_REST_S):
                    await asyncio.wait({listening})
            for task in (listening, sending):
                task.cancel()
            for result in await asyncio.gather(listening, sending, return_exceptions=True):
                if isinstance(result, Exception):
                    raise result
        finally:
            writer.transport.abort()

    def _head(self, offset: int, speech: dict[str, str], host: str) -> bytes:
        fields = {
            "Host": host,
            "Authorization": f"Bearer {self.token}",
            "Content-Length": str(len(self.clip) - offset),
            "Upload-Offset": str(offset),
            **speech,
        }
        if speech is DRAFT:
            fields["Upload-Complete"] = "?1"
        lines = [f"PATCH {self.location} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
        return "\r\n".join(lines).encode()

    async def _pour(self, writer: asyncio.StreamWriter, offset: int) -> None:
        for start in range(offset, len(self.clip), PIECE_BYTES):
            writer.write(self.clip[start : start + PIECE_BYTES])
            await writer.drain()
            await asyncio.sleep(PIECE_EVERY_S * self.draw.random() * 2)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            status = int(head.split(" ", 2)[1])
            for line in head.splitlines():
                if line.startswith("upload-offset:") and (status == 104 or status < 300):
                    self._told(max(self.acknowledged, int(line.partition(":")[2])))
                    self.by_interim += status == 104
            if status >= 400:
                raise Refused(head)
            if status >= 200:
                return


class Refused(Exception):
    """The gateway gave way to another request, or could not tell now."""


@dataclass
class Killer:
    """Kills one gateway after another; at least one is always whole."""

    roles: Roles
    draw: Random
    kills: int = 0
    starting: list[asyncio.Task[None]] = field(default_factory=list)

    async def run(self) -> None:
        up = list(GATEWAYS)
        while self.kills < KILLS:
            await asyncio.sleep(KILL_EVERY_S)
            if len(up) < 2:
                continue
            victim = self.draw.choice(up)
            up.remove(victim)
            await asyncio.to_thread(self.roles.processes[victim].kill)
            self.kills += 1
            self.starting.append(asyncio.create_task(self._back(victim, up)))

    async def _back(self, name: str, up: list[str]) -> None:
        await asyncio.to_thread(self.roles.start, name)
        up.append(name)


def phone(roles: Roles, number: int) -> Phone:
    draw = Random(number)
    client = Client(roles.public_url, certificate=roles.certificate)
    client.open_session(None)
    clip = b"\x00\x00\x00\x18ftypmp42" + draw.randbytes(CLIP_BYTES)
    client.close()
    return Phone(list(roles.gateway_urls.values()), roles.trust(), client.token, draw, clip)


async def test_no_kill_of_a_gateway_loses_or_repeats_what_it_had_acknowledged(roles, engines):
    phones = [phone(roles, number) for number in range(PHONES)]
    killer = Killer(roles, Random(7))
    killing = asyncio.create_task(killer.run())
    async with asyncio.timeout(GIVES_UP_S):
        await asyncio.gather(*(each.upload() for each in phones))
    killing.cancel()
    await asyncio.gather(killing, return_exceptions=True)
    await asyncio.gather(*killer.starting)
    assert killer.kills >= 2
    assert sum(each.broken_off for each in phones) > 0
    assert sum(each.by_interim for each in phones) > 0
    assert [each.sent_again for each in phones] == [0] * PHONES
    paths = await announced(engines["REELWAY_EVENTS_URL"])
    objects = open_objects(engines["REELWAY_OBJECTS_URL"])
    for each in phones:
        [path] = paths[each.video_id]
        stored = b"".join([block async for block in objects.get(path)])
        assert hashlib.sha256(stored).digest() == hashlib.sha256(each.clip).digest()
    await objects.close()


async def announced(events_url: str) -> dict[int, list[str]]:
    """Video id → paths of the stored clip, one for each event."""
    log = open_eventlog(events_url, lambda: 0)
    found: dict[int, set[str]] = {}
    events = [decode(UploadEvent, record.value) for record in await log.read(Topic.UPLOADS, {}, 1000)]
    await log.close()
    for event in events:
        found.setdefault(event.video_id, set()).add(event.raw_s3_path)
    return {video_id: sorted(paths) for video_id, paths in found.items()}
