"""Records that stand in the way: dead-lettered, so that what comes after them goes on. Shell."""

from __future__ import annotations

import logging

from origin.deadletters import dead_letter
from origin.eventlog.base import EventLog, Record
from origin.events import MalformedEvent
from origin.webhooks.stores import Patience

logger = logging.getLogger(__name__)
GROUP = "webhooks"


async def set_aside(record: Record, error: Exception, eventlog: EventLog, patience: Patience) -> None:
    """`error` says why the record cannot be read, or what broke in handling it. Returns once the letter is durable."""
    place, malformed = str(record.position), isinstance(error, MalformedEvent)
    if malformed:
        logger.warning("a record is poison", extra={"position": place, "error": str(error)})
    else:
        logger.error("a record cannot be handled", extra={"position": place}, exc_info=error)
    letter = dead_letter(record, GROUP, error)
    await patience.surely(lambda: eventlog.append(*letter))
    patience.stats.malformed += malformed
    patience.stats.broken += not malformed
