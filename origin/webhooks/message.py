"""What a webhook says: thin JSON, as the Standard Webhooks specification advises. Rules file.

A message's id follows from its fact, so that a fact that is told twice makes one message; it holds no dot, which the
signature needs to part it from what follows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from origin.events import VideoChange, VideoEvent
from origin.model import TAKEN_DOWN, VideoStatus

TEST = "webhook.test"
"""The type of a message that says only that messages arrive."""
_OF_STATUS = {VideoStatus.PLAYABLE: "video.playable", VideoStatus.READY: "video.ready"}
_OF_CHANGE = {
    VideoChange.REJECTED: "video.rejected",
    VideoChange.FAILED: "video.failed",
    VideoChange.DELETED: "video.deleted",
    VideoChange.HELD: "video.held",
}
TYPES = (*_OF_STATUS.values(), *_OF_CHANGE.values())
"""What a webhook can ask for."""


@dataclass(frozen=True, slots=True)
class Message:
    message_id: str
    kind: str
    body: str


def message_of(event: VideoEvent) -> Message | None:
    """What creators are told of a change; None when it is nothing to them."""
    kind = _kind(event)
    if kind is None:
        return None
    # An end is told as it is: a deleted video's row may not say so yet, and that of a failed one may have been deleted.
    told = event.change in {VideoChange.PUBLISHED, VideoChange.HELD}
    status = event.status if told else event.change
    data: dict[str, object] = {
        "id": str(event.video_id),
        "status": status,
        "visibility": event.visibility,
        "revision": event.revision,
        "duration_ms": event.duration_ms if event.revision else None,
    }
    if event.failure_code:
        data["failure"] = {"code": event.failure_code, "detail": event.failure_detail}
    word = kind.partition(".")[2]
    if event.change is VideoChange.REJECTED and event.failure_code == TAKEN_DOWN:
        # What is packaged again after an undo may be rejected without another takedown: that is another fact.
        word = "takedown"
    message_id = f"msg_{event.video_id}_{word}_{event.revision}"
    if event.takedowns:
        # What an undo gives back was told before, and is news all the same.
        message_id += f"_{event.takedowns}"
    return Message(message_id, kind, body_of(kind, event.timestamp, data).decode())


def _kind(event: VideoEvent) -> str | None:
    if event.change is VideoChange.PUBLISHED:
        return next((kind for status, kind in _OF_STATUS.items() if status == event.status), None)
    return _OF_CHANGE.get(event.change)


def body_of(kind: str, at_ms: int, data: Mapping[str, object]) -> bytes:
    """`type`, `timestamp` (RFC 3339, of what happened and not of the attempt) and `data`. Fields may be added;
    receivers ignore those they do not know."""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"type": kind, "timestamp": moment, "data": data}, separators=(",", ":")).encode()
