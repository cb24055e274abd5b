"""What people decide: the review queue, takedowns and their undoing. Shell; the rules are in `reviews`.

An allowed clip is packaged anew. What is decided twice is packaged once, since packaging leaves alone what has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from origin.changes import Changes
from origin.eventlog.base import EventLog, Record
from origin.events import Topic, UploadEvent, encode
from origin.metadata.base import Metadata
from origin.model import WORKED_ON, Failure, Video, VideoStatus
from origin.objects.base import Objects
from origin.packaging import PackagingCatalog
from origin.progress import open_progress
from origin.refusals import NotHeld
from origin.reviews import Decided, Held, cleared, decided_note, standings, undecided
from origin.trace import request_id
from origin.views import ReviewView

REJECTED = "moderation"
UNFINISHED = WORKED_ON | {VideoStatus.QUEUED}
READ_AT_ONCE = 1000


class Reviews:
    """For people. Raises EventLogError and MetadataError of the ports; a retry may help."""

    def __init__(self, eventlog: EventLog, metadata: Metadata, objects: Objects, clock: Callable[[], int]) -> None:
        self._eventlog = eventlog
        self._metadata = metadata
        self._clock = clock
        # The packager's own notes end by themselves.
        notes = open_progress("memory:", clock)
        self._catalog = PackagingCatalog(metadata, objects, eventlog, clock, Changes(), notes)

    async def waiting(self, limit: int) -> Sequence[ReviewView]:
        """The first `limit` that wait, longest first."""
        held = undecided(await self._records())
        found: list[ReviewView] = []
        for start in range(0, len(held), READ_AT_ONCE):
            some = held[start : start + READ_AT_ONCE]
            videos = await self._metadata.videos([each.event.video_id for each in some])
            found += [_view(each, videos[each.event.video_id]) for each in some if _waits(videos, each)]
            if len(found) >= limit:
                break
        return found[:limit]

    async def _records(self) -> Sequence[Record]:
        records: list[Record] = []
        after: dict[int, int] = {}
        while True:
            some = await self._eventlog.read(Topic.UPLOADS_REVIEW, after, READ_AT_ONCE)
            records += some
            if len(some) < READ_AT_ONCE:
                return records
            for record in some:
                at = record.position
                after[at.partition] = max(at.offset, after.get(at.partition, -1))

    async def of(self, video_id: int) -> ReviewView:
        """Raises NotHeld."""
        held, video = await self._held(video_id)
        return _view(held, video)

    async def _held(self, video_id: int) -> tuple[Held, Video]:
        held = next((each for each in undecided(await self._records()) if each.event.video_id == video_id), None)
        videos = await self._metadata.videos([video_id])
        if held is None or not _waits(videos, held):
            raise NotHeld(f"Video {video_id} does not wait for a review.")
        return held, videos[video_id]

    async def allow(self, video_id: int) -> None:
        """Have it packaged and published. Raises NotHeld."""
        held, _ = await self._held(video_id)
        # First, so that nothing that is packaged is marked; last the note, until which it can be allowed again.
        await self._metadata.set_held(video_id, None)
        await self._eventlog.append(Topic.UPLOADS, str(video_id), encode(cleared(held.event)))
        await self._note(video_id, allowed=True)

    async def reject(self, video_id: int, detail: str) -> None:
        """End it as rejected; its creator is told `detail`. Raises NotHeld."""
        await self._held(video_id)
        await self._catalog.reject(video_id, Failure(REJECTED, detail))
        await self._note(video_id, allowed=False)

    async def take_down(self, video_id: int, reason: str) -> None:
        """Nobody but its creator sees the video, who is told `reason`; a repeat tells feeds and edges again. Raises
        NotFound, NothingToTakeDown."""
        await self._catalog.take_down(video_id, reason)

    async def restore(self, video_id: int) -> None:
        """Undo a takedown: what waited for review waits again, other packaging that it ended begins anew. Raises
        NotFound, NotTakenDown."""
        video = await self._catalog.restore(video_id)
        if video.status not in UNFINISHED:
            return
        word = standings(await self._records()).get(video_id)
        if isinstance(word, Held) and video.status is VideoStatus.PROCESSING:
            await self._catalog.hold(video_id, word.since_ms)
            return
        # The queue may have lost what is marked: a crash came before its record, or the record is too old.
        await self._metadata.set_held(video_id, None)
        # What was published before has been allowed once.
        allowed = video.status is VideoStatus.PLAYABLE or word == Decided(allowed=True)
        event = UploadEvent(
            video_id,
            video.creator_id,
            video.raw_key,
            self._clock(),
            request_id=request_id.get(),
            cleared=allowed,
        )
        await self._eventlog.append(Topic.UPLOADS, str(video_id), encode(event))

    async def _note(self, video_id: int, *, allowed: bool) -> None:
        await self._eventlog.append(Topic.UPLOADS_REVIEW, str(video_id), decided_note(video_id, allowed=allowed))


def _waits(videos: Mapping[int, Video], held: Held) -> bool:
    video = videos.get(held.event.video_id)
    return video is not None and video.status is VideoStatus.PROCESSING


def _view(held: Held, video: Video) -> ReviewView:
    return ReviewView(video, held.reason, held.since_ms, video.raw_key or held.event.raw_s3_path)
