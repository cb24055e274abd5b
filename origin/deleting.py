"""Finishes deletions: behind each `deleted` event the row is a tombstone, edges are purged, objects are removed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from origin.eventlog.base import EventLog, EventLogError, Record
from origin.events import MalformedEvent, PurgeEvent, Topic, VideoChange, VideoEvent, decode, encode
from origin.metadata.base import Metadata, MetadataError, NotFound
from origin.model import VideoStatus
from origin.objects.base import Objects, ObjectStoreError
from origin.retry import Backoff
from origin.videos import surrogate_key

logger = logging.getLogger(__name__)
GROUP = "deletions"
_POLL_S = 5.0
_RECORDS = 100
_BACKOFF = Backoff(base_s=0.2, cap_s=10)


class Deletions:
    """`run` never ends; cancel it. `chance` gives a random number in [0, 1) for backoff."""

    def __init__(
        self,
        metadata: Metadata,
        objects: Objects,
        eventlog: EventLog,
        clock: Callable[[], int],
        chance: Callable[[], float],
    ) -> None:
        self._metadata = metadata
        self._objects = objects
        self._eventlog = eventlog
        self._clock = clock
        self._chance = chance

    async def run(self) -> None:
        """Consume the videos topic."""
        consumer = await self._eventlog.consumer(GROUP, [Topic.VIDEOS])
        try:
            while True:
                records = await consumer.poll(_RECORDS, _POLL_S)
                for record in records:
                    await self._finish_surely(record)
                if records:
                    await consumer.commit(records[-1].position)
        finally:
            await consumer.close()

    async def _finish_surely(self, record: Record) -> None:
        try:
            event = decode(VideoEvent, record.value)
        except MalformedEvent as error:
            logger.warning("a video event is malformed", extra={"position": str(record.position), "error": str(error)})
            return
        attempt = 0
        while event.change is VideoChange.DELETED:
            try:
                await self._finish(event)
            except (MetadataError, ObjectStoreError, EventLogError) as error:
                logger.warning("a deletion waits", extra={"video_id": event.video_id, "error": str(error)})
                await asyncio.sleep(_BACKOFF.delay_s(attempt, self._chance()))
                attempt += 1
            else:
                return

    async def _finish(self, event: VideoEvent) -> None:
        await self._metadata.transition(event.video_id, set(VideoStatus), VideoStatus.DELETED)
        purge = PurgeEvent(surrogate_key(event.video_id), soft=False, timestamp=self._clock())
        await self._eventlog.append(Topic.PURGES, purge.tag, encode(purge))
        try:
            raw_key = (await self._metadata.video(event.video_id)).raw_key
        except NotFound:
            raw_key = ""
        if raw_key:
            await self._objects.delete(raw_key)
        await self._objects.delete_prefix(f"v/{event.video_id}/")
