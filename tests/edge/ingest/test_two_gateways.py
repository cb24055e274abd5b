"""Two gateways that take the same uploads, with locks in a real server: one writes, nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from deploy.services.addresses import Redis
from deploy.services.service import Service
from deploy.services.valkey import start_redis
from edge.ingest.locks import open_locks

if TYPE_CHECKING:
    from conftest import Answered, World

CLIP = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * 40
TUS = {"Tus-Resumable": "1.0.0"}
OCTETS = {**TUS, "Content-Type": "application/offset+octet-stream"}
LEASE_MS = 1_000


@pytest.fixture
def server(tmp_path) -> Iterator[Service[Redis]]:
    with start_redis(tmp_path / "server") as started:
        yield started


async def create(world: World) -> str:
    answer = await world.ask("POST", "/v1/uploads", {**TUS, "Upload-Length": str(len(CLIP))})
    return answer.headers["location"]


async def patch(world: World, where: str, offset: int, body: bytes) -> Answered:
    return await world.ask("PATCH", where, {**OCTETS, "Upload-Offset": str(offset)}, body)


def code(answer: Answered) -> tuple[int, str]:
    return answer.status, json.loads(answer.body)["code"]


class Stalling:
    """A client that sends a block and then nothing."""

    def __init__(self, body: bytes) -> None:
        self._messages = [{"type": "http.request", "body": body, "more_body": True}]
        self.waits = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        if self._messages:
            return self._messages.pop()
        self.waits.set()
        await asyncio.Event().wait()
        raise AssertionError


async def test_a_newer_request_at_another_gateway_takes_over_and_sees_what_the_older_stored(world, server):
    locks = [open_locks(server.address.url), open_locks(server.address.url)]
    one, other = (world.beside(world.objects, each) for each in locks)
    where, client = await create(one), Stalling(CLIP[:1000])
    fields = {**OCTETS, "Upload-Offset": "0", "Authorization": f"Bearer {one.token()}"}
    older = asyncio.create_task(one.exchange("PATCH", where, fields, client.receive))
    await client.waits.wait()
    assert (await other.ask("HEAD", where, TUS)).headers["upload-offset"] == "1000"
    assert code(await older) == (423, "interrupted")
    assert (await patch(other, where, 1000, CLIP[1000:])).status == 204
    assert await one.stored(1000) == CLIP
    for each in locks:
        await each.close()


class Paused:
    """What a gateway uses, while the gateway is paused: no call comes back, and a part goes to the store later."""

    def __init__(self, behind: Any) -> None:
        self._behind = behind
        self.paused = asyncio.Event()
        self.awake = asyncio.Event()
        self.awake.set()

    def __getattr__(self, name: str) -> Any:
        async def call(*args: Any, **kwargs: Any) -> Any:
            await self.awake.wait()
            return await getattr(self._behind, name)(*args, **kwargs)

        return call

    def pause(self) -> None:
        self.awake.clear()

    async def put_part(self, multipart_id: str, number: int, body: AsyncIterator[bytes]) -> Any:
        taken = b"".join([block async for block in body])
        if not self.awake.is_set():
            self.paused.set()
            await self.awake.wait()
        return await self._behind.put_part(multipart_id, number, _blocks(taken))


async def _blocks(data: bytes) -> AsyncIterator[bytes]:
    yield data


@pytest.mark.parametrize("before", [0, 4096])
async def test_a_part_that_a_paused_gateway_stores_too_late_is_not_acknowledged_and_spoils_nothing(
    world, server, before
):
    locks = [open_locks(server.address.url, LEASE_MS), open_locks(server.address.url, LEASE_MS)]
    store, lease = Paused(world.objects), Paused(locks[0])
    paused, awake = world.beside(store, lease), world.beside(world.objects, locks[1])
    where = await create(awake)
    if before:
        assert (await patch(awake, where, 0, CLIP[:before])).status == 204
    older = asyncio.create_task(until_paused(paused, where, before, store, lease))
    await store.paused.wait()
    head = await awake.ask("HEAD", where, TUS)
    assert head.headers["upload-offset"] == str(before)
    assert (await patch(awake, where, before, CLIP[before : before + 100])).status == 204
    store.awake.set()
    lease.awake.set()
    assert code(await older) == (423, "interrupted")
    assert (await awake.ask("HEAD", where, TUS)).headers["upload-offset"] == str(before + 100)
    assert (await patch(awake, where, before + 100, CLIP[before + 100 :])).status == 204
    assert await awake.stored(1000) == CLIP
    for each in locks:
        await each.close()


async def until_paused(world: World, where: str, offset: int, store: Paused, lease: Paused) -> Answered:
    """Sends a part to a gateway that stops in the middle of storing it."""
    body = [{"type": "http.request", "body": CLIP[offset : offset + 4096], "more_body": False}]

    async def receive() -> dict[str, Any]:
        store.pause()
        lease.pause()
        return body.pop()

    fields = {**OCTETS, "Upload-Offset": str(offset), "Content-Length": "4096"}
    return await world.exchange("PATCH", where, {**fields, "Authorization": f"Bearer {world.token()}"}, receive)


async def test_while_the_locks_are_away_uploads_answer_503_and_go_on_later(world, server):
    locks = open_locks(server.address.url)
    gateway = world.beside(world.objects, locks, lock_wait_s=0.2)
    where = await create(gateway)
    assert (await patch(gateway, where, 0, CLIP[:5000])).status == 204
    with server.nodes[0].frozen():
        refused = await patch(gateway, where, 5000, CLIP[5000:])
        assert code(refused) == (503, "upload_locks_unavailable")
        assert refused.headers["retry-after"] == "1"
        live = set(world.catalog.tickets)
        assert (await gateway.ask("POST", "/v1/uploads", {**TUS, "Upload-Length": "9"})).status == 503
        assert set(world.catalog.tickets) == live
    # The thawed server still grants what was asked of it meanwhile, to requests that are gone; those leases end.
    async with asyncio.timeout(30):
        while (await patch(gateway, where, 5000, CLIP[5000:])).status in {423, 503}:  # noqa: ASYNC110 -- as clients do
            await asyncio.sleep(0.05)
    assert await gateway.stored(1000) == CLIP
    await locks.close()
