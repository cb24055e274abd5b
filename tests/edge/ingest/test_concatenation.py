"""tus concatenation against origin's own use cases: parts that are joined in order into one clip and one video."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from origin.objects.base import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import Answered, World
    from origins import Origin

TUS = {"Tus-Resumable": "1.0.0"}
OCTETS = {**TUS, "Content-Type": "application/offset+octet-stream"}
CLIP = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * 40
COLLECTION = "/v1/uploads"


@pytest.fixture
def joining(world: World, origin: Origin) -> World:
    return world.remade(catalog=origin.uploads)


async def piece(world: World, body: bytes, length: int | None = None) -> str:
    size = {"Upload-Length": str(len(body) if length is None else length)}
    answer = await world.ask("POST", COLLECTION, {**OCTETS, **size, "Upload-Concat": "partial"}, body)
    assert answer.status == 201, answer.body
    return answer.headers["location"]


async def join(world: World, *pieces: str, **more: str) -> Answered:
    return await world.ask("POST", COLLECTION, {**TUS, "Upload-Concat": f"final;{' '.join(pieces)}", **more})


def code(answer: Answered) -> str:
    return str(json.loads(answer.body)["code"])


async def test_pieces_are_joined_in_the_order_named(joining: World, origin: Origin) -> None:
    second, first = await piece(joining, CLIP[5000:]), await piece(joining, CLIP[:5000])
    head = await joining.ask("HEAD", second, TUS)
    assert head.headers["upload-concat"] == "partial"
    assert "reelway-video-id" not in head.headers
    made = await join(joining, f"https://localhost:8443{first}", second, **{"Upload-Metadata": "filename YQ=="})
    assert made.status == 201
    head = await joining.ask("HEAD", made.headers["location"], TUS)
    assert head.headers["upload-offset"] == head.headers["upload-length"] == str(len(CLIP))
    assert head.headers["upload-concat"] == f"final;{first} {second}"
    assert head.headers["upload-metadata"] == "filename YQ=="
    assert await origin.the_one_clip() == CLIP
    assert [event.video_id for event in await origin.events()] == [int(made.headers["reelway-video-id"])]


async def test_a_piece_may_come_twice_and_the_pieces_are_gone_once_joined(joining: World, origin: Origin) -> None:
    first, again = await piece(joining, CLIP[:16]), await piece(joining, b"again")
    assert (await join(joining, first, again, again)).status == 201
    assert await origin.the_one_clip() == CLIP[:16] + b"againagain"
    assert (await joining.ask("HEAD", again, TUS)).status == 404
    assert [key.partition("/")[0] for key in await origin.stored_keys()] == ["raw"]


async def test_a_final_upload_made_before_its_pieces_are_whole_is_joined_with_the_last_byte(
    joining: World, origin: Origin
) -> None:
    first, second = await piece(joining, CLIP[:100], 5000), await piece(joining, CLIP[5000:])
    made = await join(joining, first, second)
    where = made.headers["location"]
    head = await joining.ask("HEAD", where, TUS)
    assert (head.status, head.headers["upload-length"]) == (200, str(len(CLIP)))
    assert "upload-offset" not in head.headers
    assert (await joining.ask("PATCH", where, {**OCTETS, "Upload-Offset": "0"}, b"x")).status == 403
    assert await origin.events() == []
    assert (await joining.ask("PATCH", first, {**OCTETS, "Upload-Offset": "100"}, CLIP[100:5000])).status == 204
    assert await origin.the_one_clip() == CLIP
    head = await joining.ask("HEAD", where, TUS)
    assert head.headers["upload-offset"] == str(len(CLIP))
    assert (await joining.ask("PATCH", where, {**OCTETS, "Upload-Offset": str(len(CLIP))}, b"x")).status == 403


async def test_a_final_upload_whose_piece_was_ended_can_still_be_asked_about_and_ended(
    joining: World, origin: Origin
) -> None:
    first, second = await piece(joining, CLIP[:5000]), await piece(joining, b"", 100)
    where = (await join(joining, first, second)).headers["location"]
    assert (await joining.ask("DELETE", second, TUS)).status == 204
    head = await joining.ask("HEAD", where, TUS)
    assert head.status == 200
    assert "upload-offset" not in head.headers
    assert (await joining.ask("DELETE", where, TUS)).status == 204
    assert (await joining.ask("HEAD", where, TUS)).status == 404
    assert await origin.events() == []


class Unreadable:
    """An object store that gives no bytes."""

    def __init__(self, objects: Any) -> None:
        self._objects = objects

    def __getattr__(self, name: str) -> Any:
        return getattr(self._objects, name)

    async def get(self, *_: Any) -> AsyncIterator[bytes]:
        raise StoreUnavailable("away")
        yield b""


async def test_deleting_a_final_upload_that_could_be_joined_now_makes_no_video_of_it(
    joining: World, origin: Origin
) -> None:
    away = joining.remade(objects=Unreadable(joining.objects), catalog=origin.uploads)
    first, second = await piece(away, CLIP[:5000]), await piece(away, b"", len(CLIP) - 5000)
    where = (await join(away, first, second)).headers["location"]
    assert (await away.ask("PATCH", second, {**OCTETS, "Upload-Offset": "0"}, CLIP[5000:])).status == 204
    assert (await joining.ask("DELETE", where, TUS)).status == 204
    assert (await joining.ask("HEAD", where, TUS)).status == 404
    assert await origin.events() == []


async def test_waiting_final_uploads_are_bounded_like_all_others(joining: World, origin: Origin) -> None:
    first, second = await piece(joining, CLIP[:5000]), await piece(joining, b"", 100)
    statuses = [(await join(joining, first, *[second] * count)).status for count in range(1, 5)]
    assert statuses == [201, 201, 201, 429]


async def test_a_client_that_lost_the_answer_gets_the_same_final_upload(joining: World, origin: Origin) -> None:
    pieces = [await piece(joining, CLIP[:5000]), await piece(joining, CLIP[5000:])]
    one, other = await join(joining, *pieces), await join(joining, *pieces)
    assert one.headers["location"] == other.headers["location"]
    assert await origin.the_one_clip() == CLIP


async def test_what_is_no_piece_of_ones_own_is_not_joined(joining: World, origin: Origin) -> None:
    mine, whole = (
        await piece(joining, CLIP[:5000]),
        await joining.ask("POST", COLLECTION, {**TUS, "Upload-Length": "5"}),
    )
    for named in ("/v1/uploads/1", whole.headers["location"]):
        answer = await join(joining, mine, named)
        assert (answer.status, code(answer)) == (400, "unknown_partial_upload")
    stranger = await joining.ask("POST", COLLECTION, {**TUS, "Upload-Concat": f"final;{mine}"}, user_id=8)
    assert (stranger.status, code(stranger)) == (400, "unknown_partial_upload")
    for bad in ("final", "final;", "final;/elsewhere/1", "final;../../etc/passwd", "whole", f"final;{mine}/"):
        assert (await joining.ask("POST", COLLECTION, {**TUS, "Upload-Concat": bad})).status == 400, bad
    told = await join(joining, mine, **{"Upload-Length": "5000"})
    assert (told.status, code(told)) == (400, "bad_header")
    assert await origin.events() == []


async def test_pieces_that_are_too_large_together_are_refused_before_they_are_copied(
    joining: World, origin: Origin
) -> None:
    small = joining.remade(catalog=origin.uploads, max_bytes=6000)
    pieces = [await piece(small, CLIP[:5000]), await piece(small, CLIP[5000:9000])]
    answer = await join(small, *pieces)
    assert (answer.status, code(answer)) == (413, "upload_too_large")


async def test_pieces_that_grow_too_large_together_are_refused_before_they_are_copied(
    joining: World, origin: Origin
) -> None:
    small = joining.remade(catalog=origin.uploads, max_bytes=6000)
    fields = {**OCTETS, "Upload-Defer-Length": "1", "Upload-Concat": "partial"}
    grows = (await small.ask("POST", COLLECTION, fields, CLIP[:100])).headers["location"]
    final = (await join(small, grows, grows)).headers["location"]
    rest = {**OCTETS, "Upload-Offset": "100", "Upload-Length": "4000"}
    assert (await small.ask("PATCH", grows, rest, CLIP[100:4000])).status == 204
    assert (await small.ask("HEAD", final, TUS)).status == 404
    assert await origin.events() == []
    assert [key.partition("/")[0] for key in await origin.stored_keys()] == ["partial"]


async def test_a_final_upload_that_is_no_clip_spoils_neither_its_pieces_nor_others_that_wait(
    joining: World, origin: Origin
) -> None:
    first, second = await piece(joining, CLIP[:5000]), await piece(joining, CLIP[5000:6000], len(CLIP) - 5000)
    wrong, right = [(await join(joining, *pieces)).headers["location"] for pieces in ((second, first), (first, second))]
    assert (await joining.ask("PATCH", second, {**OCTETS, "Upload-Offset": "1000"}, CLIP[6000:])).status == 204
    assert (await joining.ask("HEAD", wrong, TUS)).status == 404
    assert (await joining.ask("HEAD", right, TUS)).headers["upload-offset"] == str(len(CLIP))
    assert await origin.the_one_clip() == CLIP


async def test_what_was_joined_to_no_clip_is_refused_and_ended(joining: World, origin: Origin) -> None:
    picture = await piece(joining, b"\x89PNG\r\n\x1a\n" + bytes(100))
    answer = await join(joining, picture)
    assert (answer.status, code(answer)) == (415, "not_a_video")
    assert await origin.events() == []
    assert not [key for key in await origin.stored_keys() if key.startswith("raw/")]


async def test_the_pieces_of_several_requests_at_once_are_joined_once(joining: World, origin: Origin) -> None:
    bodies = [CLIP[:3000], CLIP[3000:6000], CLIP[6000:]]
    pieces = [await piece(joining, b"", len(body)) for body in bodies]
    made = await join(joining, *pieces)

    async def send(where: str, body: bytes) -> None:
        answer = await joining.ask("PATCH", where, {**OCTETS, "Upload-Offset": "0"}, body)
        assert answer.status == 204

    await asyncio.gather(*(send(where, body) for where, body in zip(pieces, bodies, strict=True)))
    assert (await joining.ask("HEAD", made.headers["location"], TUS)).headers["upload-offset"] == str(len(CLIP))
    assert await origin.the_one_clip() == CLIP


async def test_stored_pieces_count_as_unfinished_bytes(joining: World, origin: Origin) -> None:
    tight = joining.remade(catalog=origin.uploads, unfinished_bytes=len(CLIP) + 10)
    await piece(tight, CLIP)
    answer = await tight.ask("POST", COLLECTION, {**TUS, "Upload-Length": "11"})
    assert (answer.status, code(answer)) == (429, "too_many_unfinished_bytes")
    assert (await tight.ask("POST", COLLECTION, {**TUS, "Upload-Length": "10"})).status == 201


async def test_a_whole_that_is_not_what_its_digest_says_never_becomes_a_video(joining: World, origin: Origin) -> None:
    wrong = "sha-256=:" + "A" * 43 + "=:"
    fields = {**OCTETS, "Upload-Length": str(len(CLIP)), "Repr-Digest": wrong}
    answer = await joining.ask("POST", COLLECTION, fields, CLIP)
    assert (answer.status, code(answer)) == (400, "digest_mismatch")
    assert await origin.events() == []
    assert await origin.stored_keys() == []
