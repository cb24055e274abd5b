"""Does what is behind the events of videos, so that it is done also after a crash: of a deleted one the row becomes a
tombstone, edges are purged and objects removed; of one whose visibility was set the edges are purged."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from origin.deadletters import dead_letter
from origin.eventlog.base import EventLog, EventLogError, Record
from origin.events import MalformedEvent, PurgeEvent, Topic, VideoChange, VideoEvent, decode, encode
from origin.metadata.base import Metadata, MetadataError, NotFound
from origin.model import VideoStatus
from origin.objects.base import Objects, ObjectStoreError
from origin.retry import Backoff
from origin.retrying import surely
from origin.videos import surrogate_key

logger = logging.getLogger(__name__)
GROUP = "deletions"
_POLL_S = 5.0
_RECORDS = 100
_EDIT_LOOKS = 20
_EDIT_LOOK_S = 0.1
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
                for record in await consumer.poll(_RECORDS, _POLL_S):
                    await self._surely(partial(self._handle, record), record)
                    await consumer.commit(record.position)
        finally:
            await consumer.close()

    async def _surely(self, step: Callable[[], Awaitable[None]], record: Record) -> None:
        def waits(error: Exception, _attempt: int) -> None:
            logger.warning("an event of a video waits", extra={"key": record.key, "error": str(error)})

        await surely(step, (MetadataError, ObjectStoreError, EventLogError), _BACKOFF, self._chance, waits)

    async def _handle(self, record: Record) -> None:
        try:
            event = decode(VideoEvent, record.value)
        except MalformedEvent as error:
            logger.warning("a video event is poison", extra={"position": str(record.position), "error": str(error)})
            await self._eventlog.append(*dead_letter(record, GROUP, error))
            return
        if event.change is VideoChange.DELETED:
            await self._finish(event)
        elif event.visibility_set:
            await self._hide(event)

    async def _hide(self, event: VideoEvent) -> None:
        """Purge the edges once the edit is in the metadata, or seems to have been given up after its event."""
        for _ in range(_EDIT_LOOKS):
            try:
                if (await self._metadata.video(event.video_id)).visibility == event.visibility:
                    break
            except NotFound:
                return
            await asyncio.sleep(_EDIT_LOOK_S)
        await self._purge(event.video_id)

    async def _purge(self, video_id: int) -> None:
        purge = PurgeEvent(surrogate_key(video_id), soft=False, timestamp=self._clock())
        await self._eventlog.append(Topic.PURGES, purge.tag, encode(purge))

    async def _finish(self, event: VideoEvent) -> None:
        await self._metadata.transition(event.video_id, set(VideoStatus), VideoStatus.DELETED)
        await self._purge(event.video_id)
        video = (await self._metadata.videos([event.video_id])).get(event.video_id)
        if video is None or video.taken_down_from is None:
            await self._metadata.forget_print(event.video_id)
        raw_key = video.raw_key if video else ""
        if raw_key:
            await self._objects.delete(raw_key)
        await self._objects.delete_prefix(f"v/{event.video_id}/")
