"""Use cases of videos for viewers and creators."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace

from origin.breaker import Breaker
from origin.changes import Changes
from origin.counters.base import Counters, CountersUnavailable
from origin.eventlog.base import EventLog
from origin.events import Topic, VideoChange, VideoEvent, encode
from origin.metadata.base import Metadata, NotFound
from origin.model import CountKind, User, Video, VideoStatus, Visibility
from origin.progress.base import ProgressNotes
from origin.refusals import NotCreator
from origin.text import hashtags
from origin.trace import request_id
from origin.views import VideoView
from origin.visibility import can_see, can_watch, is_told_of_packaging
from origin.writeback import fresh

logger = logging.getLogger(__name__)
LOOK_AGAIN_S = 0.5
"""How late a watcher notices a change made by another process."""
ENDED = frozenset({VideoStatus.READY, VideoStatus.REJECTED, VideoStatus.FAILED})


def surrogate_key(video_id: int) -> str:
    """The tag under which edges keep everything of a video."""
    return f"video-{video_id}"


def video_event(video: Video, change: VideoChange, now_ms: int) -> VideoEvent:
    """The event that tells feeds and edges of a change."""
    publication = video.publication
    return VideoEvent(
        video_id=video.video_id,
        creator_id=video.creator_id,
        change=change,
        timestamp=now_ms,
        visibility=video.visibility,
        duration_ms=publication.duration_ms if publication else 0,
        tags=video.tags,
        revision=publication.revision if publication else 0,
        request_id=request_id.get(),
        status=video.status,
        failure_code=video.failure.code if video.failure else "",
        failure_detail=video.failure.detail if video.failure else "",
        takedowns=video.takedowns,
    )


class Videos:
    """Reads merge what is counted but not flushed; with the counters away they show what was flushed."""

    def __init__(
        self,
        metadata: Metadata,
        counters: Counters,
        eventlog: EventLog,
        clock: Callable[[], int],
        changes: Changes,
        progress: ProgressNotes,
    ) -> None:
        self._metadata = metadata
        self._counters = counters
        self._eventlog = eventlog
        self._clock = clock
        self._changes = changes
        self._progress = progress
        self._breaker = Breaker()
        """Around the counters, so that their absence does not cost every view their time limit."""

    async def view(self, video_id: int, viewer_id: int) -> VideoView:
        """Raises metadata NotFound for what this viewer may not see."""
        video = await self._metadata.video(video_id)
        if not can_see(video, viewer_id):
            raise NotFound(f"no video {video_id}")
        views = await self._dress([video], viewer_id)
        if not views:
            raise NotFound(f"the creator of video {video_id} is gone")
        return views[0]

    async def views(self, video_ids: Sequence[int], viewer_id: int) -> Sequence[VideoView]:
        """Those that are watchable for the viewer, in the order asked for."""
        found = await self._metadata.videos(video_ids)
        videos = [found[video_id] for video_id in video_ids if video_id in found]
        return await self._dress([video for video in videos if can_watch(video, viewer_id)], viewer_id)

    async def by_creator(
        self, creator_id: int, viewer_id: int, before_id: int | None, limit: int
    ) -> Sequence[VideoView]:
        """Newest first; a creator sees all of their own, others what is public and plays."""
        public_only = creator_id != viewer_id
        videos = await self._metadata.videos_by_creator(creator_id, before_id, limit, public_only)
        return await self._dress(videos, viewer_id)

    async def _dress(self, videos: Sequence[Video], viewer_id: int) -> list[VideoView]:
        if not videos:
            return []
        video_ids = [video.video_id for video in videos]
        creator_ids = list({video.creator_id for video in videos})
        followed = [video.video_id for video in videos if is_told_of_packaging(video, viewer_id)]
        creators, liked, following, pending, noted = await asyncio.gather(
            self._metadata.users(creator_ids),
            self._metadata.liked(viewer_id, video_ids),
            self._metadata.follows(viewer_id, creator_ids),
            self._pending(video_ids),
            self._progress.noted(followed),
        )
        return [
            VideoView(
                fresh(video, pending),
                creator,
                video.video_id in liked,
                creator.user_id in following,
                noted.get(video.video_id),
            )
            for video in videos
            if (creator := _creator(creators, video)) is not None
        ]

    async def _pending(self, video_ids: Sequence[int]) -> Mapping[tuple[int, CountKind], int]:
        if not self._breaker.admits(self._clock()):
            return {}
        try:
            pending = await self._counters.pending(video_ids)
        except CountersUnavailable as error:
            self._breaker.ended(False, self._clock())
            logger.debug("showing counts without increments", extra={"error": str(error)})
            return {}
        self._breaker.ended(True, self._clock())
        return pending

    async def edit(
        self, video_id: int, user_id: int, description: str | None, visibility: Visibility | None
    ) -> VideoView:
        """Change what is given; tags follow the description. Raises NotFound, NotCreator.

        The event is appended first, so that no edit is without one; `origin.deleting` purges the edges behind it.
        """
        video = await self.own(video_id, user_id)
        tags = None if description is None else hashtags(description)
        edited = replace(
            video,
            tags=video.tags if tags is None else tags,
            visibility=video.visibility if visibility is None else visibility,
        )
        event = video_event(edited, VideoChange.EDITED, self._clock())
        event = replace(event, visibility_set=visibility is not None)
        await self._eventlog.append(Topic.VIDEOS, str(video_id), encode(event))
        await self._metadata.edit_video(video_id, description, tags, visibility)
        self._changes.announce(video_id)
        return await self.view(video_id, user_id)

    async def delete(self, video_id: int, user_id: int) -> None:
        """Nobody sees the video again. Raises NotFound, NotCreator.

        The appended event is the commit point: `origin.deleting` purges and removes behind it, also after a crash.
        """
        video = await self.own(video_id, user_id)
        event = video_event(video, VideoChange.DELETED, self._clock())
        await self._eventlog.append(Topic.VIDEOS, str(video_id), encode(event))
        await self._metadata.transition(video_id, set(VideoStatus), VideoStatus.DELETED)
        await self._progress.forget(video_id)
        self._changes.announce(video_id)

    async def own(self, video_id: int, user_id: int) -> Video:
        video = await self._metadata.video(video_id)
        if not can_see(video, user_id):
            raise NotFound(f"no video {video_id}")
        if video.creator_id != user_id:
            raise NotCreator(f"Only the creator of video {video_id} may do that.")
        return video

    async def changes(self, video_id: int, viewer_id: int) -> AsyncIterator[VideoView]:
        """The video now and after each change of status, progress or stage, until its end.

        Raises NotFound at the first step.
        """
        with self._changes.watch(video_id) as watch:
            view = await self.view(video_id, viewer_id)
            yield view
            while view.video.status not in ENDED:
                watch.clear()
                before, view = view, await self._still(video_id, viewer_id, view)
                if view.video.status is VideoStatus.DELETED:
                    return
                if _stage(before) != _stage(view):
                    yield view
                else:
                    await watch.wait(LOOK_AGAIN_S)

    async def _still(self, video_id: int, viewer_id: int, before: VideoView) -> VideoView:
        try:
            return await self.view(video_id, viewer_id)
        except NotFound:
            gone = Video(
                video_id, before.creator.user_id, "", VideoStatus.DELETED, before.video.visibility, self._clock()
            )
            return VideoView(gone, before.creator, liked=False, following=False)


def _stage(view: VideoView) -> tuple[object, ...]:
    video = view.video
    revision = video.publication and video.publication.revision
    return video.status, video.progress, video.held_at_ms, revision, view.packaging


def _creator(creators: Mapping[int, User], video: Video) -> User | None:
    return creators.get(video.creator_id)
