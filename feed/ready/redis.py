"""Ready lists in Redis (or Valkey).

Keys: `feed:{user_id}` a list of video ids (contract; `feed:42` for user 42); `{feed:42}:sources` a string `id=source,…`
of the entries that are not `personal`, which also marks that the user has a list when that is empty;
`{feed:42}:history` a string of 8-byte big-endian ids, because appending to a string and reading it whole are single
cheap commands. The braces put all of a user in one slot of a cluster, so that one script replaces a list whole.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

from feed.ready.base import PERSONAL, Entry, Ready, ReadyUnavailable, Update
from feed.settings import ReadySettings
from origin.speed.base import SpeedError
from origin.speed.clients import Command, Script, command, open_client

_ID_BYTES = 8
_REPLACE = Script("""
-- KEYS: list, sources. ARGV: seconds to live, sources, then the ids.
redis.call('DEL', KEYS[1])
if #ARGV > 2 then
  redis.call('RPUSH', KEYS[1], unpack(ARGV, 3))
  redis.call('EXPIRE', KEYS[1], ARGV[1])
end
redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[1])
""")
_READ = Script("""
-- KEYS: list, sources, history.
return {redis.call('LRANGE', KEYS[1], 0, -1), redis.call('GET', KEYS[2]), redis.call('GET', KEYS[3])}
""")


class RedisReady:
    def __init__(self, url: str, settings: ReadySettings) -> None:
        self._settings = settings
        self._client = open_client(url, connect_timeout_s=settings.read_timeout_s)

    async def read(self, user_id: int) -> Ready:
        keys = [_list(user_id), _sources_key(user_id), _history(user_id)]
        ((ids, sources, history),) = await self._run([_READ.on(keys)], self._settings.read_timeout_s)
        try:
            return Ready(_entries(ids, sources), _unpack(history or b""))
        except ValueError as error:
            raise ReadyUnavailable(f"the list of user {user_id} is not as this version writes it") from error

    async def replace(self, updates: Sequence[Update]) -> None:
        await self._run([_replacement(update) for update in updates], self._settings.write_timeout_s)
        await self._append({update.user_id: update.watched for update in updates if update.watched})

    async def shown(self, shown: Mapping[int, Sequence[int]]) -> None:
        looked = [
            command("EXPIRE", key, self._settings.active_ttl_s)
            for user_id in shown
            for key in (_list(user_id), _sources_key(user_id))
        ]
        await self._run(looked, self._settings.write_timeout_s)
        await self._append(shown)

    async def ttl_s(self, user_id: int) -> int | None:
        (left,) = await self._run([command("TTL", _list(user_id))], self._settings.read_timeout_s)
        return int(left) if left >= 0 else None

    async def close(self) -> None:
        await self._client.close()

    async def _append(self, shown: Mapping[int, Sequence[int]]) -> None:
        appended = [command("APPEND", _history(user_id), _pack(video_ids)) for user_id, video_ids in shown.items()]
        kept = [command("EXPIRE", _history(user_id), self._settings.history_ttl_s) for user_id in shown]
        lengths = await self._run([*appended, *kept], self._settings.write_timeout_s)
        cap = self._settings.history_cap * _ID_BYTES
        for user_id, length in zip(shown, lengths, strict=False):
            if length > 2 * cap:
                await self._trim(_history(user_id), cap)

    async def _trim(self, key: str, cap: int) -> None:
        """Keep the last `cap` bytes. What another process appends in between is lost: it still remembers itself."""
        (kept,) = await self._run([command("GETRANGE", key, -cap, -1)], self._settings.write_timeout_s)
        kept_on = command("SET", key, kept, "EX", self._settings.history_ttl_s)
        await self._run([kept_on], self._settings.write_timeout_s)

    async def _run(self, commands: Sequence[Command], timeout_s: float) -> list[Any]:
        if not commands:
            return []
        try:
            return await self._client.run(commands, timeout_s)
        except SpeedError as error:
            raise ReadyUnavailable(str(error)) from error


def _list(user_id: int) -> str:
    return f"feed:{user_id}"


def _sources_key(user_id: int) -> str:
    return f"{{feed:{user_id}}}:sources"


def _history(user_id: int) -> str:
    return f"{{feed:{user_id}}}:history"


def _replacement(update: Update) -> Command:
    keys = [_list(update.user_id), _sources_key(update.user_id)]
    ids = [entry.video_id for entry in update.entries]
    return _REPLACE.on(keys, [update.ttl_s, _sources(update.entries), *ids])


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
