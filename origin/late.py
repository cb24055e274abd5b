"""Events of what is done already, appended as soon as the log takes them.

They wait in memory: a crash meanwhile loses them, so this is only for events whose loss is bearable.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque

from origin.eventlog.base import EventLog, EventLogError
from origin.retry import Backoff

logger = logging.getLogger(__name__)
MOST_EVENTS = 10_000
"""The oldest go first."""
_BACKOFF = Backoff(base_s=0.5, cap_s=5)


class LateEvents:
    """The task that appends them runs only while there are some."""

    def __init__(self, eventlog: EventLog) -> None:
        self._eventlog = eventlog
        self._waiting: deque[tuple[str, str, bytes]] = deque(maxlen=MOST_EVENTS)
        self._sending: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, topic: str, key: str, value: bytes) -> None:
        """Append this later; may be called for the same event again, under the same event id."""
        if len(self._waiting) == MOST_EVENTS:
            logger.error("an event is lost: too many wait for the event log", extra={"topic": self._waiting[0][0]})
        self._waiting.append((topic, key, value))
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())

    async def _send(self) -> None:
        attempt = 0
        while self._waiting:
            event = self._waiting[0]
            try:
                await self._eventlog.append(*event)
            except EventLogError as error:
                logger.warning("late events wait", extra={"events": len(self._waiting), "error": str(error)})
                await asyncio.sleep(_BACKOFF.delay_s(attempt, random.random()))  # noqa: S311  -- jitter, nothing secret
                attempt += 1
            else:
                attempt = 0
                # At the bound it may have been pushed out meanwhile.
                if self._waiting and self._waiting[0] is event:
                    self._waiting.popleft()

    async def close(self) -> None:
        """Give up what waits."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.wait({self._sending})
