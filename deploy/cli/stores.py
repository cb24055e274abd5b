"""The stores of a system, for commands that work on them beside its processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from deploy.cli.given import existing
from deploy.cli.terminal import Failed
from deploy.clock import now_ms
from deploy.engines import CannotStart, readable
from deploy.settings import Settings
from origin.eventlog import EventLog, EventLogError, open_eventlog
from origin.metadata import Metadata, MetadataError, open_metadata
from origin.objects import ObjectStoreError

T = TypeVar("T")


@asynccontextmanager
async def opened_metadata(settings: Settings) -> AsyncIterator[Metadata]:
    """Raises CannotStart."""
    with readable("metadata_url"):
        metadata = open_metadata(settings.metadata_url)
    try:
        yield metadata
    finally:
        await metadata.close()


def with_log(settings: Settings, work: Callable[[EventLog], Awaitable[T]]) -> T:
    """Do the work with the event log open. Raises Failed for what the ports' errors say."""
    parts = urlsplit(settings.events_url)
    if parts.scheme == "sqlite":
        existing(Path(unquote(parts.path)), "event log")

    async def run() -> T:
        with readable("events_url"):
            log = open_eventlog(settings.events_url, now_ms)
        try:
            return await work(log)
        finally:
            await log.close()

    try:
        return asyncio.run(run())
    except (CannotStart, EventLogError, MetadataError, ObjectStoreError) as error:
        raise Failed(str(error)) from error
