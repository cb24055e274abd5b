"""Reading ffprobe: outside text, so it is also fed nonsense."""

from __future__ import annotations

import contextlib
import json
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packager.packets import Packet, PacketSpan, has_open_gop, read_packets, span_of
from packager.source import SourceInfo, UnreadableProbe, is_isobmff, read_source

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "streams",
                    "format",
                    "codec_type",
                    "width",
                    "tags",
                    "disposition",
                    "side_data_list",
                    "rotation",
                    "displaymatrix",
                    "time_base",
                ]
            )
            | st.text(max_size=4),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


def document(**changes: Any) -> str:
    video = {
        "index": 1,
        "codec_type": "video",
        "codec_name": "h264",
        "width": 1920,
        "height": 1080,
        "sample_aspect_ratio": "1:1",
        "time_base": "1/600",
        "avg_frame_rate": "30/1",
        "duration": "2.000000",
    } | changes
    audio = {"index": 0, "codec_type": "audio", "codec_name": "aac", "channels": 1, "sample_rate": "44100"}
    container = {"start_time": "0.000000", "duration": "2.000000", "bit_rate": "1000"}
    return json.dumps({"streams": [audio, video], "format": container})


PACKETS = tuple(Packet(20 * n, 20 * n, 20, 1000, key=n % 30 == 0, shown=True) for n in range(60))


@given(JSON)
def test_no_answer_of_a_prober_breaks_the_reader(answer: Any) -> None:
    with contextlib.suppress(UnreadableProbe):
        assert isinstance(read_source(json.dumps(answer), PACKETS, 1), SourceInfo)


@given(st.text(max_size=60))
def test_text_that_is_no_answer_is_named_so(text: str) -> None:
    with contextlib.suppress(UnreadableProbe):
        read_source(text, (), 0)


@given(st.lists(st.text(max_size=30), max_size=10))
def test_no_packet_table_breaks_the_reader(lines: list[str]) -> None:
    span_of(read_packets(lines))


@pytest.mark.parametrize(
    ("numbers", "mirrored"),
    [
        ((1, 0, 0, 1), False),
        ((0, 1, -1, 0), False),
        ((-1, 0, 0, -1), False),
        ((1, 0, 0, -1), True),
        ((0, 1, 1, 0), True),
    ],
)
def test_a_display_matrix_that_mirrors_is_noticed(numbers: tuple[int, int, int, int], mirrored: bool) -> None:
    a, b, c, d = (65536 * number for number in numbers)
    matrix = f"\n00000000: {a:12d} {b:12d} {0:12d}\n00000001: {c:12d} {d:12d} {0:12d}\n00000002: 0 0 1073741824\n"
    found = read_source(document(side_data_list=[{"displaymatrix": matrix, "rotation": 0}]), PACKETS, 10).video
    assert found is not None
    assert found.form.mirrored == mirrored


def test_a_display_matrix_turns_the_size() -> None:
    found = read_source(document(side_data_list=[{"rotation": -90}]), PACKETS, 10).video
    assert found is not None
    assert (found.width, found.height, found.index) == (1080, 1920, 1)


def test_wide_pixels_widen_the_display_size() -> None:
    found = read_source(document(width=720, height=576, sample_aspect_ratio="16:11"), PACKETS, 10).video
    assert found is not None
    assert (found.coded_width, found.width, found.height) == (720, 1047, 576)


def test_a_cover_picture_is_no_video_track() -> None:
    assert read_source(document(disposition={"attached_pic": 1}), PACKETS, 10).video is None


def test_packets_outside_the_edit_list_do_not_count() -> None:
    table = ["-512,-512,512,9,KD_", "0,0,512,9,___", "1024,N/A,512,9,___", "512,0,512,9,___", "N/A,0,512,9,___"]
    assert span_of(read_packets(table)) == PacketSpan(packets=3, start=0, end=1536)


def test_pictures_from_before_a_keyframe_open_its_group() -> None:
    closed = ["0,-512,512,9,K__", "1024,0,512,9,___", "512,512,512,9,___", "1536,1024,512,9,K__"]
    assert not has_open_gop(read_packets(closed))
    assert has_open_gop(read_packets([*closed, "1280,1536,512,9,___"]))
    assert has_open_gop(read_packets(["0,0,512,9,___"]))


def test_packets_overrule_a_header_that_lies_about_its_rate() -> None:
    found = read_source(document(avg_frame_rate="1000/1"), PACKETS, 10).video
    assert found is not None
    assert found.frame_rate == Fraction(30)
    assert found.duration_ms == 2000


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"#EXTM3U\n#EXT-X",
        b"ffconcat version",
        b"\x89PNG\r\n\x1a\n\0\0\0\r",
        b"\0\0\0\x04ftypisom",
        b"ftypisom\0\0\0\0",
    ],
)
def test_what_is_no_isobmff_is_known_by_its_first_bytes(head: bytes) -> None:
    assert not is_isobmff(head)


def test_an_isobmff_file_is_known_by_its_first_bytes() -> None:
    assert is_isobmff(b"\x00\x00\x00\x18ftypmp42")
