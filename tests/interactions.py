"""Interactions in the event log, and when they are counted."""

from __future__ import annotations

import asyncio

from origin.counting import GROUP
from origin.eventlog import EventLog
from origin.events import InteractionEvent, Topic, encode


async def append(eventlog: EventLog, *events: InteractionEvent) -> None:
    await eventlog.append_many(Topic.INTERACTIONS, [(str(e.user_id), encode(e)) for e in events])


async def all_counted(eventlog: EventLog) -> None:
    """Wait until everything appended is counted, flushed and committed."""
    onlooker = await eventlog.consumer(GROUP, [Topic.INTERACTIONS])
    async with asyncio.timeout(60):
        while await onlooker.lag():  # noqa: ASYNC110 -- the log tells nobody of commits
            await asyncio.sleep(0.01)
    await onlooker.close()
