"""The IETF resumable upload against the ingest: scripted conversations of its versions, on a real object store."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Answered, World

CLIP = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * 40
COLLECTION = "/v1/uploads"
WHOLE, MORE = {"Upload-Complete": "?1"}, {"Upload-Complete": "?0"}
PARTIAL = {"Content-Type": "application/partial-upload"}


def speaking(version: int) -> dict[str, str]:
    return {"Upload-Draft-Interop-Version": str(version)}


def append(offset: int, fields: dict[str, str]) -> dict[str, str]:
    return {**PARTIAL, "Upload-Offset": str(offset), **fields}


def kind(answer: Answered) -> str:
    return str(json.loads(answer.body)["type"]).partition("#")[2]


@pytest.mark.parametrize("version", [5, 6, 7, 8])
async def test_a_whole_upload_in_one_request_is_announced_and_tells_its_progress(world: World, version: int) -> None:
    fields = {**WHOLE, **speaking(version), "Upload-Length": str(len(CLIP)), "Reelway-Description": "Gr%C3%B6%C3%9Fe"}
    answer = await world.ask("POST", COLLECTION, fields, CLIP, interim=True)
    assert (answer.status, answer.headers["upload-complete"]) == (201, "?1")
    assert json.loads(answer.body) == {"video_id": "2000"}
    (first_status, first), *later = answer.interim
    assert (first_status, first["location"]) == (104, answer.headers["location"])
    assert first["upload-draft-interop-version"] == str(version)
    assert ("upload-limit" in first) == (version > 5)
    assert [each["upload-offset"] for _, each in later] == ["4096", "8192", str(len(CLIP))]
    assert all("location" not in each for _, each in later)
    assert await world.stored(1000) == CLIP
    assert world.catalog.announced == [1000]
    assert world.catalog.descriptions[1000] == "Größe"


@pytest.mark.parametrize("version", [None, 9])
async def test_no_interim_answer_goes_to_a_client_of_no_or_another_version(world: World, version: int | None) -> None:
    fields = {**WHOLE, **(speaking(version) if version else {})}
    answer = await world.ask("POST", COLLECTION, fields, CLIP, interim=True)
    assert (answer.status, answer.interim) == (201, [])


async def test_no_interim_answer_goes_through_a_server_that_cannot_send_it(world: World) -> None:
    answer = await world.ask("POST", COLLECTION, {**WHOLE, **speaking(8)}, CLIP)
    assert (answer.status, answer.interim) == (201, [])


async def test_a_dropped_upload_goes_on_where_it_stopped(world: World) -> None:
    fields = {**WHOLE, **speaking(8), "Upload-Length": str(len(CLIP))}
    dropped = await world.ask("POST", COLLECTION, fields, [CLIP[:5000]], cut_off=True, interim=True)
    where = dropped.interim[0][1]["location"]
    head = await world.ask("HEAD", where, speaking(8))
    assert head.status == 204
    assert head.headers["upload-complete"] == "?0"
    assert head.headers["upload-offset"] == "5000"
    assert head.headers["upload-length"] == str(len(CLIP))
    assert head.headers["upload-limit"] == "max-size=1048576, max-age=86400"
    assert head.headers["cache-control"] == "no-store"
    rest = await world.ask("PATCH", where, append(5000, {**WHOLE, **speaking(8)}), CLIP[5000:])
    assert (rest.status, rest.headers["upload-complete"]) == (200, "?1")
    assert await world.stored(1000) == CLIP


async def test_the_lifetime_is_called_expires_in_version_6(world: World) -> None:
    made = await world.ask("POST", COLLECTION, {**MORE, **speaking(6)}, b"")
    head = await world.ask("HEAD", made.headers["location"], speaking(6))
    assert head.headers["upload-limit"] == "max-size=1048576, expires=86400"


async def test_a_careful_creation_then_several_appends(world: World) -> None:
    made = await world.ask("POST", COLLECTION, MORE, b"")
    assert (made.status, made.headers["upload-complete"], made.headers["upload-offset"]) == (201, "?0", "0")
    where = made.headers["location"]
    one = await world.ask("PATCH", where, append(0, MORE), CLIP[:3])
    assert (one.status, one.headers["upload-offset"]) == (204, "3")
    two = await world.ask("PATCH", where, append(3, MORE), CLIP[3:])
    assert (two.status, two.headers["upload-complete"]) == (204, "?0")
    assert world.catalog.announced == []
    end = await world.ask("PATCH", where, append(len(CLIP), WHOLE), b"")
    assert (end.status, end.headers["upload-complete"]) == (200, "?1")
    again = await world.ask("PATCH", where, append(len(CLIP), WHOLE), b"")
    assert (again.status, json.loads(again.body)) == (200, {"video_id": "2000"})
    assert world.catalog.announced == [1000]
    assert await world.stored(1000) == CLIP


async def test_a_body_of_unknown_length_makes_the_length_at_its_end(world: World) -> None:
    answer = await world.ask("POST", COLLECTION, WHOLE, [CLIP[:10], CLIP[10:]])
    assert answer.status == 201
    assert world.catalog.tickets[1000].length == len(CLIP)


async def test_a_wrong_offset_is_told_the_right_one(world: World) -> None:
    made = await world.ask("POST", COLLECTION, MORE, CLIP[:100])
    answer = await world.ask("PATCH", made.headers["location"], append(40, MORE), CLIP[40:])
    assert (answer.status, answer.headers["upload-complete"], answer.headers["upload-offset"]) == (409, "?0", "100")
    document = json.loads(answer.body)
    assert document["type"] == "https://iana.org/assignments/http-problem-types#mismatching-upload-offset"
    assert (document["expected-offset"], document["provided-offset"]) == (100, 40)


async def test_lengths_that_do_not_agree_are_refused(world: World) -> None:
    told = await world.ask("POST", COLLECTION, {**WHOLE, "Upload-Length": "5"}, CLIP)
    assert (told.status, kind(told)) == (400, "inconsistent-upload-length")
    made = await world.ask("POST", COLLECTION, {**MORE, "Upload-Length": str(len(CLIP))}, CLIP[:100])
    where = made.headers["location"]
    changed = await world.ask("PATCH", where, append(100, {**MORE, "Upload-Length": "101"}), b"x")
    assert (changed.status, kind(changed)) == (400, "inconsistent-upload-length")
    short = await world.ask("PATCH", where, append(100, WHOLE), [CLIP[100:200]])
    assert (short.status, kind(short)) == (400, "inconsistent-upload-length")
    assert world.catalog.announced == []
    over = await world.ask("PATCH", where, append(200, MORE), [CLIP[200:], b"x"])
    assert (over.status, kind(over)) == (400, "inconsistent-upload-length")
    assert (await world.ask("HEAD", where)).status == 404


async def test_appends_need_the_media_type_from_version_6_on(world: World) -> None:
    made = await world.ask("POST", COLLECTION, {**MORE, **speaking(5)}, CLIP[:100])
    where = made.headers["location"]
    bare = {"Upload-Offset": "100", **MORE}
    assert (await world.ask("PATCH", where, {**bare, **speaking(5)}, b"a")).status == 204
    refused = await world.ask("PATCH", where, {**bare, "Upload-Offset": "101", **speaking(6)}, b"a")
    assert (refused.status, refused.headers["accept-patch"]) == (415, "application/partial-upload")


async def test_head_and_delete_must_not_carry_offsets_up_to_version_6(world: World) -> None:
    made = await world.ask("POST", COLLECTION, MORE, CLIP[:100])
    where = made.headers["location"]
    for method in ("HEAD", "DELETE"):
        assert (await world.ask(method, where, {**speaking(6), "Upload-Offset": "0"})).status == 400
    assert (await world.ask("HEAD", where, {**speaking(7), "Upload-Offset": "0"})).status == 204


async def test_delete_cancels(world: World) -> None:
    made = await world.ask("POST", COLLECTION, MORE, CLIP[:100])
    assert (await world.ask("DELETE", made.headers["location"])).status == 204
    assert (await world.ask("HEAD", made.headers["location"])).status == 404


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 400),
        ({"Upload-Complete": "1"}, 400),
        ({**WHOLE, "Upload-Draft-Interop-Version": "4"}, 400),
        ({**WHOLE, "Upload-Draft-Interop-Version": "eight"}, 400),
        ({**MORE, "Upload-Length": "-1"}, 400),
        ({**MORE, "Upload-Length": "1048577"}, 413),
        ({**WHOLE, "Reelway-Description": "%ff"}, 400),
        ({**WHOLE, "Reelway-Description": "a" * 2201}, 400),
    ],
)
async def test_a_malformed_creation_is_refused(world: World, fields: dict[str, str], status: int) -> None:
    answer = await world.ask("POST", COLLECTION, fields, CLIP[:100])
    assert answer.status == status, answer.body
    assert world.catalog.tickets == {}


async def test_an_empty_upload_is_refused(world: World) -> None:
    assert (await world.ask("POST", COLLECTION, WHOLE, b"")).status == 400
    assert (await world.ask("POST", COLLECTION, WHOLE, [b"", b""])).status == 400
    assert world.catalog.tickets == {}


async def test_options_tells_the_limits(world: World) -> None:
    assert (await world.ask("OPTIONS", COLLECTION)).headers["upload-limit"] == "max-size=1048576"


async def test_what_is_no_video_is_refused_even_when_cut_within_its_first_bytes(world: World) -> None:
    made = await world.ask("POST", COLLECTION, MORE, b"\x00\x00\x00\x18f")
    answer = await world.ask("PATCH", made.headers["location"], append(5, MORE), b"ree and more")
    assert answer.status == 415
    assert (await world.ask("HEAD", made.headers["location"])).status == 404
