"""An upload whose process dies at any request to S3, before the server got it or after it answered."""

from __future__ import annotations

import asyncio
import random
import threading
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from origin.objects import NoSuchObject, open_objects, prepare_objects
from origin.objects.s3 import S3Objects
from origin.objects.s3_parts import PRIVATE

pytestmark = [
    pytest.mark.slow,
    # Some twenty whole uploads each; the machine may be busy.
    pytest.mark.timeout(300),
    # The dead close no sockets.
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]

MIB = 1 << 20
BYTES = random.Random(5).randbytes(32 * MIB)


class Crash(BaseException):
    """The process is dead."""


class Doomed:
    """A store's process that dies at its n-th request: before it is sent, or when its answer has come."""

    def __init__(self, url: str, requests: int | None, answered: bool) -> None:
        store = open_objects(url)
        assert isinstance(store, S3Objects)
        self.store = store
        self._left = requests
        self._answered = answered
        self._lock = threading.Lock()
        self._dying: set[int] = set()
        events = store._client._client().meta.events
        events.register("before-send.s3", self._before)
        events.register("response-received.s3", self._after)

    def _before(self, **_: Any) -> None:
        with self._lock:
            if self._left is None:
                return
            self._left -= 1
            if self._left > 0:
                return
            # Of those at once beside it, some are never sent.
            if self._left < 0 or not self._answered:
                raise Crash
            self._dying.add(threading.get_ident())

    def _after(self, **_: Any) -> None:
        if threading.get_ident() in self._dying:
            raise Crash


async def chunks(data: bytes) -> AsyncIterator[bytes]:
    for begin in range(0, len(data), 300_000):
        yield data[begin : begin + 300_000]


class Sender:
    """Goes on where the store says, as the ingest does, and checks that nothing acknowledged is lost."""

    def __init__(self, url: str, sizes: list[int], deaths: list[tuple[int, bool]]) -> None:
        self._url = url
        self._sizes = sizes
        self._whole = BYTES[: sum(sizes)]
        self._deaths = deaths
        self._acknowledged = 0

    async def run(self) -> bool:
        """False when every process lived to the end."""
        died = False
        prepared = open_objects(self._url)
        identifier = await prepared.create_multipart("raw/1")
        while True:
            death = self._deaths.pop() if self._deaths else (None, False)
            process = Doomed(self._url, *death)
            try:
                await self._attempt(process.store, identifier)
            except Crash:
                died = True
                continue
            finally:
                await process.store.close()
            break
        await self._verify(prepared, identifier)
        await prepared.close()
        return died

    async def _attempt(self, store: S3Objects, identifier: str) -> None:
        try:
            parts = await store.list_parts(identifier)
        except NoSuchObject:
            # Joined before the crash.
            assert (await store.stat("raw/1")).size_bytes == len(self._whole)
            return
        offset = sum(part.size_bytes for part in parts)
        assert offset >= self._acknowledged
        number = max((part.number for part in parts), default=0)
        while offset < len(self._whole):
            size = self._sizes[number % len(self._sizes)]
            number += 1
            part = await store.put_part(identifier, number, chunks(self._whole[offset : offset + size]))
            offset += part.size_bytes
            self._acknowledged = offset
        await store.complete(identifier, await store.list_parts(identifier))

    async def _verify(self, store: Any, identifier: str) -> None:
        assert b"".join([block async for block in store.get("raw/1")]) == self._whole
        with pytest.raises(NoSuchObject):
            await store.list_parts(identifier)
        # What a crash between joining and tidying left is for the sweep.
        await store.sweep((await store.stat("raw/1")).modified_at_ms + 3_600_000, 10)
        client = store._client
        assert "Contents" not in await client.call("list_objects_v2", Prefix=PRIVATE)
        assert "Uploads" not in await client.call("list_multipart_uploads")


SIZES = st.lists(st.sampled_from([1, 1000, MIB, 3 * MIB, 5 * MIB - 1, 5 * MIB, 6 * MIB]), min_size=1, max_size=5)
DEATHS = st.lists(st.tuples(st.integers(1, 14), st.booleans()), max_size=4)


@given(SIZES, DEATHS)
@settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_whatever_the_parts_and_wherever_the_process_dies_the_bytes_are_the_same(s3, sizes, deaths):
    async def upload() -> None:
        url = s3.url(f"crash-{uuid.uuid4().hex}")
        await prepare_objects(url)
        await Sender(url, sizes, list(deaths)).run()

    asyncio.run(upload())


@pytest.mark.parametrize("answered", [False, True], ids=["before it is sent", "after its answer"])
async def test_a_process_may_die_at_each_single_request(s3, answered):
    died, request = True, 0
    while died:
        request += 1
        url = s3.url(f"crash-{uuid.uuid4().hex}")
        await prepare_objects(url)
        died = await Sender(url, [1000, 5 * MIB, 9], [(request, answered)]).run()
    assert request > 15
