from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signer.canonical import MAX_PATH_BYTES, BadPath, CanonicalPath, canonicalise


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"", "not_absolute"),
        (b"v/1/a", "not_absolute"),
        (b"/v/1/../2/a", "dot_segment"),
        (b"/v/1/%2e%2e/2/a", "dot_segment"),
        (b"/v/1/.%2E/2", "dot_segment"),
        (b"/v/1/./a", "dot_segment"),
        (b"/v//1/a", "empty_segment"),
        (b"/v/1/", "empty_segment"),
        (b"/", "empty_segment"),
        (b"/v/1%2fa", "encoded_slash"),
        (b"/v/1%2Fa", "encoded_slash"),
        (b"/v/1%5ca", "backslash"),
        (b"/v/1\\a", "backslash"),
        (b"/v/1/a%00", "control_character"),
        (b"/v/1/a%7f", "control_character"),
        (b"/v/1/a%c2%85", "control_character"),
        (b"/v/1/%ff", "not_utf8"),
        (b"/v/1/%c0%ae", "not_utf8"),
        (b"/v/1/%zz", "bad_percent_encoding"),
        (b"/v/1/%", "bad_percent_encoding"),
        (b"/v/1/%2", "bad_percent_encoding"),
        (b"/" + b"a" * MAX_PATH_BYTES, "too_long"),
    ],
)
def test_a_path_that_two_readers_could_read_differently_is_refused(raw: bytes, problem: str) -> None:
    assert canonicalise(raw) == BadPath(problem)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"/v/1/hls.m3u8", "/v/1/hls.m3u8"),
        (b"/v/%31/h%6cs.m3u8", "/v/1/hls.m3u8"),
        (b"/v/1/%C3%A9.vtt", "/v/1/é.vtt"),
        (b"/v/1/..a", "/v/1/..a"),
        (b"/v/1/a%25b", "/v/1/a%b"),
        (b"/v/1/a%252f", "/v/1/a%2f"),
    ],
)
def test_a_path_is_decoded_exactly_once(raw: bytes, text: str) -> None:
    assert canonicalise(raw) == CanonicalPath(text)


@given(st.binary(max_size=200).map(lambda tail: b"/" + tail))
def test_what_is_accepted_has_no_dots_no_holes_and_nothing_unprintable(raw: bytes) -> None:
    outcome = canonicalise(raw)
    if isinstance(outcome, CanonicalPath):
        segments = outcome.text.split("/")
        assert segments[0] == ""
        assert not {"", ".", ".."} & set(segments[1:])
        assert not set(outcome.text) & {"\0", "\\", "\r", "\n"}


@given(st.binary(max_size=100).map(lambda tail: b"/" + tail))
def test_encoding_an_accepted_path_again_gives_the_same_path(raw: bytes) -> None:
    outcome = canonicalise(raw)
    if isinstance(outcome, CanonicalPath):
        assert canonicalise(quote(outcome.text).encode()) == outcome


@given(st.text(alphabet="ab1-_.~", min_size=1, max_size=12).filter(lambda s: s not in (".", "..")))
def test_the_fast_way_and_the_careful_way_agree(segment: str) -> None:
    careful = "".join(f"%{byte:02x}" for byte in segment.encode())
    assert canonicalise(f"/v/{segment}".encode()) == canonicalise(f"/v/{careful}".encode())
