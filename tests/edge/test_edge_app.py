"""The media edge in front of the real origin application, in one process."""

from __future__ import annotations

import asyncio
import gzip
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from edge.app import EdgeApp
from edge.cache.invalidation import Purge
from edge.node.node import CacheNode
from edge.store import open_store
from edge.upstream import InProcessUpstream
from origin.app import OriginApp
from origin.metadata import Metadata, open_metadata
from origin.model import Publication, Video, VideoStatus, Visibility
from origin.objects import open_objects
from signer.keys import open_keys
from signer.playback import PlaybackSigner

NOW_MS = 1_800_000_000_000
VIDEO = 7_000_000_000_000_000_001
SEGMENT = bytes(range(256)) * 4000
PLAYLIST = b"#EXTM3U\n" * 100


class Rig:
    def __init__(
        self, client: httpx.AsyncClient, app: EdgeApp, node: CacheNode, signer: PlaybackSigner, metadata: Metadata
    ) -> None:
        self.client = client
        self.app = app
        self.metadata = metadata
        self.node = node
        self.signer = signer
        self.now_ms = NOW_MS

    def path(self, name: str, video_id: int = VIDEO) -> str:
        return self.signer.url("", video_id, name, NOW_MS)[0]

    def creators_path(self, name: str) -> str:
        return f"/p/{self.signer.token(VIDEO, NOW_MS, private=True)[0]}/v/{VIDEO}/{name}"

    async def make(self, visibility: Visibility) -> None:
        """What origin does when a creator changes who may watch."""
        await self.metadata.edit_video(VIDEO, None, None, visibility)
        await self.node.purge(Purge("tag", f"video-{VIDEO}"))


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    metadata = open_metadata(f"sqlite:///{tmp_path}/metadata.db")
    objects = open_objects(f"file://{tmp_path}/objects")
    keys = open_keys(f"file://{tmp_path}/keys.json", lambda: NOW_MS)
    store = await open_store("memory:?bytes=10000000")
    await objects.put(f"v/{VIDEO}/m1/hls.m3u8", PLAYLIST)
    await objects.put(f"v/{VIDEO}/v540-3fa9c1d2/0001.m4s", SEGMENT)
    await metadata.create_video(Video(VIDEO, 1, "", VideoStatus.PROCESSING, Visibility.PUBLIC, NOW_MS))
    publication = Publication(1, {"hls.m3u8": f"v/{VIDEO}/m1/hls.m3u8"}, (), (), 1, 1, 1)
    await metadata.publish(VIDEO, publication, VideoStatus.READY, NOW_MS, {VideoStatus.PROCESSING})
    upstream = InProcessUpstream(OriginApp(metadata, objects, lambda: made.now_ms))
    node = CacheNode(store, upstream, lambda: made.now_ms)
    app = EdgeApp(node, keys, lambda: made.now_ms)
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(
        transport=transport, base_url="http://edge", headers={"accept-encoding": "gzip"}
    ) as client:
        made = Rig(client, app, node, PlaybackSigner(await keys.ring()), metadata)
        yield made
    await node.close()
    for opened in (store, keys, objects, metadata):
        await opened.close()


async def test_a_signed_segment_is_served_from_the_origin_once_and_then_from_the_cache(rig: Rig) -> None:
    path = rig.path("v540-3fa9c1d2/0001.m4s")
    first, second = [await rig.client.get(path) for _ in range(2)]
    assert first.content == second.content == SEGMENT
    assert "fwd=uri-miss" in first.headers["cache-status"]
    assert re.fullmatch(r"reelway-edge; hit; ttl=\d+", second.headers["cache-status"])
    assert second.headers["access-control-allow-origin"] == "*"
    assert second.headers["timing-allow-origin"] == "*"
    assert second.headers["server-timing"].startswith("edge;dur=")
    assert "surrogate-key" not in second.headers
    assert rig.node.stats.upstream_requests == 1


async def test_every_token_of_a_video_shares_one_cached_body(rig: Rig) -> None:
    ways = [
        rig.client.get(rig.path("v540-3fa9c1d2/0001.m4s")),
        rig.client.get(
            f"/v/{VIDEO}/v540-3fa9c1d2/0001.m4s",
            headers={"cta-common-access-token": rig.signer.token(VIDEO, NOW_MS)[0]},
        ),
        rig.client.get(f"/v/{VIDEO}/v540-3fa9c1d2/0001.m4s?CMCD=br%3D200&cat={rig.signer.token(VIDEO, NOW_MS)[0]}"),
    ]
    for way in ways:
        assert (await way).content == SEGMENT
    assert rig.node.stats.upstream_requests == 1


async def test_playlists_are_kept_per_coding(rig: Rig) -> None:
    path = rig.path("hls.m3u8")
    async with rig.client.stream("GET", path) as got:
        raw = b"".join([block async for block in got.aiter_raw()])
        assert got.headers["content-encoding"] == "gzip"
        assert gzip.decompress(raw) == PLAYLIST
    plain = await rig.client.get(path, headers={"accept-encoding": "identity"})
    assert plain.content == PLAYLIST
    assert "content-encoding" not in plain.headers
    brotli = await rig.client.get(path, headers={"accept-encoding": "br, gzip;q=0.8"})
    assert "hit" in brotli.headers["cache-status"]


@pytest.mark.parametrize("name", ["hls.m3u8", "v540-3fa9c1d2/0001.m4s"])
async def test_a_url_given_out_before_a_video_became_private_opens_it_no_more(rig: Rig, name: str) -> None:
    given_out = rig.path(name)
    assert (await rig.client.get(given_out)).status_code == 200
    await rig.make(Visibility.PRIVATE)
    for _ in range(2):
        assert (await rig.client.get(given_out)).status_code == 404
        assert (await rig.client.head(given_out)).status_code == 404
        assert (await rig.client.get(given_out, headers={"reelway-viewer": "creator"})).status_code == 404
        assert (await rig.client.get(rig.creators_path(name))).status_code == 200
    assert "hit" in (await rig.client.get(rig.creators_path(name))).headers["cache-status"]


async def test_viewers_and_the_creator_of_a_private_video_share_no_fetch(rig: Rig) -> None:
    await rig.make(Visibility.PRIVATE)
    ways = [rig.path("hls.m3u8"), rig.creators_path("hls.m3u8")] * 4
    answers = await asyncio.gather(*(rig.client.get(way) for way in ways))
    assert [answer.status_code for answer in answers] == [404, 200] * 4


async def test_a_video_that_is_public_again_opens_with_any_of_its_urls(rig: Rig) -> None:
    await rig.make(Visibility.PRIVATE)
    assert (await rig.client.get(rig.path("hls.m3u8"))).status_code == 404
    await rig.make(Visibility.PUBLIC)
    assert (await rig.client.get(rig.path("hls.m3u8"))).status_code == 200
    assert (await rig.client.get(rig.creators_path("hls.m3u8"))).status_code == 200
    assert rig.node.stats.upstream_requests == 2


async def test_refusals_do_not_depend_on_the_object(rig: Rig) -> None:
    good = rig.path("v540-3fa9c1d2/0001.m4s")
    await rig.client.get(good)
    token = good.split("/")[2]
    tampered = token[:-1] + ("A" if token[-1] != "A" else "B")
    for prefix, status, code in (
        ("", 401, "no_token"),
        (f"/p/{tampered}", 403, "bad_signature"),
        (f"/p/{token}", 403, "wrong_path"),
    ):
        answers = []
        for video in (VIDEO, 99) if code != "wrong_path" else (98, 99):
            got = await rig.client.get(f"{prefix}/v/{video}/v540-3fa9c1d2/0001.m4s")
            assert (got.status_code, got.json()["code"]) == (status, code)
            assert got.headers["content-type"] == "application/problem+json"
            assert got.headers["cache-control"] == "no-store"
            assert "cache-status" in got.headers
            fields = {name: value for name, value in got.headers.items() if name != "x-request-id"}
            answers.append((fields, got.content))
        assert answers[0] == answers[1]
    assert rig.node.stats.refused == 6
    assert rig.node.stats.requests == 1


async def test_an_expired_token_is_refused_even_for_what_is_cached(rig: Rig) -> None:
    path = rig.path("v540-3fa9c1d2/0001.m4s")
    await rig.client.get(path)
    rig.now_ms = rig.signer.expires_at_ms(VIDEO, NOW_MS)
    got = await rig.client.get(path)
    assert (got.status_code, got.json()["code"]) == (403, "expired")


async def test_a_missing_object_is_404_for_those_who_may_know(rig: Rig) -> None:
    got = await rig.client.get(rig.path("nothing/0001.m4s"))
    assert (got.status_code, got.json()["code"]) == (404, "not_found")
    assert got.headers["access-control-allow-origin"] == "*"


async def test_ranges_and_conditions_of_the_public_side(rig: Rig) -> None:
    path = rig.path("v540-3fa9c1d2/0001.m4s")
    part = await rig.client.get(path, headers={"range": "bytes=1000-1999"})
    assert (part.status_code, part.content) == (206, SEGMENT[1000:2000])
    both = await rig.client.get(path, headers={"range": "bytes=0-0,-1"})
    assert both.headers["content-type"].startswith("multipart/byteranges")
    same = await rig.client.get(path, headers={"if-none-match": part.headers["etag"]})
    assert same.status_code == 304
    head = await rig.client.head(path, headers={"range": "bytes=0-1"})
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(SEGMENT)))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE"])
async def test_other_methods_are_405(rig: Rig, method: str) -> None:
    got = await rig.client.request(method, rig.path("hls.m3u8"))
    assert (got.status_code, got.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


async def test_a_preflight_needs_no_token(rig: Rig) -> None:
    got = await rig.client.options(f"/v/{VIDEO}/hls.m3u8")
    assert got.status_code == 204
    assert "Range" in got.headers["access-control-allow-headers"]


async def test_the_request_id_goes_upstream_and_comes_back(rig: Rig) -> None:
    got = await rig.client.get(rig.path("hls.m3u8"), headers={"x-request-id": "abc-123"})
    assert got.headers["x-request-id"] == "abc-123"
    made = await rig.client.get(rig.path("hls.m3u8"), headers={"x-request-id": "bad id\x7f"})
    assert re.fullmatch(r"[0-9a-f]{32}", made.headers["x-request-id"])


async def test_ambiguous_paths_are_400(rig: Rig) -> None:
    request = rig.client.build_request("GET", "http://edge/")
    token = rig.signer.token(VIDEO, NOW_MS)[0]
    request.url = request.url.copy_with(raw_path=f"/p/{token}/v/{VIDEO}/%2e%2e/{VIDEO}/hls.m3u8".encode())
    got = await rig.client.send(request)
    assert (got.status_code, got.json()["code"]) == (400, "bad_path")


async def test_a_websocket_is_closed_and_no_failure(rig: Rig) -> None:
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    await rig.app({"type": "websocket", "path": "/", "headers": []}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]
