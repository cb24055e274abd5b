"""What is taken as captions, and how they are named."""

from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.captions import (
    MOST_BYTES,
    MOST_CUES,
    BadTrack,
    canonical_language,
    caption_of,
    checked_track,
    file_name,
    label_fits,
)

CUE = "00:00:01.000 --> 00:00:02.500 line:0\nHello\n"


def test_a_track_passes_through_with_the_time_at_which_segments_begin() -> None:
    track = "\ufeffWEBVTT - made by hand\r\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\r\n\r\nSTYLE\r\n::cue{}\r\n\r\n"
    kept = checked_track((track + CUE).encode()).decode()
    assert kept == (
        "WEBVTT - made by hand\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:90000\n\nSTYLE\n::cue{}\n\n" + CUE
    )
    assert checked_track(kept.encode()).decode() == kept


@pytest.mark.parametrize(
    ("track", "said"),
    [
        (b"", "first line"),
        (b"WEBVTTX\n\n" + CUE.encode(), "first line"),
        (b"WEBVTT\n\n" + b"\xff", "UTF-8: byte 9"),
        (b"WEBVTT\n\n\0" + CUE.encode(), "zero byte"),
        (b"WEBVTT\n\nno cue\n", "this one 0"),
        (b"WEBVTT\n\n" + CUE.encode() * (MOST_CUES + 1), f"this one {MOST_CUES + 1}"),
        (b"WEBVTT\n\n00:01.000 --> 00:01.000\nx\n", "Line 3: the cue ends before"),
        (b"WEBVTT\n\n" + CUE.encode() + b"\n00:00.500 --> 00:03.000\nx\n", "Line 6: the cue begins before"),
        (b"WEBVTT\n\n1:00 --> 2:00\nx\n", "Line 3 is no timing"),
        (b"WEBVTT\n\n" + b"9" * 5000 + b":00:00.000 --> 00:02.000\nx\n", "Line 3 is no timing"),
        ("WEBVTT\n\n00:0\u0661.000 --> 00:02.000\nx\n".encode(), "Line 3 is no timing"),
        (b"WEBVTT\n\n" + b"x" * MOST_BYTES, "at most 128 KiB"),
    ],
)
def test_what_is_no_track_is_refused_with_its_line(track: bytes, said: str) -> None:
    with pytest.raises(BadTrack, match=said):
        checked_track(track)


@given(st.binary(max_size=300) | st.text(alphabet="WEBVT\n\r0123:.-> \0é", max_size=200).map(str.encode))
def test_no_bytes_do_worse_than_be_refused(body: bytes) -> None:
    with contextlib.suppress(BadTrack):
        checked_track(body)
    with contextlib.suppress(BadTrack):
        assert checked_track(b"WEBVTT\n\n" + body).startswith(b"WEBVTT\nX-TIMESTAMP-MAP")


@pytest.mark.parametrize(
    ("tag", "canonical"),
    [("EN", "en"), ("pt-br", "pt-BR"), ("ZH-hant-tw", "zh-Hant-TW"), ("es-419", "es-419"), ("de-1996x", "de-1996x")],
)
def test_languages_are_written_one_way(tag: str, canonical: str) -> None:
    assert canonical_language(tag) == canonical


@pytest.mark.parametrize(
    "tag", ["", "e", "english", "en_US", "en-", "../en", "en/../x", "en.vtt", "é", "en-" + "a" * 40]
)
def test_what_names_no_language_is_none(tag: str) -> None:
    assert canonical_language(tag) is None


@given(st.text(max_size=12), st.binary(max_size=20))
def test_every_name_of_a_track_is_plain(tag: str, track: bytes) -> None:
    language = canonical_language(tag)
    if language is not None:
        name = file_name(caption_of(language, "", track))
        assert re.fullmatch(r"captions-[0-9a-f]{16}/[A-Za-z0-9-]+\.vtt", name)


PERSIAN = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
"""With the joiner that its spelling wants."""


@pytest.mark.parametrize("label", ["English", PERSIAN, "", "<&\"'"])
def test_a_label_is_any_line_of_text(label: str) -> None:
    assert label_fits(label)


@pytest.mark.parametrize("label", ["a\nb", "a\u202eb", "a\u2066b", "\0", "x" * 51, "a\u2028b"])
def test_a_label_turns_nothing_and_has_no_ends_of_lines(label: str) -> None:
    assert not label_fits(label)
