"""The arithmetic of a token bucket, in units that need no rounding. Rules file.

One token is `window` milliseconds' worth of units, and each millisecond refills `quota` units. `limits.redis`
does the same in Lua; the contract suite holds both to the same answers.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge.gateway.limits.base import Policy, Spent

MOST_SKEW_MS = 300_000
"""Between the clocks of gateways that share buckets."""


@dataclass(frozen=True, slots=True)
class Bucket:
    units: int
    at_ms: int


def spend(bucket: Bucket | None, policy: Policy, now_ms: int) -> tuple[Bucket, Spent]:
    """Refill, then take one token if there is one. A new key starts full.

    A clock behind the bucket (another gateway's) refills nothing; one behind by more than MOST_SKEW_MS was set back,
    and the bucket goes by it from here on.
    """
    token = policy.window_s * 1000
    full = policy.quota * token
    if bucket is None:
        units, at_ms = full, now_ms
    else:
        at_ms = now_ms if bucket.at_ms - now_ms > MOST_SKEW_MS else max(bucket.at_ms, now_ms)
        units = min(full, bucket.units + max(0, at_ms - bucket.at_ms) * policy.quota)
    allowed = units >= token
    if allowed:
        units -= token
    return Bucket(units, at_ms), outcome(allowed, units, policy)


def outcome(allowed: bool, units: int, policy: Policy) -> Spent:
    """What to tell the client about a bucket that holds `units` after the decision."""
    token = policy.window_s * 1000
    wait = 0 if allowed else _ceil(token - units, policy.quota)
    return Spent(allowed, units // token, wait, _ceil(policy.quota * token - units, policy.quota))


def _ceil(amount: int, by: int) -> int:
    return -(-amount // by)
