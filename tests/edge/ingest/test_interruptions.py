"""Uploads that are cut, stalled, taken over or out of room: what was acknowledged stays, and one video comes of it."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from origin.objects.base import StoreFull, StoreUnavailable

if TYPE_CHECKING:
    from conftest import Answered, World

CLIP = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * 40
TUS = {"Tus-Resumable": "1.0.0"}
OCTETS = {**TUS, "Content-Type": "application/offset+octet-stream"}


async def create(world: World) -> str:
    answer = await world.ask("POST", "/v1/uploads", {**TUS, "Upload-Length": str(len(CLIP))})
    return answer.headers["location"]


class SlowClient:
    """Sends its blocks when told to."""

    def __init__(self) -> None:
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._taken = asyncio.Event()

    def sends(self, body: bytes, *, more: bool = True) -> None:
        self._messages.put_nowait({"type": "http.request", "body": body, "more_body": more})

    async def receive(self) -> dict[str, Any]:
        if self._messages.empty():
            self._taken.set()
        return await self._messages.get()

    async def taken(self) -> None:
        """Until the server has everything that was sent and asks for more."""
        self._taken.clear()
        await self._taken.wait()


def start(world: World, client: SlowClient, where: str, offset: int = 0) -> asyncio.Task[Answered]:
    fields = {**OCTETS, "Upload-Offset": str(offset), "Authorization": f"Bearer {world.token()}"}
    return asyncio.create_task(world.exchange("PATCH", where, fields, client.receive))


async def test_a_newer_request_takes_over_and_sees_what_the_older_stored(world: World) -> None:
    where, client = await create(world), SlowClient()
    older = start(world, client, where)
    client.sends(CLIP[:1000])
    await client.taken()
    head = await world.ask("HEAD", where, TUS)
    assert head.headers["upload-offset"] == "1000"
    refused = await older
    assert (refused.status, json.loads(refused.body)["code"]) == (423, "interrupted")
    rest = await world.ask("PATCH", where, {**OCTETS, "Upload-Offset": "1000"}, CLIP[1000:])
    assert rest.status == 204
    assert await world.stored(1000) == CLIP


async def test_deleting_stops_the_transfer_under_way(world: World) -> None:
    where, client = await create(world), SlowClient()
    older = start(world, client, where)
    client.sends(CLIP[:1000])
    await client.taken()
    assert (await world.ask("DELETE", where, TUS)).status == 204
    assert (await older).status == 423
    assert (await world.ask("HEAD", where, TUS)).status == 404


async def test_a_stranger_cannot_interrupt(world: World) -> None:
    where, client = await create(world), SlowClient()
    older = start(world, client, where)
    client.sends(CLIP[:1000])
    await client.taken()
    assert (await world.ask("DELETE", where, TUS, user_id=8)).status == 403
    client.sends(CLIP[1000:], more=False)
    assert (await older).status == 204


async def test_a_client_that_stalls_is_ended_and_keeps_what_it_sent(world: World) -> None:
    world = world.remade(idle_timeout_s=0.3)
    where, client = await create(world), SlowClient()
    older = start(world, client, where)
    client.sends(CLIP[:1000])
    answer = await older
    assert (answer.status, json.loads(answer.body)["code"]) == (408, "too_slow")
    assert (await world.ask("HEAD", where, TUS)).headers["upload-offset"] == "1000"


class FullAfter:
    """An object store whose disk is full for parts from a number on."""

    def __init__(self, objects: Any, number: int) -> None:
        self._objects = objects
        self.number = number

    def __getattr__(self, name: str) -> Any:
        return getattr(self._objects, name)

    async def put_part(self, multipart_id: str, number: int, body: AsyncIterator[bytes]) -> Any:
        if number >= self.number:
            raise StoreFull("no room")
        return await self._objects.put_part(multipart_id, number, body)


async def test_a_full_disk_is_said_and_the_upload_goes_on_later(world: World, tmp_path: Any) -> None:
    full = FullAfter(world.objects, 2)
    other = world.remade(objects=full)
    where = await create(other)
    answer = await other.ask("PATCH", where, {**OCTETS, "Upload-Offset": "0"}, CLIP)
    assert (answer.status, json.loads(answer.body)["code"]) == (507, "storage_full")
    assert (await other.ask("HEAD", where, TUS)).headers["upload-offset"] == "4096"
    full.number = 99
    rest = await other.ask("PATCH", where, {**OCTETS, "Upload-Offset": "4096"}, CLIP[4096:])
    assert rest.status == 204
    assert await other.stored(1000) == CLIP


class FailsAt:
    """An object store that is away when a part is put, as often as it is told."""

    def __init__(self, objects: Any, number: int, times: int) -> None:
        self._objects = objects
        self._number, self._times = number, times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._objects, name)

    async def put_part(self, multipart_id: str, number: int, body: AsyncIterator[bytes]) -> Any:
        if number == self._number and self._times:
            self._times -= 1
            raise StoreUnavailable("away")
        return await self._objects.put_part(multipart_id, number, body)


async def test_a_store_that_fails_at_part_3_is_said_and_what_was_acknowledged_is_not_sent_again(world: World) -> None:
    other = world.remade(objects=FailsAt(world.objects, 3, 2))
    where = await create(other)
    for offset in (0, 8192):
        answer = await other.ask("PATCH", where, {**OCTETS, "Upload-Offset": str(offset)}, CLIP[offset:])
        assert (answer.status, json.loads(answer.body)["code"]) == (503, "unavailable")
        assert "retry-after" in answer.headers
        assert (await other.ask("HEAD", where, TUS)).headers["upload-offset"] == "8192"
    assert (await other.ask("PATCH", where, {**OCTETS, "Upload-Offset": "8192"}, CLIP[8192:])).status == 204
    assert await other.stored(1000) == CLIP


async def test_a_file_name_is_only_told_and_never_becomes_a_path(world: World) -> None:
    names = ["../../etc/passwd", "/etc/passwd", "..\\..\\x", "a\0b", "\u202egpj.exe", "x" * 300]
    for name in names:
        encoded = base64.b64encode(name.encode()).decode()
        fields = {**TUS, "Upload-Length": str(len(CLIP)), "Upload-Metadata": f"filename {encoded}"}
        where = (await world.ask("POST", "/v1/uploads", fields)).headers["location"]
        assert (await world.ask("PATCH", where, {**OCTETS, "Upload-Offset": "0"}, CLIP)).status == 204
        assert (await world.ask("HEAD", where, TUS)).headers["upload-metadata"] == f"filename {encoded}"
    keys = [info.key async for info in world.objects.list("")]
    assert keys == [f"raw/{2000 + number}" for number in range(len(names))]


@given(cuts=st.lists(st.tuples(st.integers(0, len(CLIP)), st.booleans(), st.booleans()), max_size=6))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_an_upload_cut_anywhere_ends_as_the_identical_file_and_one_video(
    world: World, cuts: list[tuple[int, bool, bool]]
) -> None:
    """Each try sends from the offset the server names to a cut and is then cut off or ended; tus and the IETF draft
    take turns as drawn."""
    world.catalog.announced.clear()
    where = await create(world)
    key = int(where.rpartition("/")[2])
    for cut, gone, by_tus in cuts:
        offset = int((await world.ask("HEAD", where, TUS)).headers["upload-offset"])
        speech = OCTETS if by_tus else {"Content-Type": "application/partial-upload", "Upload-Complete": "?0"}
        block = CLIP[offset : max(cut, offset)]
        await world.ask("PATCH", where, {**speech, "Upload-Offset": str(offset)}, [block], cut_off=gone)
        now = int((await world.ask("HEAD", where, TUS)).headers["upload-offset"])
        assert now == offset + len(block)
    offset = int((await world.ask("HEAD", where, TUS)).headers["upload-offset"])
    last = await world.ask("PATCH", where, {**OCTETS, "Upload-Offset": str(offset)}, CLIP[offset:])
    assert last.status == 204
    assert world.catalog.announced == [key]
    assert await world.stored(key) == CLIP
