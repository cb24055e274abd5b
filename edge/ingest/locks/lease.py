"""The state of one upload's lock and how each step changes it. Rules file; `locks.redis` does the same in Lua, and the
contract suite holds both to the same answers."""

from __future__ import annotations

from dataclasses import dataclass, replace

from edge.ingest.locks.base import Claim, Granted, LockLost, Superseded


@dataclass(frozen=True, slots=True)
class Lock:
    token: int = 0
    ends_at_ms: int = 0
    """0: released."""
    strays: int = 0
    wanted: str = ""
    """The claimant that waits."""


def claimed(lock: Lock | None, claim: Claim, now_ms: int, lease_ms: int, *, first: bool) -> tuple[Lock, Granted | None]:
    """Raises Superseded."""
    known = lock or Lock(strays=0 if claim.new else 1)
    if first:
        known = replace(known, wanted=claim.claimant)
    elif known.wanted != claim.claimant:
        raise Superseded
    if known.ends_at_ms > now_ms:
        return known, None
    strays = known.strays + (known.ends_at_ms != 0)
    granted = Granted(max(now_ms, known.token + 1), strays)
    return Lock(granted.token, now_ms + lease_ms, strays), granted


def renewed(lock: Lock | None, granted: Granted, now_ms: int, lease_ms: int, *, stored: bool) -> Lock:
    """Raises LockLost."""
    known = lock or Lock()
    if known.token > granted.token or (known.token == granted.token and known.ends_at_ms == 0):
        raise LockLost
    strays = 0 if stored else known.strays if known.token == granted.token else granted.strays
    return Lock(granted.token, now_ms + lease_ms, strays, known.wanted)


def released(lock: Lock | None, granted: Granted) -> Lock | None:
    if lock is None or lock.token != granted.token:
        return lock
    return replace(lock, ends_at_ms=0)
