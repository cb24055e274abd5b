"""Buckets in Redis (or Valkey): one script call per decision, and local buckets when it does not answer.

While Redis is away every gateway keeps its own buckets: requests go on, and a client gets at most its quota from each
gateway. A breaker sees to it that a dead or frozen server does not cost every request the time limit.
"""

from __future__ import annotations

import logging

from edge.gateway.limits.base import Policy, Spent
from edge.gateway.limits.bucket import MOST_SKEW_MS, outcome
from edge.gateway.limits.memory import MemoryLimits
from origin.breaker import Breaker, BreakerSettings
from origin.speed.base import SpeedError
from origin.speed.clients import Script, open_client

logger = logging.getLogger(__name__)

BREAKER = BreakerSettings(failures=1)
_SPEND = Script("""
local quota, token, now, skew = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local full = quota * token
local held = redis.call('HMGET', KEYS[1], 'u', 't')
local units, at = tonumber(held[1]) or full, tonumber(held[2]) or now
local later = now
if at - now <= skew then later = math.max(at, now) end
units = math.min(full, units + math.max(0, later - at) * quota)
local allowed = 0
if units >= token then
  allowed = 1
  units = units - token
end
redis.call('HSET', KEYS[1], 'u', string.format('%.0f', units), 't', string.format('%.0f', later))
redis.call('PEXPIRE', KEYS[1], math.ceil((full - units) / quota) + 1000)
return {allowed, string.format('%.0f', units)}
""")


class RedisLimits:
    def __init__(self, url: str, timeout_s: float) -> None:
        self._client = open_client(url, connect_timeout_s=timeout_s)
        self._timeout_s = timeout_s
        self._local = MemoryLimits()
        self._degraded = 0
        self._breaker = Breaker(BREAKER)

    @property
    def degraded(self) -> int:
        return self._degraded

    async def spend(self, policy: Policy, key: str, now_ms: int) -> Spent:
        if self._breaker.admits(now_ms):
            try:
                spent = await self._shared(policy, key, now_ms)
            except (SpeedError, ValueError) as error:
                self._breaker.ended(False, now_ms)
                logger.warning("rate limits fall back to local buckets", extra={"error": str(error)})
            else:
                self._breaker.ended(True, now_ms)
                return spent
        self._degraded += 1
        return await self._local.spend(policy, key, now_ms)

    async def _shared(self, policy: Policy, key: str, now_ms: int) -> Spent:
        asked = _SPEND.on([f"limit:{policy.name}:{key}"], [policy.quota, policy.window_s * 1000, now_ms, MOST_SKEW_MS])
        allowed, units = await self._client.one(asked, self._timeout_s)
        return outcome(int(allowed) == 1, int(units), policy)

    async def close(self) -> None:
        await self._client.close()
