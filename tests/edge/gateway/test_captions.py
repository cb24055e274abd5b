"""Captions through the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.edge.gateway.conftest import Client

TRACK = b"WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n"
WEBVTT = {"content-type": "text/vtt"}


async def test_a_track_is_put_and_listed_with_a_signed_url(client: Client) -> None:
    put = await client.ask("PUT", "/v1/videos/11/captions/en?label=English", TRACK, headers=WEBVTT)
    (given,) = put.json["playback"]["captions"]
    assert (put.status, given["language"], given["label"]) == (200, "en", "English")
    assert given["url"].startswith("https://localhost:8444/p/t/v/11/captions-")
    assert given["url"].endswith("/en.vtt")
    assert (await client.ask("DELETE", "/v1/videos/11/captions/en")).status == 204
    assert (await client.ask("GET", "/v1/videos/11")).json["playback"]["captions"] == []


async def test_what_is_no_webvtt_is_refused(client: Client) -> None:
    json = await client.ask("PUT", "/v1/videos/11/captions/en", TRACK)
    assert (json.status, json.code) == (415, "unsupported_media_type")
    bad = await client.ask("PUT", "/v1/videos/11/captions/en", b"1\n00:00", headers=WEBVTT)
    assert (bad.status, bad.code, bad.json["detail"]) == (422, "bad_captions", "The first line must be WEBVTT.")


async def test_only_the_creator_captions_a_video(client: Client) -> None:
    others = await client.ask("PUT", "/v1/videos/11/captions/en", TRACK, user_id=2, headers=WEBVTT)
    assert (others.status, others.code) == (403, "not_creator")
    nobody = await client.ask("PUT", "/v1/videos/11/captions/en", TRACK, user_id=None, headers=WEBVTT)
    assert (nobody.status, nobody.code) == (401, "unauthenticated")
