"""Clips judged while they arrive: by their first bytes, by their header, by what their user has unfinished."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.ingest.boxes import MOST_MOOV_BYTES, BoxWatch, Movie, read_movie
from edge.ingest.locks import open_locks
from edge.ingest.watches import MOST_BYTES, MOST_UPLOADS, Watches

if TYPE_CHECKING:
    from conftest import World

TUS = {"Tus-Resumable": "1.0.0"}
OCTETS = {**TUS, "Content-Type": "application/offset+octet-stream"}


def box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return (8 + len(body)).to_bytes(4, "big") + kind + body


def large(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return (1).to_bytes(4, "big") + kind + (16 + len(body)).to_bytes(8, "big") + body


def mvhd(seconds: float, *, is_long: bool = False) -> bytes:
    if is_long:
        return box(b"mvhd", b"\1\0\0\0", bytes(16), (600).to_bytes(4, "big"), int(seconds * 600).to_bytes(8, "big"))
    return box(b"mvhd", bytes(12), (600).to_bytes(4, "big"), int(seconds * 600).to_bytes(4, "big"), bytes(80))


def trak(handler: bytes, entry: bytes = b"mp4a") -> bytes:
    table = box(b"stsd", bytes(4), (1).to_bytes(4, "big"), box(entry, bytes(78)))
    media = box(b"hdlr", bytes(8), handler, bytes(12)), box(b"minf", box(b"dinf"), box(b"stbl", table))
    return box(b"trak", box(b"tkhd", bytes(84)), box(b"mdia", *media))


def clip(*moov: bytes, before: bytes = b"", media: int = 9000) -> bytes:
    return box(b"ftyp", b"mp42", bytes(4)) + before + box(b"moov", *moov) + box(b"mdat", bytes(media))


GOOD = clip(mvhd(20), trak(b"vide"), trak(b"soun"))


async def send(world: World, body: bytes, piece: int = 1000) -> tuple[int, str, str]:
    made = await world.ask("POST", "/v1/uploads", {**TUS, "Upload-Length": str(len(body))})
    where = made.headers["location"]
    pieces = [body[start : start + piece] for start in range(0, len(body), piece)]
    answer = await world.ask("PATCH", where, {**OCTETS, "Upload-Offset": "0"}, pieces)
    return answer.status, json.loads(answer.body)["code"] if answer.body else "", where


async def test_a_clip_that_fits_is_taken(world: World) -> None:
    assert (await send(world, GOOD))[0] == 204


@pytest.mark.parametrize(
    ("moov", "code"),
    [
        ((mvhd(61), trak(b"vide")), "too_long"),
        ((mvhd(4000, is_long=True), trak(b"vide")), "too_long"),
        ((mvhd(20), trak(b"soun")), "no_video_track"),
        ((mvhd(20),), "no_video_track"),
        ((mvhd(20), *[trak(b"vide")] * 9), "too_many_streams"),
        ((mvhd(20), trak(b"vide", b"encv")), "encrypted"),
        ((mvhd(20), trak(b"vide"), trak(b"soun", b"enca")), "encrypted"),
    ],
)
async def test_a_header_that_rules_a_clip_out_ends_the_upload_before_the_media_is_stored(
    world: World, moov: tuple[bytes, ...], code: str
) -> None:
    status, said, where = await send(world, clip(*moov, media=200_000))
    assert (status, said) == (422, code)
    assert (await world.ask("HEAD", where, TUS)).status == 404
    assert world.stats.stored_bytes < 8192
    assert world.stats.voided == 1


async def test_a_header_that_was_damaged_on_the_way_ends_no_upload_whose_body_has_a_checksum(world: World) -> None:
    made = await world.ask("POST", "/v1/uploads", {**TUS, "Upload-Length": str(len(GOOD))})
    where, digest = made.headers["location"], base64.b64encode(hashlib.sha1(GOOD, usedforsecurity=False).digest())
    fields = {**OCTETS, "Upload-Offset": "0", "Upload-Checksum": f"sha1 {digest.decode()}"}
    damaged = GOOD.replace(b"vide", b"wide")
    answer = await world.ask("PATCH", where, fields, damaged)
    assert (answer.status, json.loads(answer.body)["code"]) == (422, "no_video_track")
    assert (await world.ask("HEAD", where, TUS)).headers["upload-offset"] == "0"
    assert (await world.ask("PATCH", where, fields, GOOD)).status == 204


async def test_a_creation_whose_body_has_a_checksum_and_is_refused_leaves_nothing(world: World) -> None:
    digest = base64.b64encode(hashlib.sha1(GOOD, usedforsecurity=False).digest()).decode()
    fields = {**OCTETS, "Upload-Length": str(len(GOOD))}
    for body in (GOOD.replace(b"ftyp", b"\x89PNG"), GOOD.replace(b"vide", b"wide")):
        answer = await world.ask("POST", "/v1/uploads", {**fields, "Upload-Checksum": f"sha1 {digest}"}, body)
        assert answer.status in (415, 422)
    promised = await world.ask("POST", "/v1/uploads", {**fields, "Trailer": "Upload-Checksum"}, [GOOD])
    assert (promised.status, json.loads(promised.body)["code"]) == (400, "bad_header")
    assert await world.catalog.live_by(7) == []


async def test_the_header_is_judged_too_when_it_comes_last_in_the_same_request(world: World) -> None:
    body = box(b"ftyp", b"mp42") + large(b"mdat", bytes(50_000)) + box(b"moov", mvhd(90), trak(b"vide"))
    assert (await send(world, body))[:2] == (422, "too_long")


async def in_requests(world: World, body: bytes, piece: int) -> tuple[int, str, int]:
    """One request for each piece: the last answer, and the offset that it was for."""
    made = await world.ask("POST", "/v1/uploads", {**TUS, "Upload-Length": str(len(body))})
    for start in range(0, len(body), piece):
        fields = {**OCTETS, "Upload-Offset": str(start)}
        answer = await world.ask("PATCH", made.headers["location"], fields, body[start : start + piece])
        if answer.status != 204:
            return answer.status, json.loads(answer.body)["code"], start
    return answer.status, "", start


async def test_the_header_is_judged_too_when_it_comes_in_pieces(world: World) -> None:
    first = clip(mvhd(61), trak(b"vide"), media=400)
    assert await in_requests(world, first, 1) == (422, "too_long", len(first) - 409)
    last = box(b"ftyp", b"mp42") + large(b"mdat", bytes(30_000)) + box(b"moov", mvhd(90), trak(b"vide"))
    assert (await in_requests(world, last, 1000))[:2] == (422, "too_long")
    assert (await in_requests(world, GOOD, 1000))[0] == 204


async def test_where_the_beginning_was_not_seen_the_header_is_left_to_packaging(world: World) -> None:
    body = clip(mvhd(61), trak(b"vide"), media=400)
    made = await world.ask("POST", "/v1/uploads", {**TUS, "Upload-Length": str(len(body))})
    other = world.beside(world.objects, open_locks("memory:"))
    fields = {**OCTETS, "Upload-Offset": "0"}
    assert (await world.ask("PATCH", made.headers["location"], fields, body[:20])).status == 204
    rest = {**OCTETS, "Upload-Offset": "20"}
    assert (await other.ask("PATCH", made.headers["location"], rest, body[20:])).status == 204


def test_headers_in_pieces_are_kept_within_bounds() -> None:
    watches = Watches()
    for upload_id in range(2 * MOST_UPLOADS):
        watch = BoxWatch()
        watch.feed(box(b"ftyp", b"mp42") + box(b"moov", bytes(100_000))[:50_000])
        watches.keep(upload_id, 50_012, watch)
    kept = [each for each in range(2 * MOST_UPLOADS) if watches.take(each, 50_012) is not None]
    assert kept == list(range(2 * MOST_UPLOADS))[-len(kept) :]
    assert 0 < len(kept) * 50_000 <= MOST_BYTES


@pytest.mark.parametrize(
    "moov",
    [
        (mvhd(0), trak(b"vide"), box(b"mvex")),
        (mvhd(9000), trak(b"vide"), box(b"mvex")),
        (box(b"mvhd", b"\0\0"), trak(b"vide")),
        (box(b"mvhd", bytes(16), b"\xff" * 4, bytes(80)), trak(b"vide")),
    ],
    ids=["fragmented", "fragmented with a duration", "cut header", "no timescale"],
)
async def test_what_the_header_does_not_say_is_left_to_packaging(world: World, moov: tuple[bytes, ...]) -> None:
    assert (await send(world, clip(*moov)))[0] == 204


async def test_no_megabyte_of_what_is_no_video_is_stored(world: World) -> None:
    status, code, _ = await send(world, b"\x89PNG\r\n\x1a\n" + bytes(500_000))
    assert (status, code) == (415, "not_a_video")
    assert world.stats.stored_bytes == 0


async def test_a_user_may_not_have_too_many_unfinished_bytes(world: World) -> None:
    world = world.remade(unfinished_bytes=3 << 20)
    for length in ("1048576", "1048576"):
        assert (await world.ask("POST", "/v1/uploads", {**TUS, "Upload-Length": length})).status == 201
    # A length that is not known may become the largest.
    assert (await world.ask("POST", "/v1/uploads", {**TUS, "Upload-Defer-Length": "1"})).status == 201
    answer = await world.ask("POST", "/v1/uploads", {**TUS, "Upload-Length": "1"})
    assert (answer.status, json.loads(answer.body)["code"]) == (429, "too_many_unfinished_bytes")
    assert (await world.ask("POST", "/v1/uploads", {**TUS, "Upload-Length": "1"}, user_id=8)).status == 201


@given(st.lists(st.integers(1, 40), max_size=200))
def test_a_header_is_found_however_the_bytes_are_cut(cuts: list[int]) -> None:
    body = clip(mvhd(20), trak(b"vide"), trak(b"soun"), before=large(b"free", bytes(50)), media=50)
    watch, found = BoxWatch(), []
    for size in [*cuts, len(body)]:
        found.append(watch.feed(body[:size]))
        body = body[size:]
    assert [movie for movie in found if movie] == [Movie(20_000, 2, 1)]


@given(st.binary(max_size=200), st.lists(st.integers(1, 50), max_size=10))
def test_no_bytes_make_the_watch_fail_or_hold_much(data: bytes, cuts: list[int]) -> None:
    watch = BoxWatch()
    for size in [*cuts, len(data)]:
        watch.feed(data[:size])
        data = data[size:]
    read_movie(data)


def test_a_header_that_is_too_large_is_not_held() -> None:
    watch = BoxWatch()
    assert watch.feed((MOST_MOOV_BYTES + 9).to_bytes(4, "big") + b"moov") is None
    assert watch.over
