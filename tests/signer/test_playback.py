from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from signer.keys import KeyRing, SigningKey
from signer.playback import RESERVE_MS, WINDOW_MS, PlaybackSigner
from signer.token import Granted, verify

KEY = SigningKey("kid-one", bytes(range(32)), 0, 0)
SIGNER = PlaybackSigner(KeyRing({KEY.kid: KEY}))
times = st.integers(min_value=1_700_000_000_000, max_value=2_500_000_000_000)
videos = st.integers(min_value=1, max_value=2**63 - 1)


@given(videos, times)
def test_a_url_always_has_more_than_the_reserve_left_and_never_more_than_four_hours(video_id: int, now_ms: int) -> None:
    left_ms = SIGNER.expires_at_ms(video_id, now_ms) - now_ms
    assert RESERVE_MS < left_ms <= RESERVE_MS + WINDOW_MS


@given(videos, times)
def test_every_url_is_handed_out_for_a_whole_window(video_id: int, now_ms: int) -> None:
    expires = SIGNER.expires_at_ms(video_id, now_ms)
    first = expires - RESERVE_MS - WINDOW_MS
    same = [first, first + 10 * 60_000, first + WINDOW_MS - 1]
    assert {SIGNER.expires_at_ms(video_id, at) for at in same} == {expires}
    assert SIGNER.expires_at_ms(video_id, first + WINDOW_MS) == expires + WINDOW_MS


def test_the_urls_of_many_videos_do_not_change_at_one_instant() -> None:
    now_ms = 1_800_000_000_000
    ends = {SIGNER.expires_at_ms(video_id << 22, now_ms) for video_id in range(1, 1000)}
    assert len(ends) > 500


def test_a_url_carries_a_token_that_opens_the_video_and_its_segments() -> None:
    now_ms = 1_800_000_000_000
    url, expires_at_ms = SIGNER.url("https://edge.example:8444/", 42, "hls.m3u8", now_ms)
    assert url.startswith("https://edge.example:8444/p/")
    token, _, rest = url.removeprefix("https://edge.example:8444/p/").partition("/")
    assert rest == "v/42/hls.m3u8"
    assert isinstance(verify(token, "/v/42/v540/0001.m4s", "GET", SIGNER.ring, now_ms), Granted)
    assert not isinstance(verify(token, "/v/42/a", "GET", SIGNER.ring, expires_at_ms), Granted)
    assert isinstance(verify(token, "/v/42/a", "GET", SIGNER.ring, expires_at_ms - 1), Granted)


@given(videos, times)
def test_only_a_token_for_the_creator_opens_private_videos(video_id: int, now_ms: int) -> None:
    ordinary, own = (SIGNER.token(video_id, now_ms, private=private)[0] for private in (False, True))
    verdicts = [verify(token, f"/v/{video_id}/a", "GET", SIGNER.ring, now_ms) for token in (ordinary, own)]
    assert [isinstance(verdict, Granted) and verdict.claims.private for verdict in verdicts] == [False, True]
    # Calling one back must leave the other.
    ids = {verdict.claims.cti for verdict in verdicts if isinstance(verdict, Granted)}
    assert len(ids) == 2
