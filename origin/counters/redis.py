"""Counters in Redis or Valkey. Every step that must be atomic is one script over keys of one cluster slot.

`{counts}:gathered` and `{counts}:batch` are hashes of `video_id/kind` → sum; `{counts}:marks` holds the last offset
applied per consumer group and partition; `{counts}:seen:*` remembers event ids by a digest, so that long ones cost no
more.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from origin.counters.base import DEDUPE_S, Batch, CountersUnavailable, Increment
from origin.model import CountKind

TIMEOUT_S = 0.25
"""Of connecting, and of a read, which a viewer waits for."""
WRITE_TIMEOUT_S = 2.0
CONNECTIONS = 32
_GATHERED = "{counts}:gathered"
_MARKS = "{counts}:marks"
_BATCH = "{counts}:batch"
_BATCH_ID = "{counts}:batch:id"
_BATCH_MARKS = "{counts}:batch:marks"
_SEEN = "{counts}:seen:"
_SEPARATOR = "\x1f"
"""In no group and no topic name."""


class RedisCounters:
    def __init__(self, url: str) -> None:
        self._redis: Redis = Redis.from_url(
            url,
            decode_responses=True,
            # With a timeout of its own the client sends through asyncio.wait_for, which before Python 3.12 can
            # swallow a cancellation; `_answered` times every command instead.
            socket_timeout=None,
            socket_connect_timeout=TIMEOUT_S,
            max_connections=CONNECTIONS,
            # One more try at once: the server may have restarted under a pooled connection. Every script repeats
            # harmlessly.
            retry=Retry(NoBackoff(), 1),
        )
        self._apply = self._redis.register_script(_script("apply"))
        self._begin = self._redis.register_script(_script("begin"))
        self._end = self._redis.register_script(_script("end"))

    async def apply(self, group: str, increments: Sequence[Increment]) -> int:
        if not increments:
            return 0
        keys = [_GATHERED, _MARKS]
        arguments: list[str | int] = [DEDUPE_S]
        for increment in increments:
            position = increment.position
            place = _SEPARATOR.join((group, position.topic, str(position.partition)))
            field = f"{increment.video_id}/{increment.kind}"
            arguments += [place, position.offset, field, increment.by, int(bool(increment.event_id))]
            if increment.event_id:
                keys.append(_SEEN + _digest(increment.event_id))
        async with _answered(WRITE_TIMEOUT_S):
            return int(await self._apply(keys=keys, args=arguments))

    async def pending(self, video_ids: Sequence[int]) -> Mapping[tuple[int, CountKind], int]:
        fields = [(video_id, kind) for video_id in video_ids for kind in CountKind]
        if not fields:
            return {}
        names = [f"{video_id}/{kind}" for video_id, kind in fields]
        async with _answered(TIMEOUT_S), self._redis.pipeline(transaction=True) as pipeline:
            pipeline.hmget(_GATHERED, names)
            pipeline.hmget(_BATCH, names)
            gathered, flushing = await pipeline.execute()
        sums = zip(fields, gathered, flushing, strict=True)
        return {field: by for field, one, other in sums if (by := int(one or 0) + int(other or 0))}

    async def begin_flush(self) -> Batch | None:
        keys = [_GATHERED, _MARKS, _BATCH, _BATCH_ID, _BATCH_MARKS]
        async with _answered(WRITE_TIMEOUT_S):
            answer = await self._begin(keys=keys, args=[uuid.uuid4().hex])
        if answer is None:
            return None
        batch_id, deltas, marks = answer
        return Batch(
            batch_id,
            {_field(name): int(by) for name, by in _pairs(deltas)},
            {_place(name): int(offset) for name, offset in _pairs(marks)},
        )

    async def end_flush(self, batch_id: str) -> None:
        async with _answered(WRITE_TIMEOUT_S):
            await self._end(keys=[_BATCH, _BATCH_ID, _BATCH_MARKS], args=[batch_id])

    async def close(self) -> None:
        with contextlib.suppress(RedisError, OSError):
            await self._redis.aclose()


def _script(name: str) -> str:
    return files("origin.counters").joinpath(f"{name}.lua").read_text()


def _digest(event_id: str) -> str:
    digest = hashlib.blake2b(event_id.encode("utf-8", "surrogatepass"), digest_size=15).digest()
    return base64.b64encode(digest).decode()


def _pairs(flat: Sequence[Any] | Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    # RESP3 answers of scripts are still flat lists; a proxy may make mappings of them.
    if isinstance(flat, Mapping):
        return iter(flat.items())
    return zip(flat[::2], flat[1::2], strict=True)


def _field(name: str) -> tuple[int, CountKind]:
    video_id, _, kind = name.partition("/")
    return int(video_id), CountKind(kind)


def _place(name: str) -> tuple[str, str, int]:
    group, topic, partition = name.split(_SEPARATOR)
    return group, topic, int(partition)


@contextlib.asynccontextmanager
async def _answered(timeout_s: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except (RedisError, OSError, TimeoutError) as error:
        raise CountersUnavailable(f"the speed layer did not answer: {error!r}") from error
