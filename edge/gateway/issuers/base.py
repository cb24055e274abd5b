"""The port to whoever issues the users' tokens.

Words: an *issuer* signs JSON Web Tokens (RFC 7519) whose `sub` is a user id in decimals. A *key* belongs to exactly
one algorithm: an EC P-256 key to ES256, an Ed25519 key to EdDSA, an RSA key of at least 2048 bits to RS256. A token
is verified with the algorithm of the key that its `kid` names, never with one that it chooses (RFC 8725 section 3.1).

Promised: keys are public keys; no symmetric algorithm is known here.
Not promised: that a key which was rotated away is refused at once; a fetched set is used for minutes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

PublicKey = EllipticCurvePublicKey | Ed25519PublicKey | RSAPublicKey


class IssuerUnavailable(Exception):
    """The issuer's keys could not be had, and none are held. A retry may help."""


@dataclass(frozen=True, slots=True)
class VerificationKey:
    kid: str
    algorithm: str
    """`ES256`, `EdDSA` or `RS256`."""
    key: PublicKey


class Issuer(Protocol):
    @property
    def name(self) -> str:
        """The `iss` that its tokens carry."""

    async def key(self, kid: str, now_ms: int) -> VerificationKey | None:
        """The key with that id; None when the issuer has none such. Raises IssuerUnavailable."""

    async def close(self) -> None: ...


@runtime_checkable
class Minting(Protocol):
    """The extra ability of the local issuer: giving out tokens."""

    def mint(self, user_id: int, now_ms: int, scope: str = "") -> tuple[str, int]:
        """A token for a user and when it expires (epoch ms); `scope`: what it allows beside what everybody may."""
