"""Uploads straight to a real S3 server: presigned parts, gone on with after a break, judged at the end."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from edge.ingest.direct import create_direct
from origin import direct
from origin.objects import open_objects, prepare_objects
from origin.reconciling import Reconciler
from tests.edge.ingest.conftest import make_world
from tests.edge.ingest.origins import Origin

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Answered, World

pytestmark = pytest.mark.slow
CLIP = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * 70_000
DIRECT = "/v1/uploads/direct"
JSON = {"Content-Type": "application/json"}


@dataclass
class Store:
    world: World
    origin: Origin

    async def begin(self, body: bytes = CLIP, **more: str) -> Any:
        answer = await self.post(DIRECT, {"length": len(body), **more})
        assert answer.status == 201, answer.body
        assert answer.headers["location"] == f"/v1/uploads/{json.loads(answer.body)['upload_id']}"
        return json.loads(answer.body)

    async def post(self, path: str, document: Any = None, user_id: int = 7) -> Answered:
        body = json.dumps(document or {}).encode()
        return await self.world.ask("POST", path, JSON, body, user_id=user_id, stays=True)

    async def standing(self, begun: Any) -> Any:
        answer = await self.world.ask("GET", f"/v1/uploads/{begun['upload_id']}/parts", stays=True)
        assert answer.status == 200
        return json.loads(answer.body)

    async def complete(self, begun: Any, user_id: int = 7) -> Answered:
        return await self.post(f"/v1/uploads/{begun['upload_id']}/complete", user_id=user_id)


async def send(begun: Any, body: bytes, *numbers: int) -> None:
    """As any HTTP client would."""
    async with httpx.AsyncClient() as client:
        for part in begun["parts"]:
            if not numbers or part["number"] in numbers:
                content = body[part["offset"] : part["offset"] + part["size_bytes"]]
                answer = await client.request(part["method"], part["url"], headers=part["headers"], content=content)
                assert answer.status_code == 200, answer.text


def code(answer: Answered) -> str:
    return str(json.loads(answer.body)["code"])


@pytest.fixture
async def store(s3: Any, tmp_path: Path) -> AsyncIterator[Store]:
    url = s3.url(f"direct-{uuid.uuid4().hex}")
    await prepare_objects(url)
    objects = open_objects(url)
    clock = make_world(objects, tmp_path).clock
    origin = Origin.on(objects, clock)
    yield Store(make_world(objects, tmp_path, origin.uploads, direct=create_direct, max_bytes=64 << 20), origin)
    await origin.close()
    await objects.close()


async def test_parts_go_to_the_store_in_any_order_and_become_one_video(store: Store) -> None:
    digest = base64.b64encode(hashlib.sha256(CLIP).digest()).decode()
    begun = await store.begin(description="#sea", repr_digest=f"sha-256=:{digest}:")
    assert [part["size_bytes"] for part in begun["parts"]] == direct.sizes(len(CLIP), begun["part_bytes"])
    await asyncio.gather(*(send(begun, CLIP, part["number"]) for part in reversed(begun["parts"])))
    answers = await asyncio.gather(store.complete(begun), store.complete(begun))
    assert [json.loads(each.body) for each in answers] == [{"video_id": begun["video_id"]}] * 2
    assert await store.origin.the_one_clip() == CLIP


async def test_after_a_break_only_what_is_missing_is_sent(store: Store) -> None:
    begun = await store.begin()
    await send(begun, CLIP, 1, 3)
    early = await store.complete(begun)
    assert (early.status, code(early)) == (409, "upload_incomplete")
    assert "part 2" in json.loads(early.body)["detail"]
    left = await store.standing(begun)
    assert [part["number"] for part in left["stored"]] == [1, 3]
    assert [part["number"] for part in left["parts"]] == [2]
    await send(left, CLIP)
    assert (await store.complete(begun)).status == 200
    done = await store.standing(begun)
    assert (len(done["stored"]), done["parts"]) == (3, [])
    assert await store.origin.the_one_clip() == CLIP


async def test_a_stolen_address_is_of_no_use_to_another_user(store: Store) -> None:
    begun = await store.begin()
    for answer in (
        await store.complete(begun, user_id=8),
        await store.world.ask("GET", f"/v1/uploads/{begun['upload_id']}/parts", user_id=8, stays=True),
        await store.world.ask("DELETE", f"/v1/uploads/{begun['upload_id']}", user_id=8),
    ):
        assert (answer.status, code(answer)) == (403, "not_your_upload")


async def test_no_part_may_be_larger_than_agreed(store: Store) -> None:
    begun = await store.begin()
    part = begun["parts"][-1]
    async with httpx.AsyncClient() as client:
        answer = await client.put(part["url"], content=CLIP[: part["size_bytes"] + 1])
    assert answer.status_code >= 400
    assert (await store.standing(begun))["stored"] == []


@pytest.mark.parametrize(
    ("body", "digest", "status", "problem"),
    [(b"\x89PNG" + bytes(1000), "", 415, "not_a_video"), (CLIP, f"sha-256=:{'A' * 43}=:", 400, "digest_mismatch")],
)
async def test_what_is_not_what_it_should_be_is_refused_and_removed(
    store: Store, body: bytes, digest: str, status: int, problem: str
) -> None:
    begun = await store.begin(body, repr_digest=digest)
    await send(begun, body)
    answer = await store.complete(begun)
    assert (answer.status, code(answer)) == (status, problem)
    assert await store.origin.stored_keys() == []
    assert await store.origin.events() == []
    assert (await store.complete(begun)).status == 404


async def test_a_cancelled_upload_takes_no_more_parts(store: Store) -> None:
    begun = await store.begin()
    await send(begun, CLIP, 1)
    assert (await store.world.ask("DELETE", f"/v1/uploads/{begun['upload_id']}")).status == 204
    part = begun["parts"][1]
    content = CLIP[part["offset"] : part["offset"] + part["size_bytes"]]
    # The store may break the connection on a body that it does not want.
    with contextlib.suppress(httpx.TransportError):
        async with httpx.AsyncClient() as client:
            assert (await client.put(part["url"], content=content)).status_code == 404
    assert await store.origin.stored_keys() == []
    assert (await store.complete(begun)).status == 404


async def test_an_expired_upload_is_refused_and_swept_with_its_parts_by_several_at_once(store: Store) -> None:
    begun = await store.begin()
    await send(begun, CLIP, 1, 3)
    store.world.clock.now_ms += 86_400_000
    late = await store.complete(begun)
    asked = await store.world.ask("GET", f"/v1/uploads/{begun['upload_id']}/parts", stays=True)
    assert [(each.status, code(each)) for each in (late, asked)] == [(410, "upload_expired")] * 2
    origin = store.origin
    sweepers = [Reconciler(origin.uploads, origin.metadata, store.world.clock) for _ in range(3)]
    done = await asyncio.gather(*(each.once(thorough=True) for each in sweepers))
    assert [each.failed for each in done] == [0, 0, 0]
    assert (await store.complete(begun)).status == 404
    # The store may break the connection on a body that it does not want.
    with contextlib.suppress(httpx.TransportError):
        part = begun["parts"][0]
        async with httpx.AsyncClient() as client:
            answer = await client.put(part["url"], content=CLIP[: part["size_bytes"]])
            assert answer.status_code == 404
    assert await origin.stored_keys() == []


async def test_malformed_and_too_large_wishes_are_refused(store: Store) -> None:
    for document, status in (({}, 400), ({"length": 0}, 400), ({"length": True}, 400), ({"length": 65 << 20}, 413)):
        assert (await store.post(DIRECT, document)).status == status
    assert (await store.post(DIRECT, {"length": 5, "repr_digest": "md5"})).status == 400
    tus = await store.world.ask("POST", "/v1/uploads", {"Tus-Resumable": "1.0.0", "Upload-Length": "5"})
    answer = await store.post(f"{tus.headers['location']}/complete")
    assert (answer.status, code(answer)) == (409, "not_a_direct_upload")


async def test_bytes_are_not_appended_to_a_direct_upload(store: Store) -> None:
    begun = await store.begin()
    fields = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
    answer = await store.world.ask("PATCH", f"/v1/uploads/{begun['upload_id']}", fields, CLIP[:10])
    assert (answer.status, code(answer)) == (403, "direct_upload")
