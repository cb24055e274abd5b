"""Checksums before and behind a body, of both protocols: what does not hold is not kept, and the offset stays."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.ingest import crc32c, wire

if TYPE_CHECKING:
    from conftest import Answered, World

TUS = {"Tus-Resumable": "1.0.0"}
OCTETS = {**TUS, "Content-Type": "application/offset+octet-stream"}
CLIP = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * 40
COLLECTION = "/v1/uploads"
IETF = {"Content-Type": "application/partial-upload", "Upload-Complete": "?0"}


def base(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def rfc(body: bytes) -> str:
    return f"unknown=:AAAA:, sha-256=:{base(hashlib.sha256(body).digest())}:"


def code(answer: Answered) -> str:
    return str(json.loads(answer.body)["code"])


async def create(world: World) -> str:
    answer = await world.ask("POST", COLLECTION, {**TUS, "Upload-Length": str(len(CLIP))})
    return answer.headers["location"]


async def offset(world: World, where: str) -> int:
    return int((await world.ask("HEAD", where, TUS)).headers["upload-offset"])


CHECKSUMS = {
    "sha1": lambda body: hashlib.sha1(body).digest(),
    "sha256": lambda body: hashlib.sha256(body).digest(),
    "crc32c": crc32c.of,
}


@pytest.mark.parametrize("behind", [False, True], ids=["in the head", "as a trailer"])
@pytest.mark.parametrize("algorithm", CHECKSUMS)
async def test_every_checksum_announced_is_verified(world: World, algorithm: str, behind: bool) -> None:
    announced = (await world.ask("OPTIONS", COLLECTION)).headers
    assert algorithm in announced["tus-checksum-algorithm"].split(",")
    assert "checksum-trailer" in announced["tus-extension"].split(",")
    where = await create(world)
    said = {"Upload-Checksum": f"{algorithm} {base(CHECKSUMS[algorithm](CLIP[:5000]))}"}
    head = {**OCTETS, "Upload-Offset": "0", **({"Trailer": "Upload-Checksum"} if behind else said)}
    trailers = said if behind else None
    bad = await world.ask("PATCH", where, head, [CLIP[:4999], b"x"], trailers=trailers)
    assert (bad.status, code(bad)) == (460, "checksum_mismatch")
    assert await offset(world, where) == 0
    good = await world.ask("PATCH", where, head, [CLIP[:4000], CLIP[4000:5000]], trailers=trailers)
    assert good.status == 204
    assert await offset(world, where) == 5000


@pytest.mark.parametrize("trailers", [{}, {"Upload-Checksum": "md5 AAAA"}, {"Upload-Checksum": "sha1 !"}])
async def test_a_trailer_that_does_not_come_or_parse_keeps_nothing(world: World, trailers: dict[str, str]) -> None:
    where = await create(world)
    head = {**OCTETS, "Upload-Offset": "0", "Trailer": "Upload-Checksum"}
    answer = await world.ask("PATCH", where, head, [CLIP[:100]], trailers=trailers)
    assert (answer.status, code(answer)) == (400, "bad_header")
    assert await offset(world, where) == 0


async def test_first_bytes_that_may_only_be_damaged_do_not_end_the_upload(world: World) -> None:
    where = await create(world)
    said = {"Upload-Checksum": f"sha1 {base(hashlib.sha1(CLIP).digest())}"}
    bad = await world.ask("PATCH", where, {**OCTETS, "Upload-Offset": "0", **said}, b"????" * 3 + CLIP[12:])
    assert (bad.status, code(bad)) == (415, "not_a_video")
    assert (await world.ask("PATCH", where, {**OCTETS, "Upload-Offset": "0", **said}, CLIP)).status == 204


async def test_a_checksum_whose_body_breaks_off_keeps_nothing(world: World) -> None:
    where = await create(world)
    head = {**OCTETS, "Upload-Offset": "0", "Upload-Checksum": f"sha1 {base(hashlib.sha1(CLIP).digest())}"}
    await world.ask("PATCH", where, head, [CLIP[:5000]], cut_off=True)
    assert await offset(world, where) == 0


@pytest.mark.parametrize("behind", [False, True], ids=["in the head", "as a trailer"])
async def test_content_digests_are_verified_before_anything_is_appended(world: World, behind: bool) -> None:
    made = await world.ask("POST", COLLECTION, {"Upload-Complete": "?0"}, b"")
    where, said = made.headers["location"], {"Content-Digest": rfc(CLIP[:5000])}
    head = {**IETF, "Upload-Offset": "0", **({"Trailer": "content-digest"} if behind else said)}
    trailers = said if behind else None
    bad = await world.ask("PATCH", where, head, [CLIP[:4999], b"x"], trailers=trailers)
    assert (bad.status, code(bad)) == (400, "digest_mismatch")
    assert "sha-256" in bad.headers["want-content-digest"]
    assert await offset(world, where) == 0
    assert (await world.ask("PATCH", where, head, [CLIP[:5000]], trailers=trailers)).status == 204


@pytest.mark.parametrize("digest", ["sha-256", "sha-256=AAAA", "sha-256=:!:", "sha-256=:AAAA:", "=:AAAA:"])
async def test_a_malformed_digest_is_refused(world: World, digest: str) -> None:
    for name in ("Content-Digest", "Repr-Digest"):
        answer = await world.ask("POST", COLLECTION, {"Upload-Complete": "?1", name: digest}, CLIP)
        assert (answer.status, code(answer)) == (400, "bad_header")
    assert world.catalog.tickets == {}


def test_an_algorithm_that_is_not_ours_is_no_check() -> None:
    assert wire.content_digest("md5=:AAAA:") is None
    both = f"sha-512=:{base(bytes(64))}:, sha-256=:{base(bytes(32))}:"
    assert wire.repr_digest(both) == wire.Checksum("sha-512", bytes(64), "Repr-Digest")


def test_crc32c_is_the_one_of_rfc_3720() -> None:
    """Appendix B.4; the last is the usual check value of CRC catalogues."""
    assert crc32c.of(bytes(32)) == 0x8A9136AA.to_bytes(4, "big")
    assert crc32c.of(b"\xff" * 32) == 0x62A8AB43.to_bytes(4, "big")
    assert crc32c.of(bytes(range(32))) == 0x46DD794E.to_bytes(4, "big")
    assert crc32c.of(b"123456789") == 0xE3069283.to_bytes(4, "big")


@given(st.lists(st.binary(max_size=2000), max_size=5))
def test_crc32c_does_not_depend_on_how_bytes_are_cut(pieces: list[bytes]) -> None:
    crc, register = crc32c.Crc32c(), 0xFFFFFFFF
    for piece in pieces:
        crc.update(piece)
        for byte in piece:
            register ^= byte
            for _ in range(8):
                register = (register >> 1) ^ (0x82F63B78 if register & 1 else 0)
    assert crc.digest() == (register ^ 0xFFFFFFFF).to_bytes(4, "big")
