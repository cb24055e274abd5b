"""Counters in Redis or Valkey. Every step that must be atomic is one script over keys of one cluster slot.

`{counts}:gathered` and `{counts}:batch` are hashes of `video_id/kind` → sum; `{counts}:marks` holds the last offset
applied per consumer group and partition; `{counts}:seen:*` remembers event ids by a digest, so that long ones cost no
more, with their offset, a number, so that it costs nothing.
"""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Iterator, Mapping, Sequence, Set
from importlib.resources import files
from typing import Any

from origin.counters.base import DEDUPE_S, Batch, CountersUnavailable, CountersWentBack, Increment, Run, Written
from origin.eventlog.base import Position
from origin.model import CountKind
from origin.speed.base import SpeedError
from origin.speed.clients import Command, Script, open_client

TIMEOUT_S = 0.25
"""Of connecting, and of a read, which a viewer waits for."""
WRITE_TIMEOUT_S = 2.0
CONNECTIONS = 32
_GATHERED = "{counts}:gathered"
_MARKS = "{counts}:marks"
_BATCH = "{counts}:batch"
_BATCH_ID = "{counts}:batch:id"
_BATCH_MARKS = "{counts}:batch:marks"
_ENDED = "{counts}:ended"
_FLOORS = "{counts}:floors"
_FLUSHES = "{counts}:flushes"
_SEEN = "{counts}:seen:"
_SEPARATOR = "\x1f"
"""In no group and no topic name."""


def _script(name: str) -> Script:
    return Script(files("origin.counters").joinpath(f"{name}.lua").read_text())


_APPLY, _PENDING, _BEGIN, _END, _REWIND = (_script(name) for name in ("apply", "pending", "begin", "end", "rewind"))
_SEEN_BEFORE = _script("seen")


class RedisCounters:
    def __init__(self, url: str) -> None:
        self._client = open_client(url, CONNECTIONS, TIMEOUT_S)

    async def apply(self, group: str, runs: Sequence[Run], increments: Sequence[Increment]) -> int:
        if not runs:
            return 0
        keys = [_GATHERED, _MARKS, _FLOORS]
        arguments: list[str | int] = [DEDUPE_S, len(runs)]
        for run in runs:
            arguments += [_place_name(group, run.topic, run.partition), run.after, run.through, int(run.begins)]
        for increment in increments:
            position = increment.position
            place = _place_name(group, position.topic, position.partition)
            field = f"{increment.video_id}/{increment.kind}"
            arguments += [place, position.offset, field, increment.by, int(bool(increment.event_id))]
            if increment.event_id:
                keys.append(_SEEN + _digest(increment.event_id))
        counted, *marks = await self._asked(_APPLY.on(keys, arguments), WRITE_TIMEOUT_S)
        if int(counted) < 0:
            known = {(run.topic, run.partition): int(mark) for run, mark in zip(runs, marks, strict=True) if mark}
            raise CountersWentBack(f"the speed layer has lost what group {group} had applied", known)
        return int(counted)

    async def repeated(self, events: Sequence[tuple[str, Position]]) -> Set[Position]:
        if not events:
            return frozenset()
        keys = [_SEEN + _digest(event_id) for event_id, _ in events]
        arguments: list[str | int] = [DEDUPE_S, *(position.offset for _, position in events)]
        told = await self._asked(_SEEN_BEFORE.on(keys, arguments), WRITE_TIMEOUT_S)
        return {position for (_, position), before in zip(events, told, strict=True) if before}

    async def pending(self, video_ids: Sequence[int]) -> Mapping[tuple[int, CountKind], int]:
        fields = [(video_id, kind) for video_id in video_ids for kind in CountKind]
        if not fields:
            return {}
        names = [f"{video_id}/{kind}" for video_id, kind in fields]
        sums = await self._asked(_PENDING.on([_GATHERED, _BATCH], names), TIMEOUT_S)
        return {field: int(by) for field, by in zip(fields, sums, strict=True) if int(by)}

    async def begin_flush(self) -> Batch:
        keys = [_GATHERED, _MARKS, _BATCH, _BATCH_ID, _BATCH_MARKS, _ENDED, _FLUSHES]
        asked = _BEGIN.on(keys, [uuid.uuid4().hex])
        batch_id, deltas, marks, after = await self._asked(asked, WRITE_TIMEOUT_S, replicated=True)
        return Batch(
            batch_id.decode(),
            {_field(name): int(by) for name, by in _pairs(deltas)},
            {_place(name): int(offset) for name, offset in _pairs(marks)},
            after.decode(),
        )

    async def end_flush(self, batch_id: str) -> None:
        await self._asked(_END.on([_BATCH, _BATCH_ID, _BATCH_MARKS, _ENDED], [batch_id]), WRITE_TIMEOUT_S)

    async def rewind(self, written: Written) -> None:
        keys = [_GATHERED, _MARKS, _FLOORS, _BATCH, _BATCH_ID, _BATCH_MARKS, _ENDED]
        arguments: list[str | int] = [written.batch_id]
        for place, mark in written.marks.items():
            arguments += [_place_name(*place), mark]
        await self._asked(_REWIND.on(keys, arguments), WRITE_TIMEOUT_S)

    async def close(self) -> None:
        await self._client.close()

    async def _asked(self, asked: Command, timeout_s: float, *, replicated: bool = False) -> Any:
        try:
            return await self._client.one(asked, timeout_s, replicated=replicated)
        except SpeedError as error:
            raise CountersUnavailable(str(error)) from error


def _digest(event_id: str) -> str:
    digest = hashlib.blake2b(event_id.encode("utf-8", "surrogatepass"), digest_size=15).digest()
    return base64.b64encode(digest).decode()


def _pairs(flat: Sequence[bytes]) -> Iterator[tuple[str, bytes]]:
    return zip((name.decode() for name in flat[::2]), flat[1::2], strict=True)


def _field(name: str) -> tuple[int, CountKind]:
    video_id, _, kind = name.partition("/")
    return int(video_id), CountKind(kind)


def _place_name(group: str, topic: str, partition: int) -> str:
    return _SEPARATOR.join((group, topic, str(partition)))


def _place(name: str) -> tuple[str, str, int]:
    group, topic, partition = name.split(_SEPARATOR)
    return group, topic, int(partition)
