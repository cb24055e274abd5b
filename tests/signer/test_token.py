from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from typing import Any

import cbor2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from signer.cwt import MAX_TOKEN_BYTES, MalformedToken, authentic, mac, seal, strict_loads, take_apart
from signer.keys import KeyRing, SigningKey
from signer.token import Claims, Granted, Refused, at_boundary, path_prefix, sign, verify

NOW_MS = 1_800_000_000_000
KEY = SigningKey("kid-one", bytes(range(32)), 0, 0)
RING = KeyRing({KEY.kid: KEY})
VIDEO = 7_000_000_000_000_000_001
PATH = f"/v/{VIDEO}/hls.m3u8"
CLAIMS = Claims(path_prefix(VIDEO), exp_s=NOW_MS // 1000 + 60, iat_s=NOW_MS // 1000, cti=b"12345678")
TOKEN = sign(CLAIMS, KEY)


def _signed(claims: dict[int, Any], key: SigningKey = KEY) -> str:
    base = {4: CLAIMS.exp_s, 312: {3: {1: CLAIMS.path_prefix}}}
    return seal({**base, **claims}, key.kid, key.secret)


def _check(token: str | None, path: str = PATH, method: str = "GET", now_ms: int = NOW_MS) -> Granted | Refused:
    return verify(token, path, method, RING, now_ms)


def test_a_signed_token_opens_its_video() -> None:
    assert _check(TOKEN) == Granted(CLAIMS, KEY.kid)
    assert isinstance(_check(TOKEN, f"/v/{VIDEO}/v540-0a1b2c3d/0001.m4s", "HEAD"), Granted)


def test_signing_is_deterministic() -> None:
    assert sign(CLAIMS, KEY) == TOKEN


def test_no_token_is_401_and_everything_else_is_403() -> None:
    assert Refused("no_token").status == 401
    assert _check(None) == _check("") == Refused("no_token")
    assert Refused("expired").status == 403


@given(st.integers(min_value=0, max_value=len(TOKEN) * 6 - 1))
def test_any_single_flipped_bit_of_the_text_alphabet_is_refused(bit: int) -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    place, shift = divmod(bit, 6)
    flipped = alphabet[alphabet.index(TOKEN[place]) ^ (1 << shift)]
    assert _check(TOKEN[:place] + flipped + TOKEN[place + 1 :]) == Refused("bad_signature")


def test_every_single_flipped_bit_of_the_bytes_is_refused() -> None:
    data = urlsafe_b64decode(TOKEN + "=" * (-len(TOKEN) % 4))
    for place in range(len(data) * 8):
        byte, shift = divmod(place, 8)
        flipped = data[:byte] + bytes([data[byte] ^ (1 << shift)]) + data[byte + 1 :]
        assert _check(urlsafe_b64encode(flipped).rstrip(b"=").decode()) == Refused("bad_signature")


@given(st.text(max_size=300) | st.binary(max_size=300).map(lambda b: urlsafe_b64encode(b).rstrip(b"=").decode()))
@example("0YRA")
@example("A" * (MAX_TOKEN_BYTES + 1))
@example(TOKEN + "=")
@example(TOKEN + "\n")
@example(" " + TOKEN)
def test_no_text_makes_the_parser_raise_or_grant(text: str) -> None:
    assert isinstance(_check(text), Refused)


@given(st.binary(max_size=80))
def test_no_envelope_content_makes_the_parser_raise(data: bytes) -> None:
    text = urlsafe_b64encode(b"\xd8\x3d\xd1" + data).rstrip(b"=").decode()
    assert isinstance(_check(text), Refused)


claim_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.integers(), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.integers(min_value=-3, max_value=330), claim_values, max_size=5))
def test_authentic_tokens_with_any_claims_never_raise_and_never_cover_another_video(claims: dict[int, Any]) -> None:
    token = seal(claims, KEY.kid, KEY.secret)
    assert isinstance(_check(token), Refused)


@pytest.mark.parametrize(
    ("later_ms", "outcome"), [(59_999, Granted), (60_000, Refused), (60_001, Refused), (10**12, Refused)]
)
def test_a_token_ends_at_exp_to_the_millisecond(later_ms: int, outcome: type) -> None:
    result = _check(TOKEN, now_ms=NOW_MS + later_ms)
    assert isinstance(result, outcome)
    if isinstance(result, Refused):
        assert result.reason == "expired"


def test_a_token_begins_at_nbf() -> None:
    token = sign(replace(CLAIMS, nbf_s=NOW_MS // 1000 + 10), KEY)
    assert _check(token) == Refused("not_yet_valid")
    assert _check(token, now_ms=NOW_MS + 9_999) == Refused("not_yet_valid")
    assert isinstance(_check(token, now_ms=NOW_MS + 10_000), Granted)


@pytest.mark.parametrize(
    "path", [f"/v/{VIDEO}0/hls.m3u8", f"/v/{VIDEO}", "/v/1/hls.m3u8", f"/V/{VIDEO}/hls.m3u8", "", "/"]
)
def test_a_token_does_not_open_another_path(path: str) -> None:
    assert _check(TOKEN, path) == Refused("wrong_path")


def test_a_prefix_without_a_slash_still_ends_at_a_path_boundary() -> None:
    token = _signed({312: {3: {1: "/v/1"}}})
    assert isinstance(_check(token, "/v/1/a"), Granted)
    assert isinstance(_check(token, "/v/1"), Granted)
    assert _check(token, "/v/10/a") == Refused("wrong_path")


@given(st.text(alphabet="/ab", max_size=6), st.text(alphabet="/ab", max_size=6))
def test_a_prefix_covers_only_itself_and_what_is_below_it(prefix: str, path: str) -> None:
    below = path == prefix or path.startswith(prefix.removesuffix("/") + "/")
    expected = prefix.startswith("/") and path.startswith(prefix) and below
    assert at_boundary(path, prefix) == expected


def test_an_exact_path_is_enforced() -> None:
    token = _signed({312: {3: {0: PATH}}})
    assert isinstance(_check(token), Granted)
    assert _check(token, PATH + "x") == _check(token, PATH + "/x") == Refused("wrong_path")


@pytest.mark.parametrize(
    "catu",
    [
        {},
        {0: {0: "https"}},
        {3: {1: f"/v/{VIDEO}/"}, 1: {0: "a"}},
        {3: {2: ".m3u8"}},
        {3: {4: [".*"]}},
        {3: {}},
        {3: {1: ""}},
    ],
)
def test_a_catu_that_cannot_be_enforced_in_full_covers_nothing(catu: dict[int, Any]) -> None:
    assert _check(_signed({312: catu})) == Refused("wrong_path")


def test_a_token_without_a_path_or_without_an_end_is_refused() -> None:
    assert _check(seal({4: CLAIMS.exp_s}, KEY.kid, KEY.secret)) == Refused("wrong_path")
    assert _check(seal({312: {3: {1: "/v/"}}}, KEY.kid, KEY.secret)) == Refused("expired")


def test_methods_are_enforced() -> None:
    assert _check(TOKEN, method="POST") == Refused("wrong_path")
    only_head = sign(replace(CLAIMS, methods=("HEAD",)), KEY)
    assert _check(only_head) == Refused("wrong_path")
    assert isinstance(_check(only_head, method="HEAD"), Granted)


@pytest.mark.parametrize("label", [3, 8, 282, 309, 311, 314, 315, 316, 317, 318, 319, 321, 324, 328])
def test_a_registered_claim_that_is_not_enforced_fails_closed(label: int) -> None:
    assert _check(_signed({label: ["x"]})) == Refused("wrong_client")


def test_replay_rules_that_are_not_enforced_fail_closed() -> None:
    assert isinstance(_check(_signed({308: 0, 310: 1})), Granted)
    for value in (1, 2, "0", True, False):
        assert _check(_signed({308: value})) == Refused("replayed")
    assert _check(_signed({310: 2})) == Refused("wrong_client")


@pytest.mark.parametrize("label", [1, 2, 322, 323, 99_999, -70_000])
def test_claims_that_only_inform_and_unregistered_ones_are_ignored(label: int) -> None:
    assert isinstance(_check(_signed({label: "x"})), Granted)


@pytest.mark.parametrize("claims", [{4: "soon"}, {4: 1.5e10}, {4: True}, {5: -1}, {7: "text"}, {313: "GET"}, {313: []}])
def test_a_claim_of_the_wrong_type_is_refused(claims: dict[int, Any]) -> None:
    assert _check(_signed(claims)) == Refused("bad_signature")


def test_an_unknown_key_and_a_foreign_key_of_the_same_name_are_bad_signatures() -> None:
    assert _check(sign(CLAIMS, replace(KEY, kid="other"))) == Refused("bad_signature")
    assert _check(sign(CLAIMS, replace(KEY, secret=b"\x01" * 32))) == Refused("bad_signature")


def test_revoked_keys_and_tokens_are_refused() -> None:
    gone = KeyRing({KEY.kid: replace(KEY, revoked_ms=NOW_MS - 1)})
    assert verify(TOKEN, PATH, "GET", gone, NOW_MS) == Refused("revoked")
    called_back = KeyRing({KEY.kid: KEY}, {b"12345678": NOW_MS + 1})
    assert verify(TOKEN, PATH, "GET", called_back, NOW_MS) == Refused("revoked")


def test_a_key_past_its_overlap_verifies_nothing() -> None:
    old = KeyRing({KEY.kid: replace(KEY, verifies_until_ms=NOW_MS)})
    assert verify(TOKEN, PATH, "GET", old, NOW_MS) == Refused("expired")
    assert isinstance(verify(TOKEN, PATH, "GET", old, NOW_MS - 1), Granted)


def _enveloped(protected: bytes, unprotected: dict[int, Any], payload: bytes, prefix: bytes = b"\xd8\x3d\xd1") -> str:
    body = cbor2.dumps([protected, unprotected, payload, mac(KEY.secret, protected, payload)])
    return urlsafe_b64encode(prefix + body).rstrip(b"=").decode()


def test_the_key_id_may_be_unprotected_and_the_cwt_tag_may_be_missing() -> None:
    payload = cbor2.dumps({4: CLAIMS.exp_s, 312: {3: {1: CLAIMS.path_prefix}}})
    protected = cbor2.dumps({1: 5})
    assert isinstance(_check(_enveloped(protected, {4: KEY.kid.encode()}, payload)), Granted)
    assert isinstance(_check(_enveloped(protected, {4: KEY.kid.encode()}, payload, b"\xd1")), Granted)


@pytest.mark.parametrize(
    ("protected", "unprotected"),
    [
        ({1: 4}, {4: b"kid-one"}),
        ({1: -7}, {4: b"kid-one"}),
        ({}, {1: 5, 4: b"kid-one"}),
        ({1: 5, 2: [99], 99: 1}, {4: b"kid-one"}),
        ({1: 5, 4: b"kid-one"}, {4: b"kid-one"}),
        ({1: 5, 4: b"kid-one"}, {99: 1}),
        ({1: 5}, {}),
        ({1: 5}, {4: "kid-one"}),
        ({1: 5}, {4: b"\xff"}),
    ],
)
def test_headers_that_are_not_understood_are_refused(protected: dict[int, Any], unprotected: dict[int, Any]) -> None:
    payload = cbor2.dumps({4: CLAIMS.exp_s, 312: {3: {1: CLAIMS.path_prefix}}})
    assert _check(_enveloped(cbor2.dumps(protected), unprotected, payload)) == Refused("bad_signature")


@pytest.mark.parametrize(
    "payload",
    [
        bytes.fromhex("a2041a6b49d23c041a6b49d23c"),
        bytes.fromhex("bf041a6b49d23cff"),
        bytes.fromhex("a1041b000000006b49d23c"),
        bytes.fromhex("a1041a6b49d23c00"),
        bytes.fromhex("a104f97e00"),
        b"",
        bytes.fromhex("80"),
    ],
)
def test_claims_in_another_than_the_deterministic_encoding_are_refused(payload: bytes) -> None:
    assert _check(_enveloped(cbor2.dumps({1: 5, 4: b"kid-one"}), {}, payload)) in (
        Refused("bad_signature"),
        Refused("wrong_path"),
    )
    if payload not in (bytes.fromhex("80"), bytes.fromhex("a104f97e00")):
        with pytest.raises(MalformedToken):
            strict_loads(payload)


def test_the_mac_is_that_of_rfc_8392_appendix_a4() -> None:
    # RFC 8392 A.4 truncates the tag to 64 bits (alg 4); the MAC_structure and the key are the same.
    secret = bytes.fromhex("403697de87af64611c1d32a05dab0fe1fcb715a86ab435f1ec99192d79569388")
    payload = cbor2.dumps(
        {
            1: "coap://as.example.com",
            2: "erikw",
            3: "coap://light.example.com",
            4: 1444064944,
            5: 1443944944,
            6: 1443944944,
            7: b"\x0bq",
        }
    )
    assert mac(secret, bytes.fromhex("a10104"), payload)[:8] == bytes.fromhex("093101ef6d789200")


def test_a_token_signed_for_something_else_than_a_whole_prefix_is_an_error() -> None:
    for prefix in ("/v/1", "v/1/", ""):
        with pytest.raises(ValueError, match="prefix"):
            sign(replace(CLAIMS, path_prefix=prefix), KEY)


def test_a_playback_token_is_short() -> None:
    assert len(TOKEN) < 200
    assert take_apart(TOKEN).kid == KEY.kid


INTEROP_SECRET = bytes.fromhex("403697de87af64611c1d32a05dab0fe1fcb715a86ab435f1ec99192d79569388")
"""The key of RFC 8392 appendix A.2.2, which the open implementations of CAT use in their examples."""


def test_a_token_made_by_another_implementation_is_understood() -> None:
    # Made with npm @eyevinn/cat 0.16.4, generate(): iss, exp 1900000000, iat, cti 0b71, catu {3: {1:
    # "/v/42/"}}, catm, catv 1.
    token = (
        "2D3RhEOhAQWhBExTeW1tZXRyaWMyNTZYOacBZ2V5ZXZpbm4EGnE_swAGGmtJ0gAHQgtxGQE4oQOhAWYvdi80Mi8ZATmCY0dFVGRI"
        "RUFEGQE2AVggS_dnDbqPEV64w3Fp3DMk1aza7EhItIdOj7p45YiE9UE"
    )
    ring = KeyRing({"Symmetric256": SigningKey("Symmetric256", INTEROP_SECRET, 0, 0)})
    granted = verify(token, "/v/42/hls.m3u8", "GET", ring, NOW_MS)
    assert isinstance(granted, Granted)
    assert granted.claims == Claims("/v/42/", 1_900_000_000, None, NOW_MS // 1000, b"\x0bq", ("GET", "HEAD"))
    assert verify(token, "/v/43/hls.m3u8", "GET", ring, NOW_MS) == Refused("wrong_path")


def test_a_published_token_that_ends_before_it_begins_is_authentic_and_never_valid() -> None:
    # From the readme of @eyevinn/cat: exp 1742159862, nbf and iat 1742159883, no path.
    token = (
        "2D3RhEOhAQWhBFBha2FtYWlfa2V5X2hzMjU2U6MEGmfXP_YGGmfXQAsFGmfXQAtYINTT_KlOyhaV6NaSxFXkqJWfBagSkPkem10dysoA-C0w"
    )
    envelope = take_apart(token)
    assert authentic(envelope, INTEROP_SECRET)
    assert strict_loads(envelope.payload) == {4: 1742159862, 6: 1742159883, 5: 1742159883}
    ring = KeyRing({"akamai_key_hs256": SigningKey("akamai_key_hs256", INTEROP_SECRET, 0, 0)})
    assert verify(token, "/v/1/a", "GET", ring, 1742159861999) == Refused("not_yet_valid")
    assert verify(token, "/v/1/a", "GET", ring, 1742159883000) == Refused("expired")
