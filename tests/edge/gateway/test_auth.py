"""Tokens: who may be believed."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.gateway.auth import CACHED_TOKENS, Authenticator
from edge.gateway.issuers import open_issuer
from edge.gateway.issuers.base import Issuer, IssuerUnavailable, VerificationKey
from edge.gateway.issuers.jwk import algorithm_of, parse_set
from edge.gateway.issuers.local import BadKeyFile, LocalIssuer, load_or_make_key
from edge.gateway.issuers.oidc import FRESH_MS, LEAST_PAUSE_MS, STALE_MS, OidcIssuer
from edge.gateway.problems import ApiProblem

NOW_MS = 1_767_225_600_000
NOW_S = NOW_MS // 1000
KEY = generate_private_key(SECP256R1())
ISSUER = LocalIssuer(KEY, "reelway")
CLAIMS = {"iss": "reelway-local", "aud": "reelway", "sub": "42", "exp": NOW_S + 60}


def kid() -> str:
    return str(jwt.get_unverified_header(ISSUER.mint(1, NOW_MS)[0])["kid"])


def signed(claims: dict[str, Any], key: Any = KEY, algorithm: str = "ES256", **header: Any) -> str:
    return jwt.encode(claims, key, algorithm, headers={"kid": kid(), **header})


async def authenticated(token: str, issuer: Issuer = ISSUER, now_ms: int = NOW_MS) -> int:
    bearer = [(b"authorization", f"Bearer {token}".encode())]
    principal = await Authenticator(issuer, "reelway").authenticate(bearer, now_ms)
    assert principal is not None
    return principal.user_id


async def refusal(token: str, issuer: Issuer = ISSUER, now_ms: int = NOW_MS) -> str:
    with pytest.raises(ApiProblem) as raised:
        await authenticated(token, issuer, now_ms)
    assert raised.value.problem.status == 401
    assert any(name == "WWW-Authenticate" for name, _ in raised.value.problem.headers)
    return raised.value.problem.detail


async def test_a_minted_token_is_believed_for_thirty_days() -> None:
    token, expires_at_ms = ISSUER.mint(42, NOW_MS)
    assert expires_at_ms == NOW_MS + 30 * 86_400_000
    assert await authenticated(token) == 42
    assert await authenticated(token, now_ms=expires_at_ms - 1) == 42
    assert "expired" in await refusal(token, now_ms=expires_at_ms)


async def test_a_token_allows_what_its_scope_names() -> None:
    bearer = [(b"authorization", f"Bearer {ISSUER.mint(42, NOW_MS, 'a b')[0]}".encode())]
    principal = await Authenticator(ISSUER, "reelway").authenticate(bearer, NOW_MS)
    assert principal is not None
    assert principal.scopes == {"a", "b"}
    assert "scope" in await refusal(signed({**CLAIMS, "scope": ["a"]}))


async def test_a_remembered_token_still_expires() -> None:
    authenticator = Authenticator(ISSUER, "reelway")
    token, expires_at_ms = ISSUER.mint(42, NOW_MS)
    bearer = [(b"authorization", f"bearer {token}".encode())]
    for _ in range(2):
        assert await authenticator.authenticate(bearer, NOW_MS) is not None
    with pytest.raises(ApiProblem):
        await authenticator.authenticate(bearer, expires_at_ms)


async def test_no_more_than_a_bounded_number_of_tokens_is_remembered() -> None:
    authenticator = Authenticator(ISSUER, "reelway")
    authenticator._verified.update((str(n).encode(), None) for n in range(CACHED_TOKENS))  # type: ignore[misc]
    await authenticator.authenticate([(b"authorization", b"Bearer " + ISSUER.mint(1, NOW_MS)[0].encode())], NOW_MS)
    assert len(authenticator._verified) == CACHED_TOKENS


async def test_no_token_is_nobody() -> None:
    assert await Authenticator(ISSUER, "reelway").authenticate([], NOW_MS) is None


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "someone"},
        {"aud": "other"},
        {"aud": None},
        {"sub": "ada"},
        {"sub": None},
        {"sub": 42},
        {"exp": None},
        {"exp": "soon"},
        {"exp": NOW_S},
        {"nbf": NOW_S + 60},
        {"iat": NOW_S + 60},
    ],
)
async def test_a_claim_that_does_not_hold_is_refused(change: dict[str, Any]) -> None:
    claims = {name: value for name, value in {**CLAIMS, **change}.items() if value is not None}
    # PyJWT refuses to sign some of these, so the token is put together by hand.
    header = {"alg": "ES256", "kid": kid(), "typ": "JWT"}
    parts = [base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=") for each in (header, claims)]
    signature = jwt.get_algorithm_by_name("ES256").sign(b".".join(parts), KEY)
    token = b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()
    assert await refusal(token)


async def test_a_tampered_token_is_refused() -> None:
    head, claims, signature = signed(CLAIMS).split(".")
    forged = base64.urlsafe_b64encode(json.dumps({**CLAIMS, "sub": "1"}).encode()).rstrip(b"=").decode()
    assert await refusal(f"{head}.{forged}.{signature}") == "The signature does not hold."
    assert await refusal(f"{head}.{claims}.{signature[:-4]}AAAA")
    assert await refusal(signed(CLAIMS, generate_private_key(SECP256R1())))
    assert "not known" in await refusal(signed(CLAIMS, kid="another"))


async def test_the_token_does_not_choose_its_algorithm() -> None:
    pem = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": kid()}).encode()).rstrip(b"=")
    body = base64.urlsafe_b64encode(json.dumps(CLAIMS).encode()).rstrip(b"=")
    import hashlib
    import hmac

    mac = base64.urlsafe_b64encode(hmac.digest(pem, header + b"." + body, hashlib.sha256)).rstrip(b"=")
    assert "algorithm" in await refusal((header + b"." + body + b"." + mac).decode())
    assert "algorithm" in await refusal(signed(CLAIMS, None, "none"))
    assert await refusal(signed(CLAIMS, Ed25519PrivateKey.generate(), "EdDSA")) == "The signature does not hold."


@pytest.mark.parametrize("algorithm", [["ES256"], {"ES256": 1}, None, 256, True])
async def test_an_algorithm_that_is_no_text_is_refused(algorithm: object) -> None:
    head = base64.urlsafe_b64encode(json.dumps({"alg": algorithm, "kid": kid()}).encode()).rstrip(b"=").decode()
    _, claims, signature = signed(CLAIMS).split(".")
    assert "algorithm" in await refusal(f"{head}.{claims}.{signature}")


@pytest.mark.parametrize(
    "field", [b"Basic abc", b"Bearer", b"Bearer ", b"Bearer a b", b"Bearer " + b"x" * 5000, b"Bearer \xff.\xfe.\xfd"]
)
async def test_a_field_that_is_no_bearer_token_is_refused(field: bytes) -> None:
    with pytest.raises(ApiProblem):
        await Authenticator(ISSUER, "reelway").authenticate([(b"authorization", field)], NOW_MS)


async def test_two_fields_are_refused() -> None:
    field = (b"authorization", f"Bearer {signed(CLAIMS)}".encode())
    with pytest.raises(ApiProblem):
        await Authenticator(ISSUER, "reelway").authenticate([field, field], NOW_MS)


@given(st.binary(max_size=200))
@settings(max_examples=200)
async def test_no_bytes_break_the_verification(token: bytes) -> None:
    with pytest.raises(ApiProblem):
        await Authenticator(ISSUER, "reelway").authenticate([(b"authorization", b"Bearer " + token)], NOW_MS)


def test_the_key_file_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "sessions.pem"
    made = load_or_make_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_or_make_key(path).private_numbers() == made.private_numbers()
    assert [each.name for each in path.parent.iterdir()] == ["sessions.pem"]


def test_a_key_file_that_holds_something_else_stops_the_start(tmp_path: Path) -> None:
    path = tmp_path / "sessions.pem"
    path.write_text("hello")
    with pytest.raises(BadKeyFile, match=r"sessions\.pem"):
        open_issuer("local", path, "reelway")
    with pytest.raises(ValueError, match="http://x"):
        open_issuer("http://x", path, "reelway")


# OpenID Connect

ED = Ed25519PrivateKey.generate()
RSA = generate_rsa_key(65537, 2048)
URL = "https://id.example"


class Identity:
    """An OpenID Connect issuer on a scripted wire."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = [jwk(ED, "ed"), jwk(RSA, "rsa"), jwk(KEY, "ec")]
        self.up = True
        self.fetched = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if not self.up:
            return httpx.Response(503)
        if request.url.path == "/.well-known/openid-configuration":
            return httpx.Response(200, json={"issuer": URL, "jwks_uri": f"{URL}/keys"})
        self.fetched += 1
        return httpx.Response(200, json={"keys": self.keys})


def jwk(key: Any, name: str) -> dict[str, Any]:
    algorithm = algorithm_of(key.public_key())
    assert algorithm is not None
    document = json.loads(jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key()))
    return {**document, "kid": name, "alg": algorithm, "use": "sig"}


@pytest.fixture
def identity() -> Identity:
    return Identity()


@pytest.fixture
async def oidc(identity: Identity) -> Any:
    issuer = OidcIssuer(URL, httpx.MockTransport(identity))
    yield issuer
    await issuer.close()


async def test_tokens_of_every_key_kind_are_believed(oidc: OidcIssuer) -> None:
    claims = {**CLAIMS, "iss": URL}
    assert await authenticated(signed(claims, ED, "EdDSA", kid="ed"), oidc) == 42
    assert await authenticated(signed(claims, RSA, "RS256", kid="rsa"), oidc) == 42
    assert await authenticated(signed(claims, KEY, "ES256", kid="ec"), oidc) == 42
    assert await refusal(signed(claims, RSA, "RS512", kid="rsa"), oidc)
    assert await refusal(signed(claims, RSA, "RS256", kid="ec"), oidc)


async def test_a_rotated_key_is_fetched_once_it_appears_and_no_oftener_than_allowed(
    oidc: OidcIssuer, identity: Identity
) -> None:
    assert await oidc.key("ed", NOW_MS) is not None
    assert await oidc.key("new", NOW_MS + 1) is None
    assert identity.fetched == 1
    identity.keys = [jwk(ED, "new")]
    assert await oidc.key("new", NOW_MS + LEAST_PAUSE_MS) is not None
    for made_up in range(100):
        assert await oidc.key(str(made_up), NOW_MS + LEAST_PAUSE_MS + made_up) is None
    assert identity.fetched == 2


async def test_held_keys_last_through_an_outage_for_a_day(oidc: OidcIssuer, identity: Identity) -> None:
    await oidc.key("ed", NOW_MS)
    identity.up = False
    assert await oidc.key("ed", NOW_MS + FRESH_MS) is not None
    with pytest.raises(IssuerUnavailable):
        await oidc.key("ed", NOW_MS + STALE_MS)
    with pytest.raises(ApiProblem) as raised:
        await authenticated(signed({**CLAIMS, "iss": URL}, ED, "EdDSA", kid="ed"), oidc, NOW_MS + STALE_MS)
    assert raised.value.problem.status == 503


def test_weak_and_foreign_keys_are_passed_over() -> None:
    weak = json.loads(jwt.get_algorithm_by_name("RS256").to_jwk(generate_rsa_key(65537, 1024).public_key()))
    wide = json.loads(jwt.get_algorithm_by_name("ES384").to_jwk(generate_private_key(SECP384R1()).public_key()))
    secret = {"kty": "oct", "k": "AAAA", "kid": "s"}
    crossed = {**jwk(RSA, "x"), "alg": "ES256"}
    encryption = {**jwk(RSA, "y"), "use": "enc"}
    keys = parse_set({"keys": [{**weak, "kid": "w"}, {**wide, "kid": "p"}, secret, crossed, encryption, 7, {}]})
    assert keys == {}
    with pytest.raises(ValueError, match="JWK set"):
        parse_set([])


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.text(max_size=8)
        | st.sampled_from(["EC", "RSA", "OKP", "P-256"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["kty", "crv", "x", "y", "n", "e", "kid", "use", "alg", "keys"]), inner)
        ),
        max_leaves=12,
    )
)
@settings(max_examples=300)
def test_no_document_breaks_the_key_parser(document: Any) -> None:
    try:
        keys = parse_set(document)
    except ValueError:
        return
    assert all(isinstance(each, VerificationKey) for each in keys.values())
