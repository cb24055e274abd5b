"""The waits of failed messages: a topic for each length of wait, moved back to the topic `webhooks` when due. Shell.

All records of such a topic wait equally long from when they were appended, and it has one partition: so none that is
not due stands before one that is. A crash between append and commit moves a record twice; it is sent twice then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import takewhile

from origin.eventlog.base import Consumer, EventLog, Record
from origin.events import Topic
from origin.webhooks.schedule import TOPICS
from origin.webhooks.stats import WebhookStats
from origin.webhooks.stores import Patience

_RECORDS = 100
_POLL_S = 5.0
_LONGEST_SLEEP_S = 60.0
"""Then the clock is read again: it may have been set."""


class Timers:
    """`run` never ends; cancel it. `clock` gives epoch milliseconds, `chance` a random number in [0, 1) for backoff."""

    def __init__(
        self,
        eventlog: EventLog,
        clock: Callable[[], int],
        chance: Callable[[], float],
        stats: WebhookStats,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._eventlog = eventlog
        self._clock = clock
        self._sleep = sleep
        self._surely = Patience(stats, chance).surely

    async def run(self) -> None:
        """Every topic by itself: one with long waits holds up no other."""
        async with asyncio.TaskGroup() as tasks:
            for wait_s, topic in TOPICS.items():
                tasks.create_task(self._follow(topic, 1000 * wait_s))

    async def _follow(self, topic: Topic, wait_ms: int) -> None:
        # A group of its own, so that the topics' members do not unsettle each other.
        consumer = await self._surely(lambda: self._eventlog.consumer(topic, [topic]))
        try:
            while True:
                await self._move(consumer, await self._surely(lambda: consumer.poll(_RECORDS, _POLL_S)), wait_ms)
        finally:
            await consumer.close()

    async def _move(self, consumer: Consumer, records: Sequence[Record], wait_ms: int) -> None:
        while records:
            early_ms = records[0].appended_at_ms + wait_ms - self._clock()
            if early_ms > 0:
                await self._sleep(min(early_ms / 1000, _LONGEST_SLEEP_S))
                continue
            due = _appended_until(self._clock() - wait_ms, records)
            await self._surely(partial(self._append, due))
            await self._surely(partial(consumer.commit, due[-1].position))
            records = records[len(due) :]

    async def _append(self, due: Sequence[Record]) -> None:
        await self._eventlog.append_many(Topic.WEBHOOKS, [(record.key, record.value) for record in due])


def _appended_until(until_ms: int, records: Sequence[Record]) -> list[Record]:
    """From the first up to the last that was appended by then; at least the first, which is due."""
    return [records[0], *takewhile(lambda record: record.appended_at_ms <= until_ms, records[1:])]
