"""An ingest behind the gateway's shell, with a real object store, and a client that speaks ASGI to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from edge.gateway.app import create_gateway
from edge.gateway.issuers.local import LocalIssuer
from edge.gateway.limits.memory import MemoryLimits
from edge.gateway.services import Services
from edge.gateway.settings import GatewaySettings
from edge.ingest.gateway import create_ingest
from edge.ingest.locks import Locks, open_locks
from edge.ingest.settings import IngestSettings
from edge.ingest.stats import IngestStats
from origin.metadata.base import NotFound
from origin.model import ORDINARY, UploadTerms
from origin.objects import Objects, open_objects
from origin.parts import counting_parts
from origin.views import UploadTicket
from tests.edge.ingest.origins import Origin

NOW_MS = 1_767_225_600_000
CLIP = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * 40
LIFETIME_MS = 86_400_000
KEY = generate_private_key(SECP256R1())


@dataclass
class Catalog:
    """The upload records of `edge.gateway.ports.UploadCatalog`, kept in a dict."""

    objects: Objects
    tickets: dict[int, UploadTicket] = field(default_factory=dict)
    announced: list[int] = field(default_factory=list)
    descriptions: dict[int, str] = field(default_factory=dict)
    fail_finish: bool = False

    async def begin(
        self,
        user_id: int,
        length: int | None,
        metadata: str,
        description: str,
        now_ms: int,
        terms: UploadTerms = ORDINARY,
    ) -> UploadTicket:
        key = 1000 + len(self.descriptions)
        self.descriptions[key] = description
        multipart = await self.objects.create_multipart(f"raw/{key + 1000}")
        ticket = UploadTicket(key, key + 1000, user_id, length, metadata, multipart, False, now_ms + LIFETIME_MS)
        self.tickets[key] = ticket
        return ticket

    async def find(self, upload_id: int) -> UploadTicket:
        if upload_id not in self.tickets:
            raise NotFound("no such upload")
        return self.tickets[upload_id]

    async def fix_length(self, upload_id: int, length: int) -> bool:
        ticket = await self.find(upload_id)
        if ticket.length is None:
            self.tickets[upload_id] = replace(ticket, length=length)
        return self.tickets[upload_id].length == length

    async def expect(self, upload_id: int, digest: str) -> None:
        ticket = await self.find(upload_id)
        self.tickets[upload_id] = replace(ticket, terms=replace(ticket.terms, digest=digest))

    async def finish(self, upload_id: int, request_id: str, digest: str = "") -> None:
        ticket = await self.find(upload_id)
        if self.fail_finish:
            raise RuntimeError("the process dies here")
        if not ticket.finished:
            parts = counting_parts(await self.objects.list_parts(ticket.multipart_id))
            await self.objects.complete(ticket.multipart_id, parts)
            self.tickets[upload_id] = replace(ticket, finished=True)
            self.announced.append(upload_id)

    async def cancel(self, upload_id: int) -> None:
        if upload_id in self.tickets:
            await self.objects.abort(self.tickets.pop(upload_id).multipart_id)

    async def live_by(self, user_id: int) -> list[UploadTicket]:
        return [each for each in self.tickets.values() if each.user_id == user_id and not each.finished]


@dataclass
class Answered:
    status: int
    headers: dict[str, str]
    body: bytes
    interim: list[tuple[int, dict[str, str]]]


@dataclass
class Clock:
    now_ms: int = NOW_MS

    def __call__(self) -> int:
        return self.now_ms


@dataclass
class World:
    app: Any
    catalog: Catalog
    objects: Objects
    issuer: LocalIssuer
    clock: Clock
    stats: IngestStats
    root: Path

    def token(self, user_id: int = 7) -> str:
        return self.issuer.mint(user_id, self.clock())[0]

    async def stored(self, upload_id: int) -> bytes:
        key = f"raw/{self.catalog.tickets[upload_id].video_id}"
        return b"".join([block async for block in self.objects.get(key)])

    async def ask(
        self,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        body: bytes | Sequence[bytes] | None = None,
        *,
        user_id: int | None = 7,
        cut_off: bool = False,
        interim: bool = False,
        trailers: dict[str, str] | None = None,
        stays: bool = False,
    ) -> Answered:
        """One request; a body given as several blocks has no Content-Length.

        `cut_off`: then the client goes away. `stays`: it waits for the answer, which routes of Quart ask for.
        """
        blocks = [body] if isinstance(body, bytes) else list(body or [])
        fields = dict(headers or {})
        if isinstance(body, bytes) and "Content-Length" not in fields:
            fields["Content-Length"] = str(len(body))
        if user_id is not None:
            fields["Authorization"] = f"Bearer {self.token(user_id)}"
        messages: list[dict[str, Any]] = [
            {"type": "http.request", "body": block, "more_body": cut_off or place + 1 < len(blocks)}
            for place, block in enumerate(blocks)
        ] or [{"type": "http.request", "body": b"", "more_body": cut_off}]

        messages[-1]["trailers"] = [(name.lower().encode(), each.encode()) for name, each in (trailers or {}).items()]

        async def receive() -> dict[str, Any]:
            await asyncio.sleep(0)
            if stays and not messages:
                await asyncio.Event().wait()
            return messages.pop(0) if messages else {"type": "http.disconnect"}

        return await exchange(self.app, method, path, fields, receive, interim=interim)

    async def exchange(self, method: str, path: str, fields: dict[str, str], receive: Callable[[], Any]) -> Answered:
        return await exchange(self.app, method, path, fields, receive)

    def beside(self, objects: Any, locks: Locks, **settings: Any) -> World:
        """Another gateway of the same uploads."""
        return make_world(objects, self.root, self.catalog, locks, **settings)

    def remade(self, objects: Any = None, **settings: Any) -> World:
        """The same, over another object store, catalog or locks, or with other settings."""
        return make_world(objects or self.objects, self.root, **settings)


async def exchange(
    app: Any,
    method: str,
    path: str,
    fields: dict[str, str],
    receive: Callable[[], Any],
    *,
    interim: bool = False,
) -> Answered:
    answered = Answered(0, {}, b"", [])

    async def send(message: dict[str, Any]) -> None:
        decoded = {name.decode(): value.decode() for name, value in message.get("headers", [])}
        if message["type"] == "http.response.start":
            answered.status, answered.headers = message["status"], decoded
        elif message["type"] == "http.response.informational":
            answered.interim.append((message["status"], decoded))
        else:
            answered.body += message.get("body", b"")

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "2",
        "method": method,
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in fields.items()],
        "client": ("192.0.2.1", 40000),
        "server": ("localhost", 8443),
        "extensions": {"http.response.informational": {}} if interim else {},
    }
    await app(scope, receive, send)
    return answered


class Nobody:
    """Stands where these tests ask for nothing."""


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    objects = open_objects(f"file://{tmp_path}/objects")
    world = make_world(objects, tmp_path)
    yield world
    await objects.close()


@pytest.fixture
async def origin(world: World) -> AsyncIterator[Origin]:
    """Origin's own use cases behind `world`, instead of a dict."""
    origin = Origin.on(world.objects, world.clock)
    yield origin
    await origin.close()


def make_world(
    objects: Objects, root: Path, catalog: Any = None, locks: Locks | None = None, direct: Any = None, **settings: Any
) -> World:
    clock, stats = Clock(), IngestStats()
    catalog = catalog or Catalog(objects)
    locks = locks or open_locks("memory:")
    issuer = LocalIssuer(KEY, "reelway")
    chosen = replace(IngestSettings(max_bytes=1 << 20, part_bytes=4096, live_uploads=5), **settings)
    ingest = create_ingest(catalog, objects, chosen, clock, stats, locks)
    nobody: Any = Nobody()
    services = Services(
        nobody,
        nobody,
        nobody,
        lambda video_id, name: ("", 0),
        issuer,
        MemoryLimits(),
        GatewaySettings("https://localhost:8443", "https://localhost:8444", policies=()),
        clock,
        nobody,
        nobody,
        nobody,
    )
    direct_uploads = direct(catalog, objects, chosen, clock, stats) if direct else None
    return World(create_gateway(services, ingest, direct_uploads), catalog, objects, issuer, clock, stats, root)
