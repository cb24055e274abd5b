"""Buckets in Redis (or Valkey): one script call per decision, and local buckets when it does not answer.

While Redis is away every gateway keeps its own buckets: requests go on, and a client gets at most its quota from each
gateway. After a failure Redis is left alone for REST_MS, so that a dead server does not cost every request a timeout.
"""

from __future__ import annotations

import asyncio
import logging

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from edge.gateway.limits.base import Policy, Spent
from edge.gateway.limits.bucket import MOST_SKEW_MS, outcome
from edge.gateway.limits.memory import MemoryLimits

logger = logging.getLogger(__name__)

TIMEOUT_S = 0.1
REST_MS = 1000
_SCRIPT = """
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
"""


class RedisLimits:
    def __init__(self, url: str) -> None:
        self._redis: Redis = Redis.from_url(
            url,
            # With a timeout of its own the client sends through asyncio.wait_for, which before Python 3.12 can
            # swallow a cancellation; `_shared` times the command instead.
            socket_timeout=None,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 1),
            max_connections=64,
            decode_responses=True,
        )
        self._script = self._redis.register_script(_SCRIPT)
        self._local = MemoryLimits()
        self._degraded = 0
        self._rest_until_ms = 0

    @property
    def degraded(self) -> int:
        return self._degraded

    async def spend(self, policy: Policy, key: str, now_ms: int) -> Spent:
        # A rest longer than any was begun before the clock was set back.
        if not 0 < self._rest_until_ms - now_ms <= REST_MS:
            try:
                return await self._shared(policy, key, now_ms)
            except (RedisError, OSError, TimeoutError, ValueError) as error:
                self._rest_until_ms = now_ms + REST_MS
                logger.warning("rate limits fall back to local buckets", extra={"error": repr(error)})
        self._degraded += 1
        return await self._local.spend(policy, key, now_ms)

    async def _shared(self, policy: Policy, key: str, now_ms: int) -> Spent:
        async with asyncio.timeout(TIMEOUT_S):
            reply = await self._script(
                keys=[f"limit:{policy.name}:{key}"],
                args=[policy.quota, policy.window_s * 1000, now_ms, MOST_SKEW_MS],
            )
        return outcome(int(reply[0]) == 1, int(reply[1]), policy)

    async def close(self) -> None:
        await self._redis.aclose()
