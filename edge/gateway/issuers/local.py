"""The local issuer: an ES256 key in the data folder signs the tokens of guests and named users."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from edge.gateway.issuers.base import VerificationKey
from edge.gateway.issuers.jwk import thumbprint

NAME = "reelway-local"
LIFETIME_S = 30 * 86400


class BadKeyFile(Exception):
    """The key file is not a P-256 private key in PEM. Its text is meant for the operator."""


class LocalIssuer:
    """Verifies and mints. One key; deleting its file and starting again ends every session."""

    def __init__(self, key: EllipticCurvePrivateKey, audience: str, lifetime_s: int = LIFETIME_S) -> None:
        self._private = key
        self._audience = audience
        self._lifetime_s = lifetime_s
        public = key.public_key()
        self._key = VerificationKey(thumbprint(public), "ES256", public)

    @property
    def name(self) -> str:
        return NAME

    async def key(self, kid: str, now_ms: int) -> VerificationKey | None:  # noqa: ARG002 - a port's signature
        return self._key if kid == self._key.kid else None

    def mint(self, user_id: int, now_ms: int, scope: str = "") -> tuple[str, int]:
        issued_s = now_ms // 1000
        expires_s = issued_s + self._lifetime_s
        claims = {
            "iss": NAME,
            "aud": self._audience,
            "sub": str(user_id),
            "iat": issued_s,
            "exp": expires_s,
            "jti": secrets.token_urlsafe(9),
        }
        if scope:
            claims["scope"] = scope
        token = jwt.encode(claims, self._private, algorithm="ES256", headers={"kid": self._key.kid})
        return token, expires_s * 1000

    async def close(self) -> None:
        """Nothing is held open."""


def load_or_make_key(path: Path) -> EllipticCurvePrivateKey:
    """The key in a file, made with mode 0600 when there is none. Blocking: for start-up only.

    Two processes that start at once get the same key: the one that loses the race reads the winner's.
    Raises BadKeyFile, OSError.
    """
    if not path.exists():
        _make(path)
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise BadKeyFile(f"{path} is not a private key in PEM: {error}") from error
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise BadKeyFile(f"{path} holds a private key, but not one for P-256")
    return key


def _make(path: Path) -> None:
    pem = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    try:
        # A link, unlike a rename, fails when the other process was first.
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
