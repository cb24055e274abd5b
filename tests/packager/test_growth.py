"""Playlists that grow, and what of a file that is being written may be read."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packager.fragments import whole_fragments, with_duration
from packager.growth import growing_master, growing_media, may_grow, playlist_name, worth_publishing

MEDIA = """#EXTM3U
#EXT-X-VERSION:6
#EXT-X-TARGETDURATION:2
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-MAP:URI="init.mp4"
#EXTINF:1.000,
0001.m4s
#EXTINF:2.000,
0002.m4s
#EXTINF:0.500,
0003.m4s
#EXT-X-ENDLIST
"""
MASTER = """#EXTM3U
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MEDIA:TYPE=AUDIO,URI="a128-11/main.m3u8",GROUP-ID="audio",NAME="main"
#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="audio"
v540-22/main.m3u8
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="v540-22/iframe.m3u8"
"""


def test_a_growing_playlist_is_a_beginning_without_an_end() -> None:
    text = growing_media(MEDIA, "v540-22", 2, ended=False)
    assert text.endswith("#EXTINF:2.000,\nv540-22/0002.m4s\n")
    assert '#EXT-X-MAP:URI="v540-22/init.mp4"\n' in text
    assert "#EXT-X-PLAYLIST-TYPE:EVENT\n" in text
    assert "ENDLIST" not in text


def test_its_last_version_is_all_of_it_with_an_end() -> None:
    text = growing_media(MEDIA, "v540-22", 0, ended=True)
    assert text.count(".m4s") == 3
    assert text.endswith("v540-22/0003.m4s\n#EXT-X-ENDLIST\n")


@given(st.integers(1, 3), st.integers(1, 3))
def test_a_later_version_begins_with_all_of_an_earlier_one(some: int, more: int) -> None:
    few, many = sorted((some, more))
    assert growing_media(MEDIA, "v", many, ended=False).startswith(growing_media(MEDIA, "v", few, ended=False))


def test_the_growing_master_names_only_growing_playlists_and_the_place_to_begin() -> None:
    text = growing_master(MASTER, ["v540-22", "a128-11"])
    assert text.startswith("#EXTM3U\n#EXT-X-START:TIME-OFFSET=0,PRECISE=YES\n")
    assert "main.m3u8" not in text
    assert "iframe" not in text
    assert f'URI="{playlist_name("a128-11")}"' in text
    assert f"\n{playlist_name('v540-22')}\n" in text


def test_nothing_grows_where_a_player_could_come_to_the_end() -> None:
    assert may_grow(5, 1, 1.5)
    assert not may_grow(5, 4, 1.5)


def test_the_first_publication_waits_for_three_segments_and_the_next_for_news_and_a_second() -> None:
    assert not worth_publishing(2, 0, 9)
    assert worth_publishing(3, 0, 0)
    assert not worth_publishing(3, 3, 9)
    assert not worth_publishing(4, 3, 0.5)
    assert worth_publishing(4, 3, 1)


def box(kind: bytes, body: bytes) -> bytes:
    return (8 + len(body)).to_bytes(4, "big") + kind + body


@pytest.fixture(scope="module")
def growing_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("growing") / "v540.mp4"


@given(written=st.integers(0, 400))
def test_only_fragments_that_are_all_there_count(growing_file: Path, written: int) -> None:
    fragment = box(b"moof", b"\0" * 30) + box(b"mdat", b"\0" * 70)
    whole = box(b"ftyp", b"isom") + box(b"moov", b"") + fragment * 3
    growing_file.write_bytes(whole[:written])
    ends = whole_fragments(growing_file)
    assert ends == [end for end in (136, 252, 368) if end <= min(written, len(whole))]


@given(data=st.binary(max_size=60))
def test_no_bytes_break_the_reader(growing_file: Path, data: bytes) -> None:
    growing_file.write_bytes(data)
    assert len(whole_fragments(growing_file)) <= len(data) // 8


def test_a_file_that_is_not_there_yet_has_none() -> None:
    assert whole_fragments(Path("/nowhere/v540.mp4")) == []


def test_an_init_segment_is_given_the_length_of_the_whole() -> None:
    init = b"moov" + box(b"mehd", b"\1\0\0\0" + (5).to_bytes(8, "big")) + b"rest"
    assert with_duration(init, 900_000) == init.replace((5).to_bytes(8, "big"), (900_000).to_bytes(8, "big"))
    assert with_duration(b"no such box", 1) == b"no such box"
