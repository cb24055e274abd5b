"""Who sent a request: the bearer token of RFC 6750, verified as RFC 8725 asks. Wraps PyJWT.

The token is taken from the `Authorization` field alone: not from queries, which end up in logs, nor from cookies,
which other sites could make a browser send. Event streams are read with `fetch`, which can set the field.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence

import jwt

from edge.gateway.context import Principal
from edge.gateway.issuers.base import Issuer, IssuerUnavailable
from edge.gateway.problems import ApiProblem, bad_token, unavailable
from origin.ids import parse_id

ALGORITHMS = frozenset({"ES256", "EdDSA", "RS256"})
MOST_TOKEN_BYTES = 4096
LEEWAY_S = 30
"""For an issuer's clock that runs ahead of ours (`nbf`, `iat`)."""
CACHED_TOKENS = 4096


class Authenticator:
    """Verifies tokens of one issuer. What was verified is remembered (by a hash of the token) until it expires."""

    def __init__(self, issuer: Issuer, audience: str) -> None:
        self._issuer = issuer
        self._audience = audience
        self._verified: OrderedDict[bytes, Principal] = OrderedDict()

    async def authenticate(self, headers: Sequence[tuple[bytes, bytes]], now_ms: int) -> Principal | None:
        """The sender; None without an Authorization field. Raises ApiProblem 401 for a token that does not hold."""
        values = [value for name, value in headers if name == b"authorization"]
        if not values:
            return None
        if len(values) > 1:
            raise ApiProblem(bad_token("bad_token", "There is more than one Authorization field."))
        scheme, _, token = values[0].decode("latin-1").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token or len(token) > MOST_TOKEN_BYTES:
            raise ApiProblem(bad_token("bad_token", "The Authorization field must be `Bearer` and one token."))
        return await self._principal(token, now_ms)

    async def _principal(self, token: str, now_ms: int) -> Principal:
        digest = hashlib.sha256(token.encode()).digest()
        known = self._verified.get(digest)
        if known is None:
            known = await self._verify(token, now_ms)
            self._remember(digest, known)
        if known.expires_at_ms <= now_ms:
            self._verified.pop(digest, None)
            raise ApiProblem(bad_token("token_expired", "The token has expired; open a new session."))
        return known

    def _remember(self, digest: bytes, principal: Principal) -> None:
        self._verified[digest] = principal
        if len(self._verified) > CACHED_TOKENS:
            self._verified.popitem(last=False)

    async def _verify(self, token: str, now_ms: int) -> Principal:
        kid = _key_id(token)
        try:
            key = await self._issuer.key(kid, now_ms)
        except IssuerUnavailable as error:
            raise ApiProblem(unavailable("The token issuer's keys cannot be had.")) from error
        if key is None:
            raise ApiProblem(bad_token("bad_token", "The token is signed with a key that is not known."))
        try:
            # PyJWT would compare times with its own clock; ours is handed in.
            claims = jwt.decode(
                token,
                key.key,
                algorithms=[key.algorithm],
                audience=self._audience,
                issuer=self._issuer.name,
                options={
                    "require": ["exp", "sub", "iss", "aud"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.InvalidTokenError as error:
            raise ApiProblem(bad_token("bad_token", _reason(error))) from error
        return _principal_of(claims, now_ms)


def _key_id(token: str) -> str:
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.InvalidTokenError, RecursionError) as error:
        raise ApiProblem(bad_token("bad_token", "The token is not a JSON Web Token.")) from error
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise ApiProblem(bad_token("bad_token", "The algorithm must be ES256, EdDSA or RS256."))
    kid = header.get("kid")
    if not isinstance(kid, str) or not kid:
        raise ApiProblem(bad_token("bad_token", "The token names no key (kid)."))
    return kid


def _principal_of(claims: dict[str, object], now_ms: int) -> Principal:
    expires_s, subject = claims["exp"], claims["sub"]
    if not _is_time(expires_s):
        raise ApiProblem(bad_token("bad_token", "The claim exp must be a time in seconds."))
    for name in ("nbf", "iat"):
        value = claims.get(name)
        if value is not None and (not _is_time(value) or _seconds(value) > now_ms // 1000 + LEEWAY_S):
            raise ApiProblem(bad_token("token_not_yet_valid", f"The claim {name} lies in the future."))
    try:
        user_id = parse_id(str(subject))
    except ValueError as error:
        raise ApiProblem(bad_token("bad_token", "The claim sub is not a user id.")) from error
    return Principal(user_id, _seconds(expires_s) * 1000, _scopes(claims))


def _scopes(claims: dict[str, object]) -> frozenset[str]:
    scope = claims.get("scope", "")
    if not isinstance(scope, str):
        raise ApiProblem(bad_token("bad_token", "The claim scope must be a text."))
    return frozenset(scope.split())


def _is_time(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1 << 40


def _seconds(value: object) -> int:
    """A NumericDate (RFC 7519 section 2) may have a fraction; a token ends no later for it."""
    return int(value) if isinstance(value, (int, float)) else 0


def _reason(error: jwt.InvalidTokenError) -> str:
    """A sentence from us for each kind: PyJWT's own texts can quote the token."""
    if isinstance(error, jwt.InvalidAudienceError):
        return "The token is for another audience."
    if isinstance(error, jwt.InvalidIssuerError):
        return "The token is from another issuer."
    if isinstance(error, jwt.MissingRequiredClaimError):
        return f"The token lacks the claim {error.claim}."
    return "The signature does not hold."
