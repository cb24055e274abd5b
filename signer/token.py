"""Common Access Tokens (CTA-5007-B): sign a path prefix for a time, and decide whether a request is covered.

Rules only.

Enforced claims: exp, nbf, cti (revocation), catv, catu (path, by exact text or prefix), catm, catreplay 0.
Our own claim PRIVATE widens: verifiers that do not know it grant what any token of the path grants.
Claims that only inform (iss, sub, iat) or that only shape a refusal or a renewal (catif, catifdata, catr) are
ignored, which never grants more. Every other registered claim restricts the holder in a way that is not
checked here, so it refuses (fail closed). Unregistered claims are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from signer.cwt import Envelope, MalformedToken, authentic, seal, strict_loads, take_apart
from signer.keys.base import KeyRing, SigningKey

Reason = Literal[
    "no_token",
    "expired",
    "not_yet_valid",
    "bad_signature",
    "wrong_path",
    "wrong_client",
    "revoked",
    "replayed",
]

HEADER = "CTA-Common-Access-Token"
"""Name of the request header and of the cookie that may carry a token."""

QUERY_PARAMETER = "cat"

# IANA "CBOR Web Token (CWT) Claims" registry.
EXP, NBF, IAT, CTI = 4, 5, 6, 7
CATREPLAY, CATV, CATU, CATM = 308, 310, 312, 313
PRIVATE = -65_537
"""Ours, from the registry's range for private use: true opens what only its creator may watch."""
_INFORMING = frozenset({1, 2, 320, 322, 323})
_ENFORCED = frozenset({EXP, NBF, IAT, CTI, CATREPLAY, CATV, CATU, CATM})
_REGISTERED = frozenset({*range(1, 41), 256, 257, 258, 259, 260, 261, 262, 263, 264, 265, 266, *range(267, 329)})
_UNENFORCED = _REGISTERED - _INFORMING - _ENFORCED

_CATU_PATH = 3
_MATCH_EXACT, _MATCH_PREFIX = 0, 1
_MAX_SECONDS = 253_402_300_799
"""31 December 9999: a larger date is a mistake."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says.

    Times in epoch seconds as CWT has them; `path_prefix` as signed; `methods` empty = GET and HEAD.
    """

    path_prefix: str
    exp_s: int
    nbf_s: int | None = None
    iat_s: int | None = None
    cti: bytes | None = None
    methods: tuple[str, ...] = ()
    path_exact: str | None = None
    private: bool = False
    """Opens private videos too: given to their creators alone."""


@dataclass(frozen=True, slots=True)
class Granted:
    """The request is covered by an authentic token."""

    claims: Claims
    kid: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The request is not covered; `reason` is from the contract's closed list."""

    reason: Reason

    @property
    def status(self) -> int:
        """HTTP status: 401 when there was no token, otherwise 403."""
        return 401 if self.reason == "no_token" else 403


def path_prefix(video_id: int) -> str:
    """The prefix that covers one video and nothing else."""
    return f"/v/{video_id}/"


def sign(claims: Claims, key: SigningKey) -> str:
    """The token text.

    Raises ValueError for a prefix that is not absolute or does not end at a path boundary.
    """
    if claims.path_exact is not None or not (claims.path_prefix.startswith("/") and claims.path_prefix.endswith("/")):
        raise ValueError("a token is signed for an absolute prefix that ends with a slash")
    wire: dict[int, Any] = {EXP: claims.exp_s, CATU: {_CATU_PATH: {_MATCH_PREFIX: claims.path_prefix}}}
    optional = {
        NBF: claims.nbf_s,
        IAT: claims.iat_s,
        CTI: claims.cti,
        CATM: list(claims.methods) or None,
        PRIVATE: claims.private or None,
    }
    wire.update({label: value for label, value in optional.items() if value is not None})
    return seal(wire, key.kid, key.secret)


def verify(token: str | None, path: str, method: str, ring: KeyRing, now_ms: int) -> Granted | Refused:
    """Decide whether the token covers `method` on the canonical `path` at `now_ms` (epoch ms, no leeway).

    An unknown key, an unknown algorithm and a malformed token are all `bad_signature`: nobody but the signer
    learns which.
    """
    if not token:
        return Refused("no_token")
    opened = _open(token, ring, now_ms)
    if isinstance(opened, Refused):
        return opened
    envelope, wire = opened
    try:
        claims = _claims(wire)
    except MalformedToken:
        return Refused("bad_signature")
    reason = (
        _called_back(claims.cti, ring, now_ms)
        or _out_of_time(claims, now_ms)
        or _not_covered(claims, path, method)
        or _not_enforced(wire)
    )
    return Refused(reason) if reason else Granted(claims, envelope.kid)


def _open(token: str, ring: KeyRing, now_ms: int) -> tuple[Envelope, dict[Any, Any]] | Refused:
    try:
        envelope = take_apart(token)
    except MalformedToken:
        return Refused("bad_signature")
    key = ring.key(envelope.kid)
    if key is None or not authentic(envelope, key.secret):
        return Refused("bad_signature")
    if key.revoked_ms is not None:
        return Refused("revoked")
    if not key.verifies(now_ms):
        return Refused("expired")
    try:
        wire = strict_loads(envelope.payload)
    except MalformedToken:
        return Refused("bad_signature")
    return (envelope, wire) if isinstance(wire, dict) else Refused("bad_signature")


def _claims(wire: Mapping[Any, Any]) -> Claims:
    prefix, exact = _catu(wire.get(CATU))
    exp_s = _seconds(wire.get(EXP))
    methods = wire.get(CATM, [])
    cti = wire.get(CTI)
    if not (isinstance(methods, list) and all(isinstance(name, str) for name in methods)):
        raise MalformedToken("catm is not a list of methods")
    if CATM in wire and not methods:
        raise MalformedToken("catm allows nothing")
    if cti is not None and not isinstance(cti, bytes):
        raise MalformedToken("cti is not bytes")
    return Claims(
        path_prefix=prefix,
        # A token without an end is over: nothing here lives for ever.
        exp_s=0 if exp_s is None else exp_s,
        nbf_s=_seconds(wire.get(NBF)),
        iat_s=_seconds(wire.get(IAT)),
        cti=cti,
        methods=tuple(methods),
        path_exact=exact,
        private=wire.get(PRIVATE) is True,
    )


def _seconds(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MAX_SECONDS:
        raise MalformedToken("a date that is not a number of seconds")
    return value


def _catu(value: Any) -> tuple[str, str | None]:
    """Path prefix and exact path of a catu claim; a token that binds no path, or binds anything else, covers
    nothing.
    """
    if not isinstance(value, dict) or set(value) != {_CATU_PATH}:
        return "", None
    match = value[_CATU_PATH]
    if not isinstance(match, dict) or not match or set(match) - {_MATCH_EXACT, _MATCH_PREFIX}:
        return "", None
    prefix, exact = match.get(_MATCH_PREFIX), match.get(_MATCH_EXACT)
    if not all(text is None or isinstance(text, str) for text in (prefix, exact)):
        raise MalformedToken("catu matches something that is not text")
    return (prefix if prefix is not None else exact) or "", exact


def _called_back(cti: bytes | None, ring: KeyRing, now_ms: int) -> Reason | None:
    return "revoked" if cti is not None and ring.revoked_tokens.get(cti, 0) > now_ms else None


def _out_of_time(claims: Claims, now_ms: int) -> Reason | None:
    if now_ms >= claims.exp_s * 1000:
        return "expired"
    if claims.nbf_s is not None and now_ms < claims.nbf_s * 1000:
        return "not_yet_valid"
    return None


def _not_covered(claims: Claims, path: str, method: str) -> Reason | None:
    if claims.path_exact is not None and path != claims.path_exact:
        return "wrong_path"
    if not at_boundary(path, claims.path_prefix):
        return "wrong_path"
    return None if method in (claims.methods or ("GET", "HEAD")) else "wrong_path"


def at_boundary(path: str, prefix: str) -> bool:
    """Whether `prefix` covers `path` up to a path boundary: `/v/1` covers `/v/1/a` and not `/v/10/a`."""
    if not prefix.startswith("/") or not path.startswith(prefix):
        return False
    return prefix.endswith("/") or len(path) == len(prefix) or path[len(prefix)] == "/"


def _not_enforced(wire: Mapping[Any, Any]) -> Reason | None:
    if wire.get(CATREPLAY, 0) != 0 or isinstance(wire.get(CATREPLAY), bool):
        return "replayed"
    if wire.get(CATV, 1) != 1 or not _UNENFORCED.isdisjoint(wire):
        return "wrong_client"
    return None
