"""Interop version 3 of the IETF draft, which iOS 17 speaks: the inverse field, other answers, no progress."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import World

CLIP = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * 40
COLLECTION = "/v1/uploads"
V3 = {"Upload-Draft-Interop-Version": "3"}
LAST, MORE = {**V3, "Upload-Incomplete": "?0"}, {**V3, "Upload-Incomplete": "?1"}


async def test_a_whole_upload_is_told_where_it_can_be_resumed_and_no_progress(world: World) -> None:
    answer = await world.ask("POST", COLLECTION, LAST, CLIP, interim=True)
    assert answer.status == 201
    assert answer.headers["upload-incomplete"] == "?0"
    assert "upload-complete" not in answer.headers
    assert "upload-limit" not in answer.headers
    ((status, fields),) = answer.interim
    assert (status, fields["location"]) == (104, answer.headers["location"])
    assert fields["upload-draft-interop-version"] == "3"
    assert {"upload-offset", "upload-limit", "upload-complete"}.isdisjoint(fields)
    assert await world.stored(1000) == CLIP


async def test_a_dropped_upload_is_asked_for_its_offset_and_goes_on(world: World) -> None:
    dropped = await world.ask("POST", COLLECTION, LAST, [CLIP[:5000]], cut_off=True, interim=True)
    where = dropped.interim[0][1]["location"]
    head = await world.ask("HEAD", where, V3)
    assert (head.status, head.headers["upload-offset"], head.headers["upload-incomplete"]) == (204, "5000", "?1")
    assert head.headers["cache-control"] == "no-store"
    one = await world.ask("PATCH", where, {**MORE, "Upload-Offset": "5000"}, CLIP[5000:6000])
    assert (one.status, one.headers["upload-incomplete"], one.headers["upload-offset"]) == (201, "?1", "6000")
    last = await world.ask("PATCH", where, {**V3, "Upload-Offset": "6000"}, CLIP[6000:])
    assert last.status == 200
    assert last.headers.get("upload-incomplete") != "?1"
    assert json.loads(last.body) == {"video_id": "2000"}
    assert await world.stored(1000) == CLIP


async def test_a_wrong_offset_is_told_the_right_one(world: World) -> None:
    made = await world.ask("POST", COLLECTION, MORE, CLIP[:100])
    assert (made.status, made.headers["upload-incomplete"]) == (201, "?1")
    answer = await world.ask("PATCH", made.headers["location"], {**V3, "Upload-Offset": "7"}, b"x")
    assert (answer.status, answer.headers["upload-offset"]) == (409, "100")


@pytest.mark.parametrize("name", ["Upload-Offset", "Upload-Incomplete"])
@pytest.mark.parametrize("method", ["HEAD", "DELETE"])
async def test_asking_and_cancelling_carry_no_state(world: World, method: str, name: str) -> None:
    made = await world.ask("POST", COLLECTION, MORE, CLIP[:100])
    value = "0" if name == "Upload-Offset" else "?1"
    assert (await world.ask(method, made.headers["location"], {**V3, name: value})).status == 400


async def test_cancelling_is_answered_with_nothing(world: World) -> None:
    made = await world.ask("POST", COLLECTION, MORE, CLIP[:100])
    assert (await world.ask("DELETE", made.headers["location"], V3)).status == 204
    assert (await world.ask("HEAD", made.headers["location"], V3)).status == 404


@pytest.mark.parametrize("value", ["", "0", "?2", "true"])
async def test_a_creation_says_whether_it_is_the_whole(world: World, value: str) -> None:
    fields = {**V3, **({"Upload-Incomplete": value} if value else {})}
    assert (await world.ask("POST", COLLECTION, fields, CLIP)).status == 400


async def test_an_upload_of_one_version_goes_on_in_another_and_in_tus(world: World) -> None:
    where = (await world.ask("POST", COLLECTION, MORE, CLIP[:100])).headers["location"]
    tus = {"Tus-Resumable": "1.0.0"}
    assert (await world.ask("HEAD", where, tus)).headers["upload-offset"] == "100"
    octets = {**tus, "Content-Type": "application/offset+octet-stream", "Upload-Offset": "100"}
    assert (await world.ask("PATCH", where, octets, CLIP[100:200])).status == 204
    eight = {"Upload-Draft-Interop-Version": "8", "Content-Type": "application/partial-upload"}
    last = await world.ask("PATCH", where, {**eight, "Upload-Offset": "200", "Upload-Complete": "?1"}, CLIP[200:])
    assert last.status == 200
    assert (await world.ask("HEAD", where, V3)).headers["upload-incomplete"] == "?0"
    assert await world.stored(1000) == CLIP
