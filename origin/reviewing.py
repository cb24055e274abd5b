"""The review queue, for the people who decide. Shell; the rules are in `reviews`.

An allowed clip is packaged anew. What is decided twice is packaged once, since packaging leaves alone what has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from origin.changes import Changes
from origin.eventlog.base import EventLog, Record
from origin.events import Topic, encode
from origin.metadata.base import Metadata
from origin.model import Failure, Video, VideoStatus
from origin.objects.base import Objects
from origin.packaging import PackagingCatalog
from origin.reviews import Held, cleared, decided_note, undecided

REJECTED = "moderation"
READ_AT_ONCE = 1000


class NotHeld(Exception):
    """The video does not wait for a review: decided already, deleted, or never held."""


@dataclass(frozen=True, slots=True)
class Waiting:
    held: Held
    video: Video


class Reviews:
    """The queue, for people. Raises EventLogError and MetadataError of the ports; a retry may help."""

    def __init__(self, eventlog: EventLog, metadata: Metadata, objects: Objects, clock: Callable[[], int]) -> None:
        self._eventlog = eventlog
        self._metadata = metadata
        self._catalog = PackagingCatalog(metadata, objects, eventlog, clock, Changes())

    async def waiting(self) -> Sequence[Waiting]:
        """What waits, longest first."""
        held = undecided(await self._records())
        videos: dict[int, Video] = {}
        for start in range(0, len(held), READ_AT_ONCE):
            some = [each.event.video_id for each in held[start : start + READ_AT_ONCE]]
            videos |= await self._metadata.videos(some)
        return [
            Waiting(each, video)
            for each in held
            if (video := videos.get(each.event.video_id)) is not None and video.status is VideoStatus.PROCESSING
        ]

    async def _records(self) -> Sequence[Record]:
        records: list[Record] = []
        after: dict[int, int] = {}
        while some := await self._eventlog.read(Topic.UPLOADS_REVIEW, after, READ_AT_ONCE):
            records += some
            for record in some:
                at = record.position
                after[at.partition] = max(at.offset, after.get(at.partition, -1))
        return records

    async def of(self, video_id: int) -> Waiting:
        """Raises NotHeld."""
        for each in await self.waiting():
            if each.video.video_id == video_id:
                return each
        raise NotHeld(f"video {video_id} does not wait for a review")

    async def allow(self, video_id: int) -> None:
        """Have it packaged and published. Raises NotHeld."""
        waiting = await self.of(video_id)
        await self._eventlog.append(Topic.UPLOADS, str(video_id), encode(cleared(waiting.held.event)))
        await self._note(video_id)

    async def reject(self, video_id: int, detail: str) -> None:
        """End it as rejected; its creator is told `detail`. Raises NotHeld."""
        await self.of(video_id)
        await self._catalog.reject(video_id, Failure(REJECTED, detail))
        await self._note(video_id)

    async def _note(self, video_id: int) -> None:
        await self._eventlog.append(Topic.UPLOADS_REVIEW, str(video_id), decided_note(video_id))
