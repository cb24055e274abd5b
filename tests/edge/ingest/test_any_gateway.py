"""An upload that is cut at any byte and goes on at any gateway, by any protocol, ends as the identical file and one
video. The gateways share an object store, origin's records and the locks, as processes of several PoPs do."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.ingest.locks import open_locks
from origin.objects.base import StoreUnavailable
from tests.edge.ingest.origins import Origin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import Answered, World

CLIP = b"\x00\x00\x00\x18ftypmp42" + bytes((7 * n + n // 251) % 256 for n in range(12_000))
TUS = {"Tus-Resumable": "1.0.0"}
PATCHING: dict[str, dict[str, str]] = {
    "tus": {**TUS, "Content-Type": "application/offset+octet-stream"},
    "3": {"Upload-Draft-Interop-Version": "3", "Upload-Incomplete": "?1"},
    "8": {
        "Upload-Draft-Interop-Version": "8",
        "Content-Type": "application/partial-upload",
        "Upload-Complete": "?0",
    },
}


@dataclass(frozen=True)
class Try:
    """One request that does not end the upload."""

    gateway: int
    protocol: str
    to: int
    """The byte at which it is cut; what lies before the offset is not sent."""
    how: str
    """`gone`: the connection breaks. `ended`: the body ends. `stalls`: the connection is dead, and nobody notices."""
    skips: int = 0
    """Bytes that the client is wrong about."""


@dataclass
class Gateways:
    worlds: list[World]
    origin: Origin

    async def offset(self, gateway: int, where: str) -> int:
        head = await self.worlds[gateway].ask("HEAD", where, TUS)
        assert head.status == 200, head.body
        return int(head.headers["upload-offset"])


@pytest.fixture
async def gateways(world: World, origin: Origin) -> AsyncIterator[Gateways]:
    locks = open_locks("memory:")
    yield Gateways([world.remade(catalog=origin.uploads, locks=locks) for _ in range(3)], origin)
    await locks.close()


async def stalling(world: World, where: str, fields: dict[str, str], block: bytes) -> asyncio.Task[Answered]:
    """A request whose client has sent a block and is never heard of again."""
    taken, messages = asyncio.Event(), [{"type": "http.request", "body": block, "more_body": True}]

    async def receive() -> Any:
        if not messages:
            taken.set()
            await asyncio.Event().wait()
        return messages.pop()

    own = {**fields, "Authorization": f"Bearer {world.token()}"}
    task = asyncio.create_task(world.exchange("PATCH", where, own, receive))
    seen = asyncio.create_task(taken.wait())
    await asyncio.wait({task, seen}, return_when=asyncio.FIRST_COMPLETED)
    seen.cancel()
    return task


TRIES = st.builds(
    Try,
    gateway=st.integers(0, 2),
    protocol=st.sampled_from(sorted(PATCHING)),
    to=st.integers(0, len(CLIP) - 1),
    how=st.sampled_from(["gone", "ended", "ended", "gone", "gone", "ended", "stalls"]),
    skips=st.sampled_from([0, 0, 0, 0, 1, -1, 5000]),
)


@pytest.mark.slow
@given(tries=st.lists(TRIES, max_size=7), last=st.integers(0, 2), again=st.booleans())
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
async def test_an_upload_that_wanders_ends_as_the_identical_file_and_one_video(
    gateways: Gateways, tries: list[Try], last: int, again: bool
) -> None:
    made = await gateways.worlds[last].ask("POST", "/v1/uploads", {**TUS, "Upload-Length": str(len(CLIP))})
    where, video_id = made.headers["location"], int(made.headers["reelway-video-id"])
    dead: list[asyncio.Task[Answered]] = []
    for each in tries:
        world, offset = gateways.worlds[each.gateway], await gateways.offset(each.gateway, where)
        claimed = max(0, offset + each.skips)
        block = CLIP[claimed : max(each.to, claimed)]
        fields = {**PATCHING[each.protocol], "Upload-Offset": str(claimed)}
        if each.how == "stalls":
            dead.append(await stalling(world, where, fields, block))
        else:
            answer = await world.ask("PATCH", where, fields, [block], cut_off=each.how == "gone")
            assert claimed == offset or answer.status == 409
        # Asked at another gateway: what was taken is there, and nothing else.
        now = await gateways.offset((each.gateway + 1) % 3, where)
        assert now == (offset + len(block) if claimed == offset else offset)
    world, offset = gateways.worlds[last], await gateways.offset(last, where)
    fields = {**PATCHING["tus"], "Upload-Offset": str(offset)}
    assert (await world.ask("PATCH", where, fields, CLIP[offset:])).status == 204
    if again:
        # The answer was lost: the client asks, and perhaps sends nothing once more.
        assert await gateways.offset((last + 1) % 3, where) == len(CLIP)
        whole = {**PATCHING["tus"], "Upload-Offset": str(len(CLIP))}
        assert (await gateways.worlds[(last + 2) % 3].ask("PATCH", where, whole, b"")).status == 204
    assert {(await task).status for task in dead} <= {423, 409}
    (event,) = [event for event in await gateways.origin.events() if event.video_id == video_id]
    stored = b"".join([block async for block in gateways.origin.objects.get(event.raw_s3_path)])
    assert hashlib.sha256(stored).digest() == hashlib.sha256(CLIP).digest()


async def test_requests_of_all_gateways_at_once_leave_one_file_and_one_video(
    gateways: Gateways,
) -> None:
    """Each gateway's client sends as if it were alone, again and again, until the upload is whole."""
    made = await gateways.worlds[0].ask("POST", "/v1/uploads", {**TUS, "Upload-Length": str(len(CLIP))})
    where = made.headers["location"]

    async def stubborn(world: World, step: int) -> None:
        for _ in range(200):
            head = await world.ask("HEAD", where, TUS)
            if head.status != 200:
                assert head.status == 423, head.body
                continue
            offset = int(head.headers["upload-offset"])
            if offset == len(CLIP):
                return
            fields = {**PATCHING["tus"], "Upload-Offset": str(offset)}
            answer = await world.ask("PATCH", where, fields, [CLIP[offset : offset + step]])
            assert answer.status in (204, 409, 423), answer.body
        raise AssertionError("never whole")

    await asyncio.gather(*(stubborn(world, 1900 + 700 * n) for n, world in enumerate(gateways.worlds)))
    assert await gateways.origin.the_one_clip() == CLIP


@dataclass
class Faulty:
    """An object store, of whose calls those that are drawn fail: `before` they do anything, `half` way through a body,
    or `after` all is done and only the answer is lost."""

    objects: Any
    faults: list[str]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.objects, name)

    async def _call(self, name: str, *args: Any) -> Any:
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "before":
            raise StoreUnavailable("away")
        if fault == "half" and name == "put_part":
            args = (*args[:2], _breaking(args[2]))
        result = await getattr(self.objects, name)(*args)
        if fault == "after":
            raise StoreUnavailable("away")
        return result

    async def put_part(self, multipart_id: str, number: int, body: AsyncIterator[bytes]) -> Any:
        return await self._call("put_part", multipart_id, number, body)

    async def list_parts(self, multipart_id: str) -> Any:
        return await self._call("list_parts", multipart_id)

    async def complete(self, multipart_id: str, parts: Any) -> Any:
        return await self._call("complete", multipart_id, parts)


async def _breaking(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for block in body:
        yield block[: len(block) // 2 + 1]
        raise StoreUnavailable("away")


@pytest.mark.slow
@given(
    faults=st.lists(st.sampled_from(["", "", "", "before", "half", "after"]), max_size=30),
    sends=st.lists(st.tuples(st.integers(1, len(CLIP)), st.booleans(), st.sampled_from(sorted(PATCHING))), max_size=6),
)
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
async def test_a_store_that_fails_in_between_costs_no_acknowledged_byte_and_makes_no_second_video(
    world: World, faults: list[str], sends: list[tuple[int, bool, str]]
) -> None:
    """Two gateways of one store take turns; the client asks and sends until it is told that the upload is whole."""
    store, locks = Faulty(world.objects, []), open_locks("memory:")
    world.clock.now_ms += 1  # other ids than the last example's, whose clip is still there
    origin = Origin.on(store, world.clock)  # type: ignore[arg-type]
    gateways = [world.remade(objects=store, catalog=origin.uploads, locks=locks) for _ in range(2)]
    where = (await gateways[0].ask("POST", "/v1/uploads", {**TUS, "Upload-Length": str(len(CLIP))})).headers["location"]
    store.faults = faults
    acknowledged = 0
    for attempt in range(2 * len(faults) + len(sends) + 2):
        gateway = gateways[attempt % 2]
        head = await gateway.ask("HEAD", where, TUS)
        assert head.status in (200, 503), head.body
        if head.status == 503:
            continue
        offset = int(head.headers["upload-offset"])
        assert offset >= acknowledged
        if offset == len(CLIP):
            break
        size, gone, protocol = sends.pop(0) if sends else (len(CLIP), False, "tus")
        # To the other two, the last byte alone does not end an upload.
        end = min(offset + size, len(CLIP) - (protocol != "tus"))
        fields = {**PATCHING[protocol], "Upload-Offset": str(offset)}
        answer = await gateway.ask("PATCH", where, fields, [CLIP[offset:end]], cut_off=gone)
        assert answer.status in (0, 201, 204, 503), answer.body
        acknowledged = end if answer.status in (201, 204) else offset
    # Asked once more, also an upload whose end was not told is.
    assert (await gateways[0].ask("HEAD", where, TUS)).headers["upload-offset"] == str(len(CLIP))
    assert hashlib.sha256(await origin.the_one_clip()).digest() == hashlib.sha256(CLIP).digest()
    await origin.close()
    await locks.close()
