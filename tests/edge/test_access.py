from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.access import Granted, Refused, admit
from signer.keys import KeyRing, SigningKey
from signer.playback import PlaybackSigner

NOW_MS = 1_800_000_000_000
KEY = SigningKey("kid-one", bytes(range(32)), 0, 0)
RING = KeyRing({KEY.kid: KEY})
TOKEN, EXPIRES_MS = PlaybackSigner(RING).token(42, NOW_MS)
OTHER, _ = PlaybackSigner(RING).token(43, NOW_MS)
PATH = b"/v/42/hls.m3u8"


def _admit(
    path: bytes, query: bytes = b"", headers: list[tuple[bytes, bytes]] | None = None, method: str = "GET"
) -> Granted | Refused:
    return admit(method, path, query, headers or [], RING, NOW_MS)


@pytest.mark.parametrize(
    ("path", "query", "headers"),
    [
        (b"/p/" + TOKEN.encode() + PATH, b"", []),
        (PATH, b"", [(b"cta-common-access-token", TOKEN.encode())]),
        (PATH, b"", [(b"cookie", b"a=b; CTA-Common-Access-Token=" + TOKEN.encode() + b"; c=d")]),
        (PATH, b"x=1&cat=" + TOKEN.encode(), []),
        (b"/p/" + TOKEN.encode() + PATH, b"cat=" + TOKEN.encode(), [(b"cta-common-access-token", TOKEN.encode())]),
    ],
)
def test_a_token_is_found_wherever_it_may_be_and_leaves_the_path(
    path: bytes, query: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    assert _admit(path, query, headers) == Granted("/v/42/hls.m3u8", EXPIRES_MS // 1000)


def test_without_a_token_the_answer_is_401() -> None:
    assert _admit(PATH) == Refused(401, "no_token")
    assert _admit(b"/p//v/42/hls.m3u8") == Refused(401, "no_token")


def test_two_different_tokens_are_refused_even_if_one_is_good() -> None:
    path = b"/p/" + TOKEN.encode() + PATH
    assert _admit(path, b"cat=" + OTHER.encode()) == Refused(403, "bad_signature")
    assert _admit(PATH, b"cat=" + TOKEN.encode() + b"&cat=") == Refused(403, "bad_signature")


def test_a_token_of_another_video_is_the_wrong_path() -> None:
    assert _admit(b"/p/" + OTHER.encode() + PATH) == Refused(403, "wrong_path")


@pytest.mark.parametrize(
    "path", [b"/v/43/../42/hls.m3u8", b"/v/42/%2e%2e/43/a", b"/v/42%2fa", b"/v/42//a", b"/v/42/\\a"]
)
def test_paths_that_could_be_read_in_two_ways_are_400(path: bytes) -> None:
    assert _admit(b"/p/" + TOKEN.encode() + path) == Refused(400, "bad_path")


def test_what_is_not_media_is_404_with_or_without_a_token() -> None:
    assert _admit(b"/p/" + TOKEN.encode() + b"/x/42/a") == _admit(b"/x/42/a") == Refused(404, "not_found")


def test_a_percent_encoded_path_is_checked_and_looked_up_in_its_one_form() -> None:
    granted = _admit(b"/p/" + TOKEN.encode() + b"/v/%34%32/hls.m3u8")
    assert granted == Granted("/v/42/hls.m3u8", EXPIRES_MS // 1000)


@given(st.binary(max_size=100), st.binary(max_size=100), st.binary(max_size=100))
def test_nothing_without_a_good_token_is_granted_and_nothing_raises(path: bytes, query: bytes, cookie: bytes) -> None:
    for headers in ([], [(b"cookie", b"CTA-Common-Access-Token=" + cookie)]):
        assert isinstance(_admit(b"/p/" + path, query, headers), Refused)
        assert isinstance(_admit(b"/v/42/" + path, query, headers), Refused)
