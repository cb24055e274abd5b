"""Receiving goes on while what came before is being stored, within bounds; only what is stored is acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.ingest.ahead import MOST_BLOCKS, Ahead, Room
from edge.ingest.body import BodyEnded, ClientGone, Interrupted, TooSlow
from origin.objects.base import StoreUnavailable

if TYPE_CHECKING:
    from conftest import World

CLIP = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * 40
TUS = {"Tus-Resumable": "1.0.0"}
RUFH = {"Upload-Draft-Interop-Version": "6", "Upload-Complete": "?1"}
PART_BYTES = 1000


class Body:
    """Blocks, and how they end."""

    def __init__(self, blocks: Sequence[bytes], end: BodyEnded | None = None, pauses: Sequence[bool] = ()) -> None:
        self._blocks = list(blocks)
        self._end = end
        self._pauses = list(pauses)
        self.read_bytes = 0

    async def block(self) -> bytes | None:
        if self._pauses and self._pauses.pop():
            await asyncio.sleep(0)
        if self._blocks:
            block = self._blocks.pop(0)
            self.read_bytes += len(block)
            return block
        if self._end is not None:
            raise self._end
        return None


async def settled() -> None:
    """Until nothing runs any more but what waits for us."""
    for _ in range(100):
        await asyncio.sleep(0)


async def taken(ahead: Ahead) -> tuple[bytes, BodyEnded | None]:
    data = b""
    try:
        while (block := await ahead.block()) is not None:
            data += block
    except BodyEnded as error:
        return data, error
    return data, None


blocks = st.lists(st.binary(min_size=1, max_size=20), max_size=20)
ends = st.sampled_from([None, ClientGone(), TooSlow(), Interrupted()])


@given(blocks=blocks, end=ends, pauses=st.lists(st.booleans()), most=st.integers(1, 60), room=st.integers(0, 60))
def test_the_same_bytes_come_out_and_then_the_same_end(
    blocks: list[bytes], end: BodyEnded | None, pauses: list[bool], most: int, room: int
) -> None:
    shared = Room(room)

    async def run() -> tuple[bytes, BodyEnded | None]:
        async with Ahead(Body(blocks, end, pauses), shared, most) as ahead:
            return await taken(ahead)

    assert asyncio.run(run()) == (b"".join(blocks), end)
    assert shared.held_bytes == 0


async def test_a_body_is_read_ahead_up_to_its_bound_and_goes_on_when_blocks_are_taken() -> None:
    body = Body([b"x" * 10] * 100)
    async with Ahead(body, Room(1000), 50) as ahead:
        await settled()
        assert body.read_bytes == 50
        await ahead.block()
        await settled()
        assert body.read_bytes == 60


async def test_a_body_of_tiny_blocks_is_read_ahead_by_their_count() -> None:
    body = Body([b"xx"] * (3 * MOST_BLOCKS))
    async with Ahead(body, Room(1 << 30), 1 << 30) as ahead:
        await settled()
        assert body.read_bytes == 2 * MOST_BLOCKS
        assert await taken(ahead) == (b"xx" * 3 * MOST_BLOCKS, None)


async def test_together_bodies_hold_the_room_and_one_block_each() -> None:
    room, bodies = Room(100), [Body([b"x" * 10] * 100) for _ in range(30)]
    aheads = [Ahead(body, room, 50) for body in bodies]
    for ahead in aheads:
        await ahead.__aenter__()
    await settled()
    assert room.held_bytes <= 100 + 30 * 10
    assert [len((await taken(ahead))[0]) for ahead in aheads] == [1000] * 30
    for ahead in aheads:
        await ahead.__aexit__(None, None, None)
    assert room.held_bytes == 0


async def fails_to_store(body: Body, room: Room) -> None:
    async with Ahead(body, room, 50) as ahead:
        await ahead.block()
        raise StoreUnavailable("gone")


async def test_a_body_that_is_given_up_gives_its_room_back_and_is_read_no_more() -> None:
    room, body = Room(1000), Body([b"x" * 10] * 100)
    with pytest.raises(StoreUnavailable):
        await fails_to_store(body, room)
    read_bytes = body.read_bytes
    await settled()
    assert (room.held_bytes, body.read_bytes) == (0, read_bytes)


class Gated:
    """An object store that takes the bytes of a part and makes them durable when it is let."""

    def __init__(self, objects: Any) -> None:
        self._objects = objects
        self.may_store = asyncio.Semaphore(0)
        self.fails = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._objects, name)

    async def put_part(self, multipart_id: str, number: int, body: AsyncIterator[bytes]) -> Any:
        blocks = [block async for block in body]
        await self.may_store.acquire()
        if self.fails:
            raise StoreUnavailable("the store died with the part")

        async def again() -> AsyncIterator[bytes]:
            for block in blocks:
                yield block

        return await self._objects.put_part(multipart_id, number, again())


class Upload:
    """A body sent in pieces of a part, with the offsets that its client is told meanwhile."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.sent_bytes = 0
        self.asked = asyncio.Event()
        self.told: list[int] = []
        self.status = 0
        self.location = ""

    async def run(self) -> None:
        fields = {**RUFH, "Authorization": f"Bearer {self._world.token()}", "Content-Length": str(len(CLIP))}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "2",
            "method": "POST",
            "scheme": "https",
            "path": "/v1/uploads",
            "raw_path": b"/v1/uploads",
            "query_string": b"",
            "headers": [(name.lower().encode(), value.encode()) for name, value in fields.items()],
            "client": ("192.0.2.1", 40000),
            "server": ("localhost", 8443),
            "extensions": {"http.response.informational": {}},
        }
        await self._world.app(scope, self._receive, self._send)

    async def _receive(self) -> dict[str, Any]:
        self.asked.set()
        begin, self.sent_bytes = self.sent_bytes, min(self.sent_bytes + PART_BYTES, len(CLIP))
        return {"type": "http.request", "body": CLIP[begin : self.sent_bytes], "more_body": self.sent_bytes < len(CLIP)}

    async def _send(self, message: dict[str, Any]) -> None:
        headers = {name.decode(): value.decode() for name, value in message.get("headers", [])}
        self.location = headers.get("location", self.location)
        if "upload-offset" in headers:
            self.told.append(int(headers["upload-offset"]))
        if message["type"] == "http.response.start":
            self.status = message["status"]


async def sent(upload: Upload, size_bytes: int) -> None:
    async with asyncio.timeout(10):
        while upload.sent_bytes < size_bytes:
            upload.asked.clear()
            await upload.asked.wait()


async def test_the_next_part_is_received_while_one_is_stored_and_is_not_acknowledged(world: World) -> None:
    gated = Gated(world.objects)
    other = world.remade(objects=gated, part_bytes=PART_BYTES, ahead_bytes=PART_BYTES)
    upload = Upload(other)
    running = asyncio.create_task(upload.run())
    await sent(upload, 2 * PART_BYTES)
    assert max(upload.told, default=0) == 0
    gated.may_store.release()
    await sent(upload, 3 * PART_BYTES)
    gated.fails = True
    gated.may_store.release()
    await running
    assert upload.status == 503
    assert max(upload.told) == PART_BYTES
    head = await other.ask("HEAD", upload.location, TUS)
    assert head.headers["upload-offset"] == str(PART_BYTES)


async def test_the_room_is_given_back_also_by_one_that_is_cancelled_twice() -> None:
    room = Room(10_000)

    class Stubborn(Body):
        async def block(self) -> bytes | None:
            if self.read_bytes < 3000:
                return await super().block()
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0.01)
            return None

    async def use() -> None:
        async with Ahead(Stubborn([bytes(1000)] * 9), room, 9000):
            await asyncio.Event().wait()

    task = asyncio.create_task(use())
    await settled()
    assert room.held_bytes == 3000
    for _ in range(2):
        task.cancel()
        await asyncio.sleep(0)
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert room.held_bytes == 0
