"""Locks in Redis or Valkey: `lock:{upload_id}` is a hash, and each step one script, by the server's clock.

A breaker sees to it that a dead or frozen server does not cost every request the time limit.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from typing import Any

from edge.ingest.locks.base import KEEP_MS, Claim, Granted, LockLost, LocksUnavailable, Superseded
from origin.breaker import Breaker
from origin.speed.base import SpeedError
from origin.speed.clients import Command, Script, open_client


def _script(name: str) -> Script:
    return Script(files("edge.ingest.locks").joinpath(f"{name}.lua").read_text())


_CLAIM, _RENEW, _RELEASE = (_script(name) for name in ("claim", "renew", "release"))


class RedisLocks:
    """`clock` gives milliseconds, for the breaker."""

    def __init__(self, url: str, clock: Callable[[], int], lease_ms: int, timeout_s: float) -> None:
        self._client = open_client(url, connect_timeout_s=timeout_s)
        self._timeout_s = timeout_s
        self._clock = clock
        self._lease_ms = lease_ms
        self._breaker = Breaker()

    async def claim(self, claim: Claim, *, first: bool) -> Granted | None:
        unknown = 0 if claim.new else 1
        asked = _CLAIM.on([_key(claim.upload_id)], [claim.claimant, int(first), unknown, self._lease_ms, KEEP_MS])
        token, strays = (int(each) for each in await self._asked(asked))
        if token < 0:
            raise Superseded
        return Granted(token, strays) if token else None

    async def renew(self, upload_id: int, granted: Granted, *, stored: bool) -> bool:
        arguments = [granted.token, granted.strays, int(stored), self._lease_ms, KEEP_MS]
        answer = int(await self._asked(_RENEW.on([_key(upload_id)], arguments)))
        if answer < 0:
            raise LockLost
        return bool(answer)

    async def release(self, upload_id: int, granted: Granted) -> None:
        await self._asked(_RELEASE.on([_key(upload_id)], [granted.token]))

    async def close(self) -> None:
        await self._client.close()

    async def _asked(self, asked: Command) -> Any:
        if not self._breaker.admits(self._clock()):
            raise LocksUnavailable("the speed layer did not answer a moment ago")
        try:
            answer = await self._client.one(asked, self._timeout_s)
        except SpeedError as error:
            self._breaker.ended(False, self._clock())
            raise LocksUnavailable(str(error)) from error
        self._breaker.ended(True, self._clock())
        return answer


def _key(upload_id: int) -> str:
    return f"lock:{upload_id}"
