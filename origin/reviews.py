"""Clips that wait for a person's verdict, because moderation could not tell.

A held clip is its UploadEvent in the topic `uploads.review`, with what made moderation unsure as its error; the video
stays in `processing`, and nothing of it is published. A decision is a note behind it. Allowed, it is packaged anew by
an UploadEvent that says so; what is decided twice is packaged once, since packaging leaves alone what has ended.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from origin.eventlog.base import EventLog, Record
from origin.events import SCHEMA, MalformedEvent, Topic, UploadEvent, decode, encode, parsed
from origin.metadata.base import Metadata
from origin.model import Failure, Video, VideoStatus

REASON = "moderation_review"
REJECTED = "moderation"
READ_AT_ONCE = 1000


class NotHeld(Exception):
    """The video does not wait for a review: decided already, deleted, or never held."""


class Rejects(Protocol):
    async def reject(self, video_id: int, failure: Failure) -> None:
        """End the video as rejected."""


@dataclass(frozen=True, slots=True)
class Held:
    event: UploadEvent
    since_ms: int

    @property
    def reason(self) -> str:
        return self.event.error_detail


@dataclass(frozen=True, slots=True)
class Waiting:
    held: Held
    video: Video


def hold(event: UploadEvent, reason: str) -> bytes:
    """The record that puts a clip into the queue, under the video's key."""
    return encode(replace(event, error_code=REASON, error_detail=reason))


def decided_note(video_id: int) -> bytes:
    """The record that takes a video's earlier ones out of the queue."""
    return json.dumps({"schema": SCHEMA, "decided": str(video_id)}).encode()


def undecided(records: Sequence[Record]) -> list[Held]:
    """The held clips behind which no decision comes, longest waiting first; of records of one video the first.

    What cannot be read is passed over: it names no clip that could be decided."""
    held: dict[int, Held] = {}
    for record in records:
        try:
            document = parsed(record.value)
            if isinstance(document.get("decided"), str):
                held.pop(int(document["decided"]), None)
                continue
            event = decode(UploadEvent, record.value)
        except (MalformedEvent, ValueError):
            continue
        held.setdefault(event.video_id, Held(event, record.appended_at_ms))
    return list(held.values())


class Reviews:
    """The queue, for people. Raises EventLogError and MetadataError of the ports; a retry may help."""

    def __init__(self, eventlog: EventLog, metadata: Metadata, catalog: Rejects) -> None:
        self._eventlog = eventlog
        self._metadata = metadata
        self._catalog = catalog

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
        cleared = replace(waiting.held.event, cleared=True, attempt=0, error_code="", error_detail="", not_before=0)
        await self._eventlog.append(Topic.UPLOADS, str(video_id), encode(cleared))
        await self._note(video_id)

    async def reject(self, video_id: int, detail: str) -> None:
        """End it as rejected; its creator is told `detail`. Raises NotHeld."""
        await self.of(video_id)
        await self._catalog.reject(video_id, Failure(REJECTED, detail))
        await self._note(video_id)

    async def _note(self, video_id: int) -> None:
        await self._eventlog.append(Topic.UPLOADS_REVIEW, str(video_id), decided_note(video_id))
