"""How a ring changes: rules only, each returns a new ring."""

from __future__ import annotations

from dataclasses import replace

from signer.keys.base import SIGNING_DELAY_MS, KeyRing, KeyStoreError, SigningKey

MAX_REVOKED_TOKENS = 100_000
"""More called-back tokens than this call for revoking a key: the list is read by every verifier."""


def first(kid: str, secret: bytes, now_ms: int) -> KeyRing:
    """A ring with one key that signs at once."""
    return KeyRing({kid: SigningKey(kid, secret, now_ms, now_ms)})


def rotated(ring: KeyRing, kid: str, secret: bytes, now_ms: int, overlap_ms: int) -> KeyRing:
    """Add a key that signs soon; the others verify for `overlap_ms` after it does.

    Keys whose overlap is over are forgotten.
    """
    signs_from_ms = now_ms + SIGNING_DELAY_MS
    limit_ms = signs_from_ms + overlap_ms
    kept = {
        key.kid: replace(key, verifies_until_ms=min(limit_ms, key.verifies_until_ms or limit_ms))
        for key in ring.keys.values()
        if key.verifies(now_ms)
    }
    kept[kid] = SigningKey(kid, secret, now_ms, signs_from_ms)
    return KeyRing(kept, ring.revoked_tokens)


def revoked(ring: KeyRing, kid: str, fresh_kid: str, fresh_secret: bytes, now_ms: int) -> KeyRing:
    """Mark a key revoked.

    When no other key is left that outlives its overlap, the fresh one takes over at once.
    """
    if kid not in ring.keys:
        raise KeyStoreError(f"no key is called {kid!r}")
    keys = dict(ring.keys)
    keys[kid] = replace(keys[kid], revoked_ms=keys[kid].revoked_ms or now_ms)
    if not any(key.revoked_ms is None and key.verifies_until_ms is None for key in keys.values()):
        keys[fresh_kid] = SigningKey(fresh_kid, fresh_secret, now_ms, now_ms)
    return KeyRing(keys, ring.revoked_tokens)


def token_revoked(ring: KeyRing, cti: bytes, until_ms: int, now_ms: int) -> KeyRing:
    """Add a token id, forgetting those whose tokens have expired.

    Raises KeyStoreError when the list is full.
    """
    live = {known: until for known, until in ring.revoked_tokens.items() if until > now_ms}
    live[cti] = max(until_ms, live.get(cti, 0))
    if len(live) > MAX_REVOKED_TOKENS:
        raise KeyStoreError(f"more than {MAX_REVOKED_TOKENS} tokens are called back: revoke their key instead")
    return KeyRing(ring.keys, live)
