"""A scripted upstream and a store for tests: real classes of the edge, a wire that the test holds in its
hands.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from edge.cache.headers import Headers, format_date
from edge.cache.model import Request
from edge.node.node import CacheNode
from edge.store.memory import MemoryStore
from edge.upstream.base import UpstreamError, UpstreamRequest

START_MS = 1_800_000_000_000


@dataclass
class Clock:
    """Epoch milliseconds that move when the test says so."""

    now_ms: int = START_MS

    def __call__(self) -> int:
        return self.now_ms

    def forward(self, seconds: float) -> None:
        self.now_ms += int(seconds * 1000)


@dataclass
class Script:
    """One response: blocks are sent as they are, a number waits for that gate, an error breaks off."""

    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: list[bytes | asyncio.Event | UpstreamError] = field(default_factory=list)
    hold_head: asyncio.Event | None = None


class ScriptedResponse:
    def __init__(self, script: Script, clock: Clock) -> None:
        self._script = script
        self.status = script.status
        fields = [(name.lower().encode(), value.encode("latin-1")) for name, value in script.headers]
        if not any(name == b"date" for name, _ in fields):
            fields.append((b"date", format_date(clock.now_ms // 1000)))
        self.headers: Headers = tuple(fields)
        self.closed = False
        self.sent = 0

    async def blocks(self) -> AsyncIterator[bytes]:
        for part in self._script.body:
            if isinstance(part, asyncio.Event):
                await part.wait()
            elif isinstance(part, UpstreamError):
                raise part
            else:
                await asyncio.sleep(0)
                self.sent += len(part)
                yield part

    async def aclose(self) -> None:
        self.closed = True


class ScriptedUpstream:
    """Answers with `answer(request)`; remembers every request and response."""

    def __init__(self, clock: Clock, answer: Callable[[UpstreamRequest], Script | UpstreamError]) -> None:
        self.answer = answer
        self.requests: list[UpstreamRequest] = []
        self.responses: list[ScriptedResponse] = []
        self._clock = clock

    async def send(self, request: UpstreamRequest) -> ScriptedResponse:
        self.requests.append(request)
        outcome = self.answer(request)
        if isinstance(outcome, UpstreamError):
            raise outcome
        if outcome.hold_head is not None:
            await outcome.hold_head.wait()
        response = ScriptedResponse(outcome, self._clock)
        self.responses.append(response)
        return response

    async def close(self) -> None:
        return


async def quiet() -> None:
    """Let every task run until it waits for something that the script holds back; no clock decides how far."""
    for _ in range(1000):
        await asyncio.sleep(0)


@dataclass
class Rig:
    """A node over a scripted upstream."""

    clock: Clock
    upstream: ScriptedUpstream
    store: MemoryStore
    node: CacheNode

    async def get(self, path: str = "/v/1/a/x.m4s", method: str = "GET", **fields: str) -> Got:
        """Ask and read everything; underscores in field names are hyphens."""
        answer = await self.node.handle(request(path, method, **fields))
        try:
            body = b"".join([block async for block in answer.blocks()]) if method != "HEAD" else b""
        finally:
            await answer.aclose()
        return Got(answer.status, dict(answer.headers), body)

    async def settle(self) -> None:
        """Let what is under way in the background come to its end."""
        await asyncio.gather(*self.node._fetcher._tasks, return_exceptions=True)
        await asyncio.sleep(0)


@dataclass
class Got:
    status: int
    fields: dict[bytes, bytes]
    body: bytes

    @property
    def cache_status(self) -> str:
        return self.fields[b"cache-status"].decode()


def request(path: str, method: str = "GET", **fields: str) -> Request:
    headers = tuple((name.replace("_", "-").encode(), value.encode()) for name, value in fields.items())
    return Request(method, path, path, headers)


def ok(
    body: bytes = b"hello world",
    cache_control: str = "public, max-age=60",
    *,
    etag: str | None = '"e1"',
    extra: tuple[tuple[str, str], ...] = (),
) -> Script:
    headers = [("Content-Length", str(len(body))), ("Cache-Control", cache_control), *extra]
    if etag is not None:
        headers.append(("ETag", etag))
    return Script(200, headers, [body] if body else [])


def rig(answer: Callable[[UpstreamRequest], Script | UpstreamError], capacity_bytes: int = 10_000_000) -> Rig:
    clock = Clock()
    upstream = ScriptedUpstream(clock, answer)
    store = MemoryStore(capacity_bytes, 1000)
    return Rig(clock, upstream, store, CacheNode(store, upstream, clock))
