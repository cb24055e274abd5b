"""The keys port: which secrets sign, which still verify, which tokens are called back.

Words. A *key* is a named HMAC secret. It is `next` from its creation until `signs_from_ms` (so that every
verifier has read it before the first token carries it), then `active` until a newer key signs, then
`retired`: it verifies until `verifies_until_ms`, long enough for every token it signed to expire. A *revoked*
key never verifies again. A *ring* is all of that at one moment, as a plain value.

Raised: `KeyStoreError` when the ring cannot be read or written (whose fault: the operator's; a retry helps
only after a repair). Not promised: that a change made by another process is seen at once. It is seen within
`REFRESH_S`; rotation allows for that, and a revocation takes effect everywhere within the same time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

KeyState = Literal["next", "active", "retired", "revoked"]

REFRESH_S = 1.0
"""A ring handed out is never older than this (seconds)."""

SIGNING_DELAY_MS = 5_000
"""A rotated-in key signs only after this, so that every process has read it (milliseconds)."""

DEFAULT_OVERLAP_MS = 8 * 3_600_000
"""How long a retired key verifies unless told otherwise: twice the longest playback token (milliseconds)."""


class KeyStoreError(Exception):
    """The ring of keys cannot be read or written; the message says which file and what to do."""


class NoSigningKey(KeyStoreError):
    """Every key of the ring is revoked or expired: rotate to make a new one."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One HMAC-SHA256 secret (32 bytes or more) and the times that decide what it may do, in epoch
    milliseconds.
    """

    kid: str
    secret: bytes = field(repr=False)
    created_ms: int
    signs_from_ms: int
    verifies_until_ms: int | None = None
    revoked_ms: int | None = None

    def verifies(self, now_ms: int) -> bool:
        """Whether the key is inside its overlap; says nothing of revocation."""
        return self.verifies_until_ms is None or now_ms < self.verifies_until_ms


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Every key by its kid, and the token ids (`cti`) called back with the time until which that matters
    (epoch ms).
    """

    keys: Mapping[str, SigningKey]
    revoked_tokens: Mapping[bytes, int] = field(default_factory=dict)

    def key(self, kid: str) -> SigningKey | None:
        """The key of that name in any state, or None."""
        return self.keys.get(kid)

    def signing_key(self, now_ms: int) -> SigningKey:
        """The newest key that signs now. Raises NoSigningKey."""
        usable = [key for key in self.keys.values() if key.revoked_ms is None and key.verifies(now_ms)]
        started = [key for key in usable if key.signs_from_ms <= now_ms]
        if started:
            return max(started, key=lambda key: (key.signs_from_ms, key.kid))
        if usable:
            return min(usable, key=lambda key: (key.signs_from_ms, key.kid))
        raise NoSigningKey("no key may sign: run `reelway keys rotate`")

    def state(self, kid: str, now_ms: int) -> KeyState:
        """What a key may do now. Raises KeyError for a kid that is not in the ring."""
        key = self.keys[kid]
        if key.revoked_ms is not None:
            return "revoked"
        if not key.verifies(now_ms):
            return "retired"
        signing = self.signing_key(now_ms)
        if key.kid == signing.kid:
            return "active"
        return "next" if key.signs_from_ms > now_ms else "retired"


class KeyStore(Protocol):
    """Where the ring lives.

    Every method may be called from many tasks; writers of several processes exclude each other.
    """

    async def ring(self) -> KeyRing:
        """The ring, at most REFRESH_S old. Cheap enough to call for every request. Raises KeyStoreError."""
        ...

    async def rotate(self, now_ms: int, overlap_ms: int = DEFAULT_OVERLAP_MS) -> SigningKey:
        """Add a key that signs from `now_ms + SIGNING_DELAY_MS`; the others verify for `overlap_ms` more.

        Raises KeyStoreError.
        """
        ...

    async def revoke(self, kid: str, now_ms: int) -> None:
        """Never verify with this key again; a ring left without a usable key gets a new one at once.

        Raises KeyStoreError (unknown kid).
        """
        ...

    async def revoke_token(self, cti: bytes, until_ms: int, now_ms: int) -> None:
        """Refuse the token of that id until it would have expired anyway (`until_ms`).

        Raises KeyStoreError.
        """
        ...

    async def close(self) -> None:
        """Release threads and files. Calling it twice does nothing more."""
        ...
