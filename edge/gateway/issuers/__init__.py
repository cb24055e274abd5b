"""Issuers of users' tokens: the port, and the one way to open a backend."""

from __future__ import annotations

from pathlib import Path

from edge.gateway.issuers.base import Issuer, IssuerUnavailable, Minting, VerificationKey

__all__ = ["Issuer", "IssuerUnavailable", "Minting", "VerificationKey", "open_issuer"]


def open_issuer(issuer: str, key_file: Path, audience: str) -> Issuer:
    """`local` (its ES256 key in `key_file`, made when missing) or the https address of an OIDC issuer.

    Blocking for `local`: for start-up. Raises ValueError for anything else, and the local issuer's BadKeyFile.
    """
    if issuer == "local":
        from edge.gateway.issuers.local import LocalIssuer, load_or_make_key

        return LocalIssuer(load_or_make_key(key_file), audience)
    if issuer.startswith("https://"):
        from edge.gateway.issuers.oidc import OidcIssuer

        return OidcIssuer(issuer)
    raise ValueError(f"{issuer!r} is no issuer: use local, or the https:// address of an OIDC issuer")
