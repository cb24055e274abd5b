"""The port to the rate limits: token buckets shared by all gateways.

Words: a *policy* gives a *quota* of requests per *window*; a *bucket* belongs to one policy and one key (a user
or an address), holds at most the quota and refills evenly. *Spending* takes one token if there is one.

Promised: over any span of `n` windows at most `(n + 1) * quota` requests of one key pass.
Not promised: that buckets survive a restart or a failover of the shared store (a bucket that is lost is a full one, so
a client gets at most one quota more), nor that gateways agree while it is away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Policy:
    name: str
    quota: int
    """Requests per window, and the largest burst."""
    window_s: int

    def __post_init__(self) -> None:
        if self.quota < 1 or self.window_s < 1:
            raise ValueError(f"the policy {self.name} needs a quota and a window of at least 1")


@dataclass(frozen=True, slots=True)
class Spent:
    """The outcome of spending one token."""

    allowed: bool
    remaining: int
    """Whole tokens left."""
    retry_after_ms: int
    """Until there is a token again; 0 when allowed."""
    reset_ms: int
    """Until the bucket is full again."""


class Limits(Protocol):
    async def spend(self, policy: Policy, key: str, now_ms: int) -> Spent:
        """Take one token of a key's bucket. Never raises: where the shared store is away, a local bucket decides."""

    @property
    def degraded(self) -> int:
        """Decisions so far that a local bucket took for the shared store."""

    async def close(self) -> None: ...
