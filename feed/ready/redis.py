"""Ready lists in Redis (or Valkey).

Keys: `feed:{user_id}` a list of video ids (contract); `feed:sources:{user_id}` a string `id=source,…` of the
entries that are not `personal`, which also marks that the user has a list when that is empty;
`history:{user_id}` a string of 8-byte big-endian ids, because appending to a string and reading it whole are
single cheap commands.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from feed.ready.base import PERSONAL, Entry, Ready, ReadyUnavailable, Update
from feed.settings import ReadySettings

_ID_BYTES = 8
_CONNECTIONS = 64


class RedisReady:
    def __init__(self, url: str, settings: ReadySettings) -> None:
        self._settings = settings
        self._redis: Redis = Redis.from_url(
            url,
            max_connections=_CONNECTIONS,
            socket_connect_timeout=settings.read_timeout_s,
            # With a timeout of its own the client sends through asyncio.wait_for, which before Python 3.12 can
            # swallow a cancellation; `_run` times every command instead.
            socket_timeout=None,
            retry=None,
        )

    async def read(self, user_id: int) -> Ready:
        pipe = self._redis.pipeline(transaction=False)
        pipe.lrange(f"feed:{user_id}", 0, -1)
        pipe.get(f"feed:sources:{user_id}")
        pipe.get(f"history:{user_id}")
        ids, sources, history = await self._run(pipe.execute(), self._settings.read_timeout_s)
        try:
            return Ready(_entries(ids, sources), _unpack(history or b""))
        except ValueError as error:
            raise ReadyUnavailable(f"the list of user {user_id} is not as this version writes it") from error

    async def replace(self, updates: Sequence[Update]) -> None:
        pipe = self._redis.pipeline(transaction=True)
        for update in updates:
            key, sources = f"feed:{update.user_id}", f"feed:sources:{update.user_id}"
            pipe.delete(key)
            if update.entries:
                pipe.rpush(key, *(entry.video_id for entry in update.entries))
                pipe.expire(key, update.ttl_s)
            pipe.set(sources, _sources(update.entries), ex=update.ttl_s)
        await self._run(pipe.execute(), self._settings.write_timeout_s)
        await self._append({update.user_id: update.watched for update in updates if update.watched})

    async def shown(self, shown: Mapping[int, Sequence[int]]) -> None:
        pipe = self._redis.pipeline(transaction=False)
        for user_id in shown:
            for key in (f"feed:{user_id}", f"feed:sources:{user_id}"):
                pipe.expire(key, self._settings.active_ttl_s)
        await self._run(pipe.execute(), self._settings.write_timeout_s)
        await self._append(shown)

    async def ttl_s(self, user_id: int) -> int | None:
        left = int(await self._run(self._redis.ttl(f"feed:{user_id}"), self._settings.read_timeout_s))
        return left if left >= 0 else None

    async def close(self) -> None:
        await self._redis.aclose()

    async def _append(self, shown: Mapping[int, Sequence[int]]) -> None:
        if not shown:
            return
        pipe = self._redis.pipeline(transaction=False)
        for user_id, video_ids in shown.items():
            pipe.append(f"history:{user_id}", _pack(video_ids))
            pipe.expire(f"history:{user_id}", self._settings.history_ttl_s)
        answers = await self._run(pipe.execute(), self._settings.write_timeout_s)
        cap = self._settings.history_cap * _ID_BYTES
        full = [user for user, length in zip(shown, answers[::2], strict=True) if length > 2 * cap]
        for user_id in full:
            await self._trim(f"history:{user_id}", cap)

    async def _trim(self, key: str, cap: int) -> None:
        """Keep the last `cap` bytes. What another process appends in between is lost: it still remembers itself."""
        kept = await self._run(self._redis.getrange(key, -cap, -1), self._settings.write_timeout_s)
        await self._run(self._redis.set(key, kept, ex=self._settings.history_ttl_s), self._settings.write_timeout_s)

    async def _run(self, command: Awaitable[Any], timeout_s: float) -> Any:
        try:
            async with asyncio.timeout(timeout_s):
                return await command
        except (RedisError, OSError, TimeoutError) as error:
            raise ReadyUnavailable(f"the speed layer did not answer: {str(error) or type(error).__name__}") from error


def _entries(ids: Sequence[bytes], sources: bytes | None) -> tuple[Entry, ...] | None:
    if not ids and sources is None:
        return None
    by_id = dict(pair.split("=", 1) for pair in (sources or b"").decode().split(",") if "=" in pair)
    return tuple(Entry(int(i), by_id.get(i.decode(), PERSONAL)) for i in ids)


def _sources(entries: Sequence[Entry]) -> str:
    return ",".join(f"{e.video_id}={e.source}" for e in entries if e.source != PERSONAL)


def _pack(video_ids: Sequence[int]) -> bytes:
    return struct.pack(f">{len(video_ids)}q", *video_ids)


def _unpack(data: bytes) -> tuple[int, ...]:
    count = len(data) // _ID_BYTES
    return struct.unpack_from(f">{count}q", data)
