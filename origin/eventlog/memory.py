"""The event log in memory: for simulations, deterministic and without threads. Nothing outlives the process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence

from origin.eventlog.base import LogUnavailable, Position, Record
from origin.eventlog.sole_owner import SoleOwner

_PARTITION = 0


class MemoryEventLog:
    """Every topic has the single partition 0. `clock` gives epoch milliseconds."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._closed = False
        self.records: dict[str, list[Record]] = {}
        self.committed: dict[tuple[str, str], int] = {}
        self.claims: dict[tuple[str, str], MemoryConsumer] = {}
        self.grown = asyncio.Condition()

    async def append(self, topic: str, key: str, value: bytes) -> Position:
        (position,) = await self.append_many(topic, [(key, value)])
        return position

    async def append_many(self, topic: str, records: Sequence[tuple[str, bytes]]) -> Sequence[Position]:
        await self.check()
        log = self.records.setdefault(topic, [])
        first = len(log)
        now_ms = self._clock()
        for offset, (key, value) in enumerate(records, first):
            log.append(Record(Position(topic, _PARTITION, offset), key, bytes(value), now_ms))
        await self.notify()
        return [record.position for record in log[first : first + len(records)]]

    async def notify(self) -> None:
        """Make every poller look again."""
        async with self.grown:
            self.grown.notify_all()

    async def consumer(
        self, group: str, topics: Sequence[str], start: Mapping[tuple[str, int], int] | None = None
    ) -> MemoryConsumer:
        begin = {topic: offset for (topic, partition), offset in (start or {}).items() if partition == _PARTITION}
        return MemoryConsumer(self, group, topics, begin)

    async def read(self, topic: str, after: Mapping[int, int], limit: int) -> Sequence[Record]:
        first = after.get(_PARTITION, -1) + 1
        return self.records.get(topic, [])[first : first + limit]

    async def check(self) -> None:
        if self._closed:
            raise LogUnavailable("the log is closed")

    async def close(self) -> None:
        self._closed = True
        for consumer in set(self.claims.values()):
            await consumer.close()


class MemoryConsumer(SoleOwner):
    def __init__(self, log: MemoryEventLog, group: str, topics: Sequence[str], begin: Mapping[str, int]) -> None:
        super().__init__()
        self._log = log
        self._group = group
        self._topics = tuple(topics)
        self._begin = dict(begin)
        self._next: dict[str, int] = {}
        self._turn = 0
        self._closed = False

    async def poll(self, max_records: int, timeout_s: float) -> Sequence[Record]:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s), self._log.grown:
                while not (records := self._look(max_records)):
                    await self._log.grown.wait()
                return records
        return self._look(max_records)

    def _look(self, max_records: int) -> Sequence[Record]:
        if self._closed:
            raise LogUnavailable(f"this consumer of {self._group} is closed")
        self._claim_free()
        turn = self._turn % len(self._topics)
        found: list[Record] = []
        for topic in (*self._topics[turn:], *self._topics[:turn]):
            if topic in self._next:
                first = self._next[topic]
                found += self._log.records.get(topic, [])[first : first + max_records - len(found)]
        for record in found:
            self._next[record.position.topic] = record.position.offset + 1
        self._turn += 1
        return found

    def _claim_free(self) -> None:
        for topic in self._topics:
            if self._log.claims.setdefault((self._group, topic), self) is self and topic not in self._next:
                committed = self._log.committed.get((self._group, topic), 0)
                self._next[topic] = self._begin.pop(topic, committed)

    async def commit(self, position: Position) -> None:
        self._hand.commit((position.topic, _PARTITION), position.offset + 1)
        key = (self._group, position.topic)
        self._log.committed[key] = max(self._log.committed.get(key, 0), position.offset + 1)

    async def lag(self) -> int:
        return sum(
            len(self._log.records.get(topic, [])) - self._log.committed.get((self._group, topic), 0)
            for topic in self._topics
        )

    async def close(self) -> None:
        self._closed = True
        self._hand.keep(set())
        for topic in self._topics:
            if self._log.claims.get((self._group, topic)) is self:
                del self._log.claims[self._group, topic]
        await self._log.notify()
