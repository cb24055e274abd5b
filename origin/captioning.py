"""Captions given and taken back by a video's creator. Shell; the rules are in `captions`."""

from __future__ import annotations

from collections.abc import Callable

from origin.captions import (
    MOST_LABEL,
    MOST_LANGUAGES,
    BadTrack,
    canonical_language,
    caption_of,
    checked_track,
    label_fits,
    object_key,
)
from origin.changes import Changes
from origin.eventlog.base import EventLog
from origin.events import PurgeEvent, Topic, encode
from origin.metadata.base import Metadata
from origin.model import Caption, Video
from origin.objects.base import Objects
from origin.refusals import BadCaptions
from origin.videos import Videos, surrogate_key
from origin.views import VideoView


class Captions:
    """Each call may be repeated, and is to be where it failed: edges are told last. Raises NotFound, NotCreator, and
    the errors of the ports."""

    def __init__(
        self,
        videos: Videos,
        metadata: Metadata,
        objects: Objects,
        eventlog: EventLog,
        clock: Callable[[], int],
        changes: Changes,
    ) -> None:
        self._videos = videos
        self._metadata = metadata
        self._objects = objects
        self._eventlog = eventlog
        self._clock = clock
        self._changes = changes

    async def put(self, video_id: int, user_id: int, language: str, label: str, track: bytes) -> VideoView:
        """Give one language's WebVTT track, in place of an earlier one. Raises BadCaptions."""
        video = await self._videos.own(video_id, user_id)
        language = _language(language)
        if language not in {each.language for each in video.captions} and len(video.captions) >= MOST_LANGUAGES:
            raise BadCaptions(f"A video has captions in at most {MOST_LANGUAGES} languages.")
        if not label_fits(label):
            raise BadCaptions(
                f"A label is one line of at most {MOST_LABEL} characters, none of which turns the others."
            )
        try:
            checked = checked_track(track)
        except BadTrack as error:
            raise BadCaptions(str(error)) from error
        caption = caption_of(language, label.strip(), checked)
        await self._objects.put(object_key(video_id, caption), checked)
        await self._keep(video, language, caption)
        return await self._videos.view(video_id, user_id)

    async def remove(self, video_id: int, user_id: int, language: str) -> None:
        """Nobody sees the track again."""
        video = await self._videos.own(video_id, user_id)
        await self._keep(video, _language(language), None)

    async def _keep(self, video: Video, language: str, caption: Caption | None) -> None:
        """Name the new track before the old one goes, and tell the edges."""
        await self._metadata.set_caption(video.video_id, language, caption)
        for old in video.captions:
            if old.language == language and (caption is None or old.digest != caption.digest):
                await self._objects.delete(object_key(video.video_id, old))
        purge = PurgeEvent(surrogate_key(video.video_id), soft=True, timestamp=self._clock())
        await self._eventlog.append(Topic.PURGES, purge.tag, encode(purge))
        self._changes.announce(video.video_id)


def _language(tag: str) -> str:
    language = canonical_language(tag)
    if language is None:
        raise BadCaptions(f"{tag[:40]!r} is no language tag such as en or pt-BR (BCP 47).")
    return language
