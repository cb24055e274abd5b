"""Origin's use cases of uploads, on embedded stores, as the catalog of an ingest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from origin.eventlog import EventLog, open_eventlog
from origin.events import Topic, UploadEvent, decode
from origin.ids import EPOCH_MS
from origin.metadata import Metadata, open_metadata
from origin.objects import Objects
from origin.uploads import Uploads


@dataclass
class Origin:
    uploads: Uploads
    metadata: Metadata
    log: EventLog
    objects: Objects

    @classmethod
    def on(cls, objects: Objects, clock: Callable[[], int]) -> Origin:
        ids = count((clock() - EPOCH_MS) << 22)
        metadata, log = open_metadata("sqlite:///:memory:"), open_eventlog("memory:", clock)
        return cls(Uploads(metadata, objects, log, clock, lambda: next(ids)), metadata, log, objects)

    async def events(self) -> list[UploadEvent]:
        return [decode(UploadEvent, record.value) for record in await self.log.read(Topic.UPLOADS, {}, 1000)]

    async def the_one_clip(self) -> bytes:
        (event,) = await self.events()
        return b"".join([block async for block in self.objects.get(event.raw_s3_path)])

    async def stored_keys(self) -> list[str]:
        return [info.key async for info in self.objects.list("")]

    async def close(self) -> None:
        await self.metadata.close()
        await self.log.close()
