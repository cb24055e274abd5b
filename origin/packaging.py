"""Use cases of videos for the packager: the catalog that `packager.catalog` describes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from origin.changes import Changes
from origin.eventlog.base import EventLog, LogUnavailable
from origin.events import PurgeEvent, Topic, VideoChange, VideoEvent, encode
from origin.metadata.base import Metadata, NotFound
from origin.model import TAKEN_DOWN, WORKED_ON, Failure, Publication, Video, VideoStatus
from origin.objects.base import Objects
from origin.prints import Glimpses, Print
from origin.progress.base import Packaging, ProgressNotes
from origin.recognising import Recognising
from origin.refusals import NothingToTakeDown, NotTakenDown
from origin.reuploads import Recognised
from origin.videos import ENDED, surrogate_key, video_event

_OPEN = frozenset({VideoStatus.UPLOADING, VideoStatus.QUEUED}) | WORKED_ON
_TAKEN_DOWN_FROM = _OPEN - {VideoStatus.UPLOADING} | {VideoStatus.READY}
_APPENDS = 10
_PAUSE_S = 0.5
_CHANGE = {
    VideoStatus.PLAYABLE: VideoChange.PUBLISHED,
    VideoStatus.READY: VideoChange.PUBLISHED,
    VideoStatus.REJECTED: VideoChange.REJECTED,
    VideoStatus.FAILED: VideoChange.FAILED,
}
_TURNS = 8
"""How often a video may change between being told of and a look at what it is now."""


class PackagingCatalog:
    """Every method may be repeated. Raises MetadataError and EventLogError of the ports; a retry may help."""

    def __init__(
        self,
        metadata: Metadata,
        objects: Objects,
        eventlog: EventLog,
        clock: Callable[[], int],
        changes: Changes,
        progress: ProgressNotes,
    ) -> None:
        self._metadata = metadata
        self._objects = objects
        self._eventlog = eventlog
        self._clock = clock
        self._changes = changes
        self._recognising = Recognising(metadata)
        self._progress = progress

    async def video(self, video_id: int) -> Video | None:
        """The video as it is now; None when there never was one."""
        try:
            return await self._metadata.video(video_id)
        except NotFound:
            return None

    async def begin_processing(self, video_id: int) -> Video | None:
        """Take a video into work; None when it is deleted or decided."""
        fresh = frozenset({VideoStatus.UPLOADING, VideoStatus.QUEUED})
        if await self._metadata.transition(video_id, fresh, VideoStatus.PROCESSING):
            self._changes.announce(video_id)
        video = await self.video(video_id)
        return video if video is not None and video.status in WORKED_ON else None

    async def report_progress(self, video_id: int, progress: float, packaging: Packaging) -> bool:
        """Keep the total, 0-1, and note the rest in the speed layer if that answers; False: the job is to stop."""
        video = await self.video(video_id)
        if video is None or video.status is VideoStatus.DELETED or video.status in ENDED:
            return False
        await self._progress.note(video_id, packaging)
        await self._metadata.set_progress(video_id, min(1.0, max(0.0, progress)))
        self._changes.announce(video_id)
        return True

    async def resembles_taken_down(self, video_id: int, glimpses: Glimpses) -> bool:
        """Whether a clip that looks so may be one that was taken down."""
        return await self._recognising.resembles_taken_down(video_id, glimpses)

    async def recognise(self, video_id: int, print_: Print) -> Recognised | None:
        """Keep what the clip looks and sounds like; whether it is like a video that was taken down."""
        return await self._recognising.recognise(video_id, print_)

    async def hold(self, video_id: int, since_ms: int | None = None) -> None:
        """Tell its creator that the video waits for a person's verdict, from now on or since then."""
        await self._metadata.set_held(video_id, self._clock() if since_ms is None else since_ms)
        await self._progress.forget(video_id)
        video = await self.video(video_id)
        if video is not None and video.status is VideoStatus.PROCESSING:
            await self._announce(video, VideoChange.HELD)
        self._changes.announce(video_id)

    async def publish(self, video_id: int, publication: Publication, status: VideoStatus) -> bool:
        """Publish, then tell feeds and edges.

        A publication that is there already is told again: the packager may have been cut short between the two. What
        was stored for a deleted video is removed.
        """
        published = await self._metadata.publish(video_id, publication, status, self._clock(), WORKED_ON)
        video = await self.video(video_id)
        if video is None or video.status is VideoStatus.DELETED:
            await self._objects.delete_prefix(f"v/{video_id}/")
            return False
        if published and status is VideoStatus.READY:
            await self._metadata.set_progress(video_id, 1.0)
            await self._progress.forget(video_id)
        if video.publication is not None and video.publication.revision == publication.revision:
            await self._tell(video)
        self._changes.announce(video_id)
        return published

    async def reject(self, video_id: int, failure: Failure) -> None:
        """End as rejected; what was published is withdrawn from viewers."""
        await self._end(video_id, VideoStatus.REJECTED, failure)

    async def fail(self, video_id: int, failure: Failure) -> None:
        """End as failed."""
        await self._end(video_id, VideoStatus.FAILED, failure)

    async def _end(self, video_id: int, status: VideoStatus, failure: Failure) -> None:
        await self._metadata.transition(video_id, _OPEN, status, failure)
        video = await self.video(video_id)
        # Told again when it had ended so before: the packager may have been cut short between the two.
        if video is not None and video.status is status:
            await self._progress.forget(video_id)
            await self._tell(video)
            self._changes.announce(video_id)

    async def take_down(self, video_id: int, reason: str) -> None:
        """Withdraw it from viewers whatever packaging still does; its files stay for an undo. Raises NotFound,
        NothingToTakeDown."""
        await self._metadata.take_down(video_id, _TAKEN_DOWN_FROM, Failure(TAKEN_DOWN, reason))
        video = await self._metadata.video(video_id)
        if video.status is VideoStatus.DELETED:
            raise NotFound(f"no video {video_id}")
        if video.taken_down_from is None:
            raise NothingToTakeDown(f"Video {video_id} is {video.status}: nothing of it is shown.")
        await self._tell(video)
        self._changes.announce(video_id)

    async def restore(self, video_id: int) -> Video:
        """Undo a takedown. Raises NotFound, NotTakenDown."""
        await self._metadata.restore(video_id)
        video = await self._metadata.video(video_id)
        if video.takedowns == 0:
            raise NotTakenDown(f"Video {video_id} was never taken down.")
        if video.status is VideoStatus.DELETED:
            await self._metadata.forget_print(video_id)
        if video.publication is not None:
            await self._tell(video)
        self._changes.announce(video_id)
        return video

    async def _tell(self, video: Video) -> None:
        """Tell what the video is, until that is what it still is: a takedown, its undo and a publication may meet, and
        their events come in any order."""
        for _ in range(_TURNS):
            if (change := _CHANGE.get(video.status)) is None:
                return
            await self._append_change(video, change)
            told, video = video.status, await self._metadata.video(video.video_id)
            if _CHANGE.get(video.status) is _CHANGE[told]:
                return

    async def _append_change(self, video: Video, change: VideoChange) -> None:
        event = await self._announce(video, change)
        # More renditions may be noticed late; what is withdrawn may not.
        soft = change is VideoChange.PUBLISHED
        purge = PurgeEvent(surrogate_key(video.video_id), soft, event.timestamp, event.request_id)
        await self._append(Topic.PURGES, purge.tag, encode(purge))

    async def _announce(self, video: Video, change: VideoChange) -> VideoEvent:
        event = video_event(video, change, self._clock())
        await self._append(Topic.VIDEOS, str(video.video_id), encode(event))
        return event

    async def _append(self, topic: Topic, key: str, value: bytes) -> None:
        """Outlast the stall after a broker's death: to fail would have the packager encode everything again."""
        for _ in range(_APPENDS):
            with contextlib.suppress(LogUnavailable):
                await self._eventlog.append(topic, key, value)
                return
            await asyncio.sleep(_PAUSE_S)
        await self._eventlog.append(topic, key, value)
