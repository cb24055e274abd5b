"""Public keys as JSON Web Keys (RFC 7517, 7518, 8037), and which algorithm a key is for. Wraps cryptography; pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey, EllipticCurvePublicNumbers
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers

from edge.gateway.issuers.base import PublicKey, VerificationKey

MOST_KEYS = 64
_LEAST_RSA_BITS = 2048
_MOST_RSA_BITS = 8192


def parse_set(document: object) -> dict[str, VerificationKey]:
    """The usable signing keys of a JWK set by key id; keys of other kinds are passed over, as RFC 7517 section 5 asks.

    Raises ValueError when the document is no JWK set.
    """
    keys = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(keys, list):
        raise ValueError("the document is no JWK set: it has no list `keys`")  # noqa: TRY004 - outside data
    parsed = [_parse(jwk) for jwk in keys[:MOST_KEYS] if isinstance(jwk, Mapping)]
    return {key.kid: key for key in parsed if key is not None}


def _parse(jwk: Mapping[str, Any]) -> VerificationKey | None:
    kid = jwk.get("kid")
    if not isinstance(kid, str) or not kid or jwk.get("use", "sig") != "sig":
        return None
    try:
        key = _public_key(jwk)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    algorithm = algorithm_of(key) if key is not None else None
    if key is None or algorithm is None or jwk.get("alg", algorithm) != algorithm:
        return None
    return VerificationKey(kid, algorithm, key)


def _public_key(jwk: Mapping[str, Any]) -> PublicKey | None:
    match jwk["kty"], jwk.get("crv"):
        case "EC", "P-256":
            return EllipticCurvePublicNumbers(_number(jwk["x"]), _number(jwk["y"]), SECP256R1()).public_key()
        case "OKP", "Ed25519":
            return Ed25519PublicKey.from_public_bytes(_bytes(jwk["x"]))
        case "RSA", _:
            return RSAPublicNumbers(_number(jwk["e"]), _number(jwk["n"])).public_key()
    return None


def algorithm_of(key: PublicKey) -> str | None:
    """The one algorithm that a key may be used with; None for a key that is too weak or of another kind."""
    if isinstance(key, RSAPublicKey):
        return "RS256" if _LEAST_RSA_BITS <= key.key_size <= _MOST_RSA_BITS else None
    if isinstance(key, Ed25519PublicKey):
        return "EdDSA"
    return "ES256" if isinstance(key.curve, SECP256R1) else None


def thumbprint(key: EllipticCurvePublicKey) -> str:
    """RFC 7638 thumbprint of a P-256 key, used as its key id."""
    numbers = key.public_numbers()
    x, y = (_text(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
    document = json.dumps({"crv": "P-256", "kty": "EC", "x": x, "y": y}, separators=(",", ":"))
    return _text(hashlib.sha256(document.encode()).digest())


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not base64url") from error


def _number(text: str) -> int:
    return int.from_bytes(_bytes(text), "big")
