from __future__ import annotations

import gzip
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin import delivery
from origin.app import OriginApp
from origin.captions import object_key
from origin.delivery import Representation
from origin.metadata import Metadata, open_metadata
from origin.model import Caption, Publication, Video, VideoStatus, Visibility
from origin.objects import Objects, open_objects

NOW_MS = 1_800_000_000_000
VIDEO = 7_000_000_000_000_000_001
SEGMENT = bytes(range(256)) * 2000
PLAYLIST = b"#EXTM3U\n" + b"#EXTINF:2.0,\nv540-3fa9c1d2/0001.m4s\n" * 50
PUBLICATION = Publication(
    revision=1,
    files={"hls.m3u8": f"v/{VIDEO}/m1-00/hls.m3u8", "poster.jpg": f"v/{VIDEO}/m1-00/poster.jpg"},
    renditions=("v540-3fa9c1d2",),
    startup=(),
    duration_ms=10_000,
    width=540,
    height=960,
)


@pytest.fixture
async def metadata(tmp_path: Path) -> AsyncIterator[Metadata]:
    opened = open_metadata(f"sqlite:///{tmp_path}/metadata.db")
    yield opened
    await opened.close()


@pytest.fixture
async def objects(tmp_path: Path) -> AsyncIterator[Objects]:
    opened = open_objects(f"file://{tmp_path}/objects")
    await opened.put(f"v/{VIDEO}/m1-00/hls.m3u8", PLAYLIST)
    await opened.put(f"v/{VIDEO}/m1-00/poster.jpg", b"jpeg")
    await opened.put(f"v/{VIDEO}/v540-3fa9c1d2/0001.m4s", SEGMENT)
    await opened.put(f"raw/{VIDEO}", b"secret")
    yield opened
    await opened.close()


@pytest.fixture
async def client(metadata: Metadata, objects: Objects) -> AsyncIterator[httpx.AsyncClient]:
    await metadata.create_video(
        Video(VIDEO, 1, "", VideoStatus.PROCESSING, Visibility.PUBLIC, NOW_MS, raw_key=f"raw/{VIDEO}")
    )
    await metadata.publish(VIDEO, PUBLICATION, VideoStatus.READY, NOW_MS, {VideoStatus.PROCESSING})
    transport = httpx.ASGITransport(OriginApp(metadata, objects, lambda: NOW_MS))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://origin") as opened:
        yield opened


async def test_a_segment_is_immutable_and_tagged(client: httpx.AsyncClient) -> None:
    got = await client.get(f"/v/{VIDEO}/v540-3fa9c1d2/0001.m4s")
    assert (got.status_code, got.content) == (200, SEGMENT)
    assert got.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert got.headers["surrogate-key"] == f"video-{VIDEO}"
    assert got.headers["content-type"] == "video/iso.segment"
    assert got.headers["accept-ranges"] == "bytes"
    assert got.headers["etag"].startswith('"')
    assert "vary" not in got.headers


async def test_a_mutable_name_is_resolved_through_the_publication(client: httpx.AsyncClient) -> None:
    got = await client.get(f"/v/{VIDEO}/hls.m3u8", headers={"accept-encoding": "identity"})
    assert got.content == PLAYLIST
    assert got.headers["cache-control"] == "public, max-age=60, stale-while-revalidate=600"
    assert got.headers["content-type"] == "application/vnd.apple.mpegurl"
    assert got.headers["vary"] == "Accept-Encoding"


async def test_until_the_video_is_ready_playlists_are_short_lived(
    client: httpx.AsyncClient, metadata: Metadata
) -> None:
    await metadata.publish(VIDEO, replace(PUBLICATION, revision=2), VideoStatus.PLAYABLE, NOW_MS, {VideoStatus.READY})
    got = await client.get(f"/v/{VIDEO}/hls.m3u8")
    assert got.headers["cache-control"] == "public, max-age=2, stale-while-revalidate=60"


async def test_a_playlist_that_grows_is_never_served_stale(client: httpx.AsyncClient, metadata: Metadata) -> None:
    files = {**PUBLICATION.files, "growing-v540.m3u8": f"v/{VIDEO}/m1-00/hls.m3u8"}
    growing = replace(PUBLICATION, revision=2, files=files)
    await metadata.publish(VIDEO, growing, VideoStatus.PLAYABLE, NOW_MS, {VideoStatus.READY})
    got = await client.get(f"/v/{VIDEO}/growing-v540.m3u8")
    assert got.headers["cache-control"] == "public, max-age=1"


async def test_playlists_are_compressed_with_a_tag_of_their_own_and_stay_the_same_bytes(
    client: httpx.AsyncClient,
) -> None:
    url, fields = f"/v/{VIDEO}/hls.m3u8", {"accept-encoding": "gzip"}
    plain = await client.get(url, headers={"accept-encoding": "identity"})
    raw = []
    for _ in range(2):
        async with client.stream("GET", url, headers=fields) as got:
            raw.append(b"".join([block async for block in got.aiter_raw()]))
            assert got.headers["content-encoding"] == "gzip"
            assert int(got.headers["content-length"]) == len(raw[-1])
            assert got.headers["etag"] != plain.headers["etag"]
    assert raw[0] == raw[1]
    assert gzip.decompress(raw[0]) == PLAYLIST
    assert "content-encoding" not in (await client.get(f"/v/{VIDEO}/poster.jpg", headers=fields)).headers


async def test_conditions_and_ranges(client: httpx.AsyncClient) -> None:
    url = f"/v/{VIDEO}/v540-3fa9c1d2/0001.m4s"
    etag = (await client.get(url)).headers["etag"]
    modified = (await client.get(url)).headers["last-modified"]
    assert (await client.get(url, headers={"if-none-match": f'"x", {etag}'})).status_code == 304
    assert (await client.get(url, headers={"if-modified-since": modified})).status_code == 304
    part = await client.get(url, headers={"range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, SEGMENT[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(SEGMENT)}"
    beyond = await client.get(url, headers={"range": f"bytes={len(SEGMENT)}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(SEGMENT)}")
    other = await client.get(url, headers={"range": "bytes=0-1", "if-range": '"other"'})
    assert other.status_code == 200
    head = await client.head(url)
    assert (head.content, head.headers["content-length"]) == (b"", str(len(SEGMENT)))


@pytest.mark.parametrize(
    "path",
    [
        f"/v/{VIDEO}/raw",
        f"/v/{VIDEO}/../raw/{VIDEO}",
        f"/v/{VIDEO}/..%2f..%2fraw/{VIDEO}",
        f"/v/{VIDEO}/x/..",
        f"/v/{VIDEO}/x/%2e%2e/m1-00/hls.m3u8",
        f"/v/{VIDEO}//m1-00/hls.m3u8",
        f"/v/{VIDEO}/",
        f"/v/0{VIDEO}/hls.m3u8",
        "/v/1/hls.m3u8",
        f"/raw/{VIDEO}",
        "/",
        f"/v/{VIDEO}/{'a/' * 300}b",
        f"/v/{VIDEO}/nothing/here.m4s",
        f"/v/{VIDEO}/%00/a",
    ],
)
async def test_no_path_reaches_anything_but_published_media(client: httpx.AsyncClient, path: str) -> None:
    request = client.build_request("GET", "http://origin/")
    request.url = request.url.copy_with(raw_path=path.encode())
    got = await client.send(request)
    assert got.status_code == 404
    assert got.json()["code"] == "not_found"
    assert b"secret" not in got.content


@pytest.mark.parametrize(
    "status", [VideoStatus.REJECTED, VideoStatus.DELETED, VideoStatus.FAILED, VideoStatus.PROCESSING]
)
async def test_a_video_that_may_not_be_watched_looks_like_one_that_never_was(
    client: httpx.AsyncClient, metadata: Metadata, status: VideoStatus
) -> None:
    await metadata.transition(VIDEO, {VideoStatus.READY}, status)
    for name in ("hls.m3u8", "v540-3fa9c1d2/0001.m4s"):
        got = await client.get(f"/v/{VIDEO}/{name}")
        never = await client.get(f"/v/99/{name}")
        assert (got.status_code, got.content) == (404, never.content)
        assert got.headers["cache-control"] == "public, max-age=1"


async def test_only_reading_is_allowed(client: httpx.AsyncClient) -> None:
    got = await client.post(f"/v/{VIDEO}/hls.m3u8")
    assert (got.status_code, got.headers["allow"]) == (405, "GET, HEAD")


FILE = Representation("a.m4s", 10, '"e"', 1_700_000_000, "public", "video-1")


@given(st.text(max_size=30), st.integers(min_value=0, max_value=50))
def test_any_range_field_gives_a_span_inside_the_file(value: str, size: int) -> None:
    plan = delivery.plan(replace(FILE, size_bytes=size), {"range": value})
    assert plan.status in (200, 206, 416)
    assert 0 <= plan.start <= plan.end <= size
    if plan.status == 206:
        assert plan.fields["content-length"] == str(plan.end - plan.start)


@given(st.integers(0, 20), st.integers(0, 30), st.integers(0, 30))
def test_ranges_agree_with_slices(size: int, first: int, last: int) -> None:
    data = bytes(range(size))
    plan = delivery.plan(replace(FILE, size_bytes=size), {"range": f"bytes={first}-{last}"})
    if last < first:
        assert plan.status == 200
    elif first >= size:
        assert plan.status == 416
    else:
        assert data[plan.start : plan.end] == data[first : last + 1]


@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        ("gzip", True),
        ("br, gzip;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip;q=0.000", False),
        ("", False),
        ("br", False),
        ("xgzip", False),
    ],
)
def test_gzip_is_sent_only_to_those_who_take_it(field: str, wanted: bool) -> None:
    assert delivery.wants_gzip(field) is wanted


@given(st.integers(1, 100), st.integers(1, 120))
def test_a_suffix_range_is_the_last_bytes(size: int, count: int) -> None:
    plan = delivery.plan(replace(FILE, size_bytes=size), {"range": f"bytes=-{count}"})
    data = bytes(range(size))
    assert (plan.status, data[plan.start : plan.end]) == (206, data[-count:])


async def test_a_store_that_is_away_is_a_503_and_one_line_in_the_log(
    client: httpx.AsyncClient, metadata: Metadata, caplog: pytest.LogCaptureFixture
) -> None:
    await metadata.close()
    response = await client.get(f"/v/{VIDEO}/hls.m3u8")
    assert (response.status_code, response.headers["cache-control"]) == (503, "no-store")
    [line] = [each for each in caplog.records if each.name == "origin.app"]
    assert line.exc_info is None
    assert line.__dict__["error"]


CAPTIONS = (Caption("de", 'Deutsch & "mehr"', "0" * 16), Caption("en", "English", "1" * 16))
MASTER = b"""#EXTM3U
#EXT-X-VERSION:6
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aud",NAME="main",LANGUAGE="en",URI="a128/main.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=900000,CODECS="avc1.64001f",AUDIO="aud"
v540/main.m3u8
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=90000,URI="v540/iframe.m3u8"
"""


@pytest.fixture
async def captioned(client: httpx.AsyncClient, metadata: Metadata, objects: Objects) -> httpx.AsyncClient:
    await objects.put(f"v/{VIDEO}/m1-00/hls.m3u8", MASTER)
    await objects.put(f"v/{VIDEO}/m1-00/dash.mpd", b"<MPD><Period><AdaptationSet/>\n</Period></MPD>")
    files = {**PUBLICATION.files, "dash.mpd": f"v/{VIDEO}/m1-00/dash.mpd"}
    await metadata.publish(
        VIDEO, replace(PUBLICATION, revision=2, files=files), VideoStatus.READY, NOW_MS, {VideoStatus.READY}
    )
    for caption in CAPTIONS:
        await objects.put(object_key(VIDEO, caption), b"WEBVTT\n\n00:00.000 --> 00:01.000\nx\n")
        await metadata.set_caption(VIDEO, caption.language, caption)
    return client


async def test_manifests_name_the_captions_with_a_tag_of_their_own(
    captioned: httpx.AsyncClient, metadata: Metadata
) -> None:
    named = await captioned.get(f"/v/{VIDEO}/hls.m3u8")
    lines = named.text.splitlines()
    assert lines.count('#EXT-X-STREAM-INF:BANDWIDTH=900000,CODECS="avc1.64001f",AUDIO="aud",SUBTITLES="captions"') == 1
    assert [line for line in lines if "TYPE=SUBTITLES" in line] == [
        f'#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="captions",NAME="{name}",LANGUAGE="{language}",DEFAULT=NO,'
        f'AUTOSELECT=YES,FORCED=NO,URI="captions-{digit * 16}/{language}.m3u8"'
        for language, name, digit in (("de", "Deutsch & 'mehr'", "0"), ("en", "English", "1"))
    ]
    dash = ET.fromstring((await captioned.get(f"/v/{VIDEO}/dash.mpd")).text)
    assert [each.get("lang") for each in dash.iter("AdaptationSet") if each.get("contentType") == "text"] == [
        "de",
        "en",
    ]
    # The schema of ISO 23009-1 is a sequence.
    assert [each.tag for each in dash.find(".//*[@contentType='text']") or ()] == ["Label", "Role", "Representation"]
    assert [each.text for each in dash.iter("Label")] == ['Deutsch & "mehr"', "English"]
    await metadata.set_caption(VIDEO, "de", None)
    fewer = await captioned.get(f"/v/{VIDEO}/hls.m3u8", headers={"if-none-match": named.headers["etag"]})
    assert (fewer.status_code, "de.m3u8" in fewer.text) == (200, False)


async def test_a_track_has_a_playlist_and_passes_through(captioned: httpx.AsyncClient) -> None:
    playlist = await captioned.get(f"/v/{VIDEO}/captions-{'1' * 16}/en.m3u8")
    assert playlist.headers["content-type"] == "application/vnd.apple.mpegurl"
    assert playlist.text.splitlines()[2:] == [
        "#EXT-X-TARGETDURATION:10",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXTINF:10.000,",
        "en.vtt",
        "#EXT-X-ENDLIST",
    ]
    track = await captioned.get(f"/v/{VIDEO}/captions-{'1' * 16}/en.vtt")
    assert (track.headers["content-type"], track.text[:6]) == ("text/vtt; charset=utf-8", "WEBVTT")
    for name in (f"captions-{'2' * 16}/en.m3u8", f"captions-{'1' * 16}/fr.m3u8", "captions-1/en.m3u8"):
        assert (await captioned.get(f"/v/{VIDEO}/{name}")).status_code == 404


async def test_while_renditions_are_still_to_come_no_captions_are_named(
    captioned: httpx.AsyncClient, metadata: Metadata
) -> None:
    await metadata.publish(VIDEO, replace(PUBLICATION, revision=3), VideoStatus.PLAYABLE, NOW_MS, {VideoStatus.READY})
    assert (await captioned.get(f"/v/{VIDEO}/hls.m3u8")).content == MASTER


async def test_equal_labels_are_told_apart(captioned: httpx.AsyncClient, metadata: Metadata) -> None:
    for language in ("en", "de"):
        await metadata.set_caption(VIDEO, language, Caption(language, "Mine", "1" * 16))
    names = re.findall(r'TYPE=SUBTITLES.*NAME="([^"]*)"', (await captioned.get(f"/v/{VIDEO}/hls.m3u8")).text)
    assert names == ["Mine (de)", "Mine (en)"]


async def test_no_number_is_too_large_to_be_looked_up(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v/9999999999999999999/hls.m3u8")).status_code == 404
