"""What a package's files are sent as, through the real origin and edge, by the names that its manifests use."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path

import httpx
import pytest

from tests.packager.packages import PackageMaker, Result
from tests.packager.stage import Stage, staged

pytestmark = pytest.mark.slow

TYPES = {
    ".m3u8": "application/vnd.apple.mpegurl",  # Apple 10.4
    ".mpd": "application/dash+xml",
    ".mp4": "video/mp4",
    ".m4s": "video/iso.segment",
    ".vtt": "text/vtt; charset=utf-8",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
}
TEXT = {".m3u8", ".mpd", ".vtt"}


@pytest.fixture(scope="module")
def result(package: PackageMaker) -> Result:
    return package("upright")


async def fetched(stage: Stage, name: str, **fields: str) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        request = client.build_request("GET", stage.signed(name), headers={"accept-encoding": "gzip", **fields})
        answer = await client.send(request, stream=True)
        raw = b"".join([block async for block in answer.aiter_raw()])
        await answer.aclose()
    return httpx.Response(answer.status_code, headers={**answer.headers, "x-raw": raw.hex()})


def raw(answer: httpx.Response) -> bytes:
    return bytes.fromhex(answer.headers["x-raw"])


async def test_every_file_has_its_type_and_texts_are_compressed(result: Result, tmp_path: Path) -> None:
    names = [str(path.relative_to(result.out)) for path in sorted(result.out.rglob("*")) if path.is_file()]
    async with staged(tmp_path) as stage:
        await stage.publish(result.package)
        answers = await asyncio.gather(*(fetched(stage, name) for name in names))
    for name, answer in zip(names, answers, strict=True):
        suffix, body = Path(name).suffix, (result.out / name).read_bytes()
        assert answer.status_code == 200, name
        assert answer.headers["content-type"] == TYPES[suffix], name
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers.get("content-encoding") == ("gzip" if suffix in TEXT else None), name  # Apple 10.1
        assert (gzip.decompress(raw(answer)) if suffix in TEXT else raw(answer)) == body
        assert ("immutable" in answer.headers["cache-control"]) == ("/" in name), name


async def test_a_player_that_asks_for_a_range_gets_it(result: Result, tmp_path: Path) -> None:
    name = f"{result.package.renditions[0]}/0001.m4s"
    async with staged(tmp_path) as stage:
        await stage.publish(result.package)
        answer = await fetched(stage, name, range="bytes=84-183")
    assert answer.status_code == 206
    assert raw(answer) == (result.out / name).read_bytes()[84:184]
