"""A wire that is cut at will."""

from __future__ import annotations

from collections.abc import Sequence

from origin.eventlog import EventLog, LogUnavailable, Position


class Away:
    """A log that takes nothing while it is away."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self.away = True

    async def append(self, topic: str, key: str, value: bytes) -> Position:
        (position,) = await self.append_many(topic, [(key, value)])
        return position

    async def append_many(self, topic: str, records: Sequence[tuple[str, bytes]]) -> Sequence[Position]:
        if self.away:
            raise LogUnavailable("away")
        return await self._log.append_many(topic, records)
