"""Sweepers beside uploaders: uploads that expire while they are being sent are told so and leave nothing, all others
are whole. The gateways, and the origins that sweep, share the stores and know nothing of each other."""

from __future__ import annotations

import asyncio
import json
import random
from typing import TYPE_CHECKING, Any

import pytest

from origin.metadata.base import NotFound
from origin.model import VideoStatus
from origin.reconciling import Reconciler
from origin.uploads import Uploads

if TYPE_CHECKING:
    from conftest import Answered, World
    from origins import Origin

TUS = {"Tus-Resumable": "1.0.0"}
OCTETS = {**TUS, "Content-Type": "application/offset+octet-stream"}
CLIP = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * 40
COLLECTION = "/v1/uploads"
GONE = {404, 410}


@pytest.fixture
def sending(world: World, origin: Origin) -> World:
    return world.remade(catalog=origin.uploads)


def sweeper(origin: Origin, world: World, ids: Any = None) -> Reconciler:
    uploads = Uploads(origin.metadata, origin.objects, origin.log, world.clock, lambda: next(ids))
    return Reconciler(uploads, origin.metadata, world.clock)


async def test_an_upload_that_is_swept_under_an_append_is_told_so_and_leaves_nothing(
    sending: World, origin: Origin
) -> None:
    made = await sending.ask("POST", COLLECTION, {**TUS, "Upload-Length": str(len(CLIP))})
    blocks = [CLIP[start : start + 1024] for start in range(0, len(CLIP), 1024)]

    async def receive() -> dict[str, Any]:
        if len(blocks) == 4:
            sending.clock.now_ms += 2 * 86_400_000
            await sweeper(origin, sending).once(thorough=True)
        block = blocks.pop(0)
        return {"type": "http.request", "body": block, "more_body": bool(blocks)}

    fields = {**OCTETS, "Upload-Offset": "0", "Authorization": f"Bearer {sending.token()}"}
    answer = await sending.exchange("PATCH", made.headers["location"], fields, receive)
    assert (answer.status, json.loads(answer.body)["code"]) == (404, "not_found")
    assert answer.headers["tus-resumable"] == "1.0.0"
    assert await origin.stored_keys() == []
    assert await origin.events() == []


async def in_pieces(world: World, where: str, chance: random.Random) -> int:
    """Send a clip by appends of any size until it is whole or gone; the last status."""
    offset = 0
    while offset < len(CLIP):
        size = chance.randint(1, 6000)
        fields = {**OCTETS, "Upload-Offset": str(offset)}
        answer: Answered = await world.ask("PATCH", where, fields, CLIP[offset : offset + size])
        if answer.status != 204:
            return answer.status
        offset = int(answer.headers["upload-offset"])
        for _ in range(chance.randint(0, 20)):
            await asyncio.sleep(0)
    return answer.status


async def test_sweepers_and_uploaders_at_once_leave_whole_clips_and_nothing_else(
    sending: World, origin: Origin
) -> None:
    kept = set[str]()
    for seed in range(8):
        chance = random.Random(seed)
        made = [
            await sending.ask("POST", COLLECTION, {**TUS, "Upload-Length": str(len(CLIP))}, user_id=7) for _ in range(4)
        ]
        sweepers = [sweeper(origin, sending) for _ in range(2)]

        async def sweep(each: Reconciler, chance: random.Random = chance) -> None:
            for _ in range(6):
                await asyncio.sleep(chance.uniform(0, 0.02))
                await each.once(thorough=chance.random() < 0.5)

        async def expire(chance: random.Random = chance) -> None:
            await asyncio.sleep(chance.uniform(0, 0.1))
            sending.clock.now_ms += 86_400_000

        statuses, *_ = await asyncio.gather(
            asyncio.gather(*(in_pieces(sending, each.headers["location"], chance) for each in made)),
            expire(),
            *(sweep(each) for each in sweepers),
        )
        await sweepers[0].once(thorough=True)
        for answer, status in zip(made, statuses, strict=True):
            assert status in {204, *GONE}, seed
            video_id = int(answer.headers["reelway-video-id"])
            told = [event for event in await origin.events() if event.video_id == video_id]
            video = await origin.metadata.video(video_id)
            if status == 204:
                assert video.status is VideoStatus.QUEUED, seed
            else:
                with pytest.raises(NotFound):
                    await origin.uploads.find(int(answer.headers["location"].rpartition("/")[2]))
            if video.status is VideoStatus.QUEUED:
                (event,) = told
                assert b"".join([b async for b in origin.objects.get(event.raw_s3_path)]) == CLIP, seed
                kept.add(event.raw_s3_path)
            else:
                assert video.status is VideoStatus.DELETED, seed
        assert set(await origin.stored_keys()) == kept, seed
        assert await origin.uploads.live_by(7) == []
