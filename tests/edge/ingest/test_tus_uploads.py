"""tus 1.0.0 against the ingest: the test matrix of the protocol, on a real object store."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import TYPE_CHECKING

import pytest

from edge.ingest.locks import open_locks

if TYPE_CHECKING:
    from conftest import Answered, World

TUS = {"Tus-Resumable": "1.0.0"}
OCTETS = {**TUS, "Content-Type": "application/offset+octet-stream"}
CLIP = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * 40
COLLECTION = "/v1/uploads"


async def create(world: World, length: int | None = len(CLIP), **more: str) -> str:
    size = {"Upload-Length": str(length)} if length is not None else {"Upload-Defer-Length": "1"}
    answer = await world.ask("POST", COLLECTION, {**TUS, **size, **more})
    assert answer.status == 201, answer.body
    return answer.headers["location"]


async def patch(world: World, where: str, offset: int, body: bytes, **more: str) -> Answered:
    return await world.ask("PATCH", where, {**OCTETS, "Upload-Offset": str(offset), **more}, body)


def code(answer: Answered) -> str:
    import json

    assert answer.headers["content-type"] == "application/problem+json"
    return str(json.loads(answer.body)["code"])


async def test_a_clip_sent_whole_is_stored_and_announced_once(world: World) -> None:
    description = base64.b64encode("Größe 🎬".encode()).decode()
    where = await create(world, **{"Upload-Metadata": f"filename Yw==,description {description}"})
    answer = await patch(world, where, 0, CLIP)
    assert answer.status == 204
    assert answer.headers["upload-offset"] == str(len(CLIP))
    assert answer.headers["upload-expires"].endswith("GMT")
    assert answer.headers["reelway-video-id"] == "2000"
    assert await world.stored(1000) == CLIP
    assert world.catalog.announced == [1000]
    assert world.catalog.descriptions[1000] == "Größe 🎬"


async def test_a_wrong_version_is_refused_with_ours(world: World) -> None:
    answer = await world.ask("POST", COLLECTION, {"Tus-Resumable": "0.2.2", "Upload-Length": "5"})
    assert answer.status == 412
    assert answer.headers["tus-version"] == "1.0.0"
    assert answer.headers["tus-resumable"] == "1.0.0"
    missing = await world.ask("PATCH", "/v1/uploads/1", {"Content-Type": "application/offset+octet-stream"}, b"x")
    assert missing.status == 404


async def test_options_tells_abilities_without_a_session(world: World) -> None:
    answer = await world.ask("OPTIONS", COLLECTION, user_id=None)
    assert answer.status == 204
    assert "creation-with-upload" in answer.headers["tus-extension"]
    assert answer.headers["tus-max-size"] == str(1 << 20)
    assert "sha1" in answer.headers["tus-checksum-algorithm"]
    assert answer.headers["upload-limit"] == "max-size=1048576"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 400),
        ({"Upload-Length": "5", "Upload-Defer-Length": "1"}, 400),
        ({"Upload-Defer-Length": "2"}, 400),
        ({"Upload-Length": "-1"}, 400),
        ({"Upload-Length": "1e3"}, 400),
        ({"Upload-Length": str((1 << 20) + 1)}, 413),
        ({"Upload-Length": "0"}, 400),
        ({"Upload-Length": "5", "Upload-Metadata": "a YQ==,a YQ=="}, 400),
        ({"Upload-Length": "5", "Upload-Metadata": "a !!"}, 400),
        ({"Upload-Length": "5", "Upload-Metadata": "description /w=="}, 400),
        ({"Upload-Length": "5", "Content-Type": "text/plain", "Content-Length": "3"}, 415),
    ],
)
async def test_a_malformed_creation_is_refused(world: World, fields: dict[str, str], status: int) -> None:
    answer = await world.ask("POST", COLLECTION, {**TUS, **fields})
    assert answer.status == status, answer.body
    assert world.catalog.tickets == {}


async def test_appends_need_the_media_type_and_the_right_offset(world: World) -> None:
    where = await create(world)
    wrong = await world.ask("PATCH", where, {**TUS, "Upload-Offset": "0", "Content-Type": "video/mp4"}, CLIP)
    assert wrong.status == 415
    assert (await patch(world, where, 0, CLIP[:100])).status == 204
    ahead = await patch(world, where, 200, CLIP[200:])
    assert (ahead.status, ahead.headers["upload-offset"], code(ahead)) == (409, "100", "mismatching_upload_offset")
    assert (await patch(world, where, "x", b"a")).status == 400  # type: ignore[arg-type]
    head = await world.ask("HEAD", where, TUS)
    assert head.headers["upload-offset"] == "100"
    assert (await patch(world, "/v1/uploads/99", 0, CLIP)).status == 404


async def test_what_arrived_before_a_disconnect_is_kept(world: World) -> None:
    where = await create(world)
    await world.ask("PATCH", where, {**OCTETS, "Upload-Offset": "0"}, [CLIP[:5000], CLIP[5000:6000]], cut_off=True)
    head = await world.ask("HEAD", where, TUS)
    assert (head.status, head.headers["upload-offset"]) == (200, "6000")
    assert head.headers["upload-length"] == str(len(CLIP))
    assert head.headers["cache-control"] == "no-store"
    assert (await patch(world, where, 6000, CLIP[6000:])).status == 204
    assert await world.stored(1000) == CLIP


async def test_a_checksum_that_holds_is_taken_and_one_that_does_not_leaves_the_offset(world: World) -> None:
    where = await create(world)
    right = base64.b64encode(hashlib.sha1(CLIP[:5000]).digest()).decode()
    bad = await patch(world, where, 0, CLIP[:4999] + b"x", **{"Upload-Checksum": f"sha1 {right}"})
    assert (bad.status, code(bad)) == (460, "checksum_mismatch")
    assert (await world.ask("HEAD", where, TUS)).headers["upload-offset"] == "0"
    unknown = await patch(world, where, 0, CLIP, **{"Upload-Checksum": "md5 AAAA"})
    assert unknown.status == 400
    malformed = await patch(world, where, 0, CLIP, **{"Upload-Checksum": "sha1 nope"})
    assert malformed.status == 400
    assert (await patch(world, where, 0, CLIP[:5000], **{"Upload-Checksum": f"sha1 {right}"})).status == 204
    rest = base64.b64encode(hashlib.sha256(CLIP[5000:]).digest()).decode()
    assert (await patch(world, where, 5000, CLIP[5000:], **{"Upload-Checksum": f"sha256 {rest}"})).status == 204
    assert await world.stored(1000) == CLIP


async def test_a_deferred_length_is_fixed_once(world: World) -> None:
    where = await create(world, None)
    assert (await world.ask("HEAD", where, TUS)).headers["upload-defer-length"] == "1"
    first = await patch(world, where, 0, CLIP[:10], **{"Upload-Length": str(len(CLIP))})
    assert first.status == 204
    second = await patch(world, where, 10, CLIP[10:], **{"Upload-Length": "11"})
    assert second.status == 400
    assert (await world.ask("HEAD", where, TUS)).headers["upload-length"] == str(len(CLIP))
    assert (await patch(world, where, 10, CLIP[10:])).status == 204
    assert world.catalog.announced == [1000]


async def test_a_creation_may_carry_the_first_bytes(world: World) -> None:
    answer = await world.ask("POST", COLLECTION, {**OCTETS, "Upload-Length": str(len(CLIP))}, CLIP[:100])
    assert (answer.status, answer.headers["upload-offset"]) == (201, "100")
    whole = await world.ask("POST", COLLECTION, {**OCTETS, "Upload-Length": str(len(CLIP))}, CLIP)
    assert (whole.status, whole.headers["upload-offset"]) == (201, str(len(CLIP)))
    assert world.catalog.announced == [1001]


async def test_deleting_ends_an_upload(world: World) -> None:
    where = await create(world)
    assert (await world.ask("DELETE", where, TUS)).status == 204
    gone = await world.ask("HEAD", where, TUS)
    assert gone.status == 404
    assert "upload-offset" not in gone.headers
    assert gone.body == b""


async def test_the_method_may_be_overridden(world: World) -> None:
    where = await create(world)
    sent = await world.ask("POST", where, {**OCTETS, "X-HTTP-Method-Override": "PATCH", "Upload-Offset": "0"}, CLIP)
    assert sent.status == 204
    assert (await world.ask("POST", where, {**TUS, "X-HTTP-Method-Override": "DELETE"})).status == 204


async def test_an_expired_upload_is_gone(world: World) -> None:
    where = await create(world)
    world.clock.now_ms += 86_400_000
    assert (await world.ask("HEAD", where, TUS)).status == 410
    assert (await patch(world, where, 0, CLIP)).status == 410


async def test_an_upload_is_its_owners_only(world: World) -> None:
    where = await create(world)
    assert (await world.ask("HEAD", where, TUS, user_id=8)).status == 403
    assert (await world.ask("HEAD", where, TUS, user_id=None)).status == 401
    assert (await world.ask("POST", COLLECTION, {**TUS, "Upload-Length": "5"}, user_id=None)).status == 401


async def test_what_is_no_video_is_refused_at_its_first_bytes(world: World) -> None:
    where = await create(world)
    answer = await world.ask(
        "PATCH", where, {**OCTETS, "Upload-Offset": "0"}, [b"\x89PNG\r\n\x1a\n" + bytes(1000)] + [bytes(1000)] * 9
    )
    assert (answer.status, code(answer)) == (415, "not_a_video")
    assert (await world.ask("HEAD", where, TUS)).status == 404
    assert world.stats.voided == 1


async def test_more_bytes_than_announced_are_refused(world: World) -> None:
    where = await create(world)
    told = await patch(world, where, 0, CLIP + b"x")
    assert told.status == 413
    assert (await world.ask("HEAD", where, TUS)).headers["upload-offset"] == "0"
    untold = await world.ask("PATCH", where, {**OCTETS, "Upload-Offset": "0"}, [CLIP, b"x"])
    assert (untold.status, code(untold)) == (413, "more_than_announced")
    assert world.catalog.announced == []


async def test_a_user_has_a_bounded_number_of_unfinished_uploads(world: World) -> None:
    for _ in range(5):
        await create(world)
    answer = await world.ask("POST", COLLECTION, {**TUS, "Upload-Length": "5"})
    assert (answer.status, code(answer)) == (429, "too_many_uploads")
    assert "retry-after" in answer.headers


async def test_the_bound_holds_also_where_many_are_begun_at_once_at_two_gateways(world: World) -> None:
    gateways = (world, world.beside(world.objects, open_locks("memory:")))
    fields = {**TUS, "Upload-Length": "5"}
    answers = await asyncio.gather(*(each.ask("POST", COLLECTION, fields) for each in gateways * 6))
    assert {answer.status for answer in answers} <= {201, 429}
    assert len(world.catalog.tickets) == [answer.status for answer in answers].count(201) <= 5
    while len(world.catalog.tickets) < 5:
        await create(world)
    assert code(await world.ask("POST", COLLECTION, fields)) == "too_many_uploads"


async def test_a_crash_between_the_last_byte_and_the_announcement_is_mended_by_the_next_request(world: World) -> None:
    where = await create(world)
    world.catalog.fail_finish = True
    crashed = await patch(world, where, 0, CLIP)
    assert crashed.status == 500
    world.catalog.fail_finish = False
    head = await world.ask("HEAD", where, TUS)
    assert head.headers["upload-offset"] == str(len(CLIP))
    assert world.catalog.announced == [1000]
    assert await world.stored(1000) == CLIP


async def test_deleting_an_upload_that_arrived_whole_and_was_not_handed_over_makes_no_video_of_it(world: World) -> None:
    where = await create(world)
    world.catalog.fail_finish = True
    assert (await patch(world, where, 0, CLIP)).status == 500
    world.catalog.fail_finish = False
    assert (await world.ask("DELETE", where, TUS)).status == 204
    assert world.catalog.announced == []


async def test_a_finished_upload_takes_nothing_more(world: World) -> None:
    where = await create(world)
    await patch(world, where, 0, CLIP)
    again = await patch(world, where, len(CLIP), b"")
    assert (again.status, again.headers["upload-offset"]) == (204, str(len(CLIP)))
    assert (await patch(world, where, len(CLIP), b"x")).status == 413
    assert world.catalog.announced == [1000]


async def test_refusals_before_the_protocol_name_the_version_too(world: World) -> None:
    nobody = await world.ask("PATCH", "/v1/uploads/1", {**OCTETS, "Authorization": "Bearer x"}, CLIP, user_id=None)
    assert (nobody.status, nobody.headers["tus-resumable"]) == (401, "1.0.0")
    large = await world.ask("PATCH", "/v1/uploads/1", {**OCTETS, "Content-Length": str(1 << 30)}, b"x")
    assert (large.status, large.headers["tus-resumable"]) == (413, "1.0.0")


async def test_a_creation_whose_first_bytes_have_a_wrong_checksum_leaves_nothing(world: World) -> None:
    wrong = base64.b64encode(bytes(20)).decode()
    fields = {**OCTETS, "Upload-Length": str(len(CLIP)), "Upload-Checksum": f"sha1 {wrong}"}
    answer = await world.ask("POST", COLLECTION, fields, CLIP[:100])
    assert answer.status == 460
    assert world.catalog.tickets == {}


@pytest.mark.parametrize("looks_like", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("override", ["POST", "PATCH", "DELETE", "HEAD", "nonsense"])
async def test_a_safe_request_cannot_be_overridden_into_an_act(world: World, looks_like: str, override: str) -> None:
    where = await create(world)
    fields = {**TUS, "X-HTTP-Method-Override": override, "Upload-Length": "9"}
    for target in (COLLECTION, where):
        answer = await world.ask(looks_like, target, fields)
        assert answer.status in ({204} if looks_like == "OPTIONS" else {200, 405})
        assert "location" not in answer.headers
    assert (await world.ask("HEAD", where, TUS)).headers["upload-offset"] == "0"
