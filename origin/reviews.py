"""Clips that wait for a person's verdict, because moderation could not tell. Rules file.

A held clip is its UploadEvent in the topic `uploads.review`, with what made moderation unsure as its error; the video
stays in `processing`, and nothing of it is published. A decision is a note behind it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from origin.eventlog.base import Record
from origin.events import SCHEMA, MalformedEvent, UploadEvent, decode, encode, parsed

REASON = "moderation_review"
NOT_ALLOWED = "This clip is not allowed here."
"""What the creator of a rejected clip is told where nobody said more."""


@dataclass(frozen=True, slots=True)
class Held:
    event: UploadEvent
    since_ms: int

    @property
    def reason(self) -> str:
        return self.event.error_detail


@dataclass(frozen=True, slots=True)
class Decided:
    allowed: bool
    """False also where an earlier version decided, which did not say."""


def hold(event: UploadEvent, reason: str) -> bytes:
    """The record that puts a clip into the queue, under the video's key."""
    return encode(replace(event, error_code=REASON, error_detail=reason))


def decided_note(video_id: int, *, allowed: bool) -> bytes:
    """The record that takes a video's earlier ones out of the queue."""
    return json.dumps({"schema": SCHEMA, "decided": str(video_id), "allowed": allowed}).encode()


def standings(records: Sequence[Record]) -> dict[int, Held | Decided]:
    """The last word on each video, those that have it longest first; of held records without a decision between them
    the first.

    What cannot be read is passed over: it names no clip that could be decided."""
    found: dict[int, Held | Decided] = {}
    for record in records:
        try:
            video_id, word = _read(record)
        except (MalformedEvent, ValueError):
            continue
        before = found.get(video_id)
        if before is None or isinstance(before, Decided) or isinstance(word, Decided):
            found.pop(video_id, None)
            found[video_id] = word
    return found


def _read(record: Record) -> tuple[int, Held | Decided]:
    document = parsed(record.value)
    if isinstance(document.get("decided"), str):
        return int(document["decided"]), Decided(allowed=document.get("allowed") is True)
    event = decode(UploadEvent, record.value)
    return event.video_id, Held(event, record.appended_at_ms)


def undecided(records: Sequence[Record]) -> list[Held]:
    """The held clips behind which no decision comes, longest waiting first."""
    return [word for word in standings(records).values() if isinstance(word, Held)]


def cleared(event: UploadEvent) -> UploadEvent:
    """The event that has a held clip packaged without asking moderation again."""
    return replace(event, cleared=True, attempt=0, error_code="", error_detail="", not_before=0)
