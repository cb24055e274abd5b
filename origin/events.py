"""Every event of the event log, versioned, with its codec. Rules file.

On the wire an event is a JSON object with a `schema` number; readers ignore fields they do not know and
refuse a schema newer than theirs, so that an old process never acts on half of a new fact.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, TypeVar

from origin.ids import parse_id

SCHEMA = 1


class Topic(StrEnum):
    """Topics and, in the comment, the key that orders their records."""

    UPLOADS = "uploads"  # video_id
    UPLOADS_RETRY = "uploads.retry"  # video_id
    UPLOADS_DEAD = "uploads.dlq"  # video_id
    UPLOADS_REVIEW = "uploads.review"  # video_id
    VIDEOS = "videos"  # video_id
    INTERACTIONS = "interactions"  # user_id
    PURGES = "purges"  # tag
    WEBHOOKS = "webhooks"  # webhook_id
    WEBHOOKS_5S = "webhooks.retry.5s"  # webhook_id, as in those below
    WEBHOOKS_5M = "webhooks.retry.5m"
    WEBHOOKS_30M = "webhooks.retry.30m"
    WEBHOOKS_2H = "webhooks.retry.2h"
    WEBHOOKS_5H = "webhooks.retry.5h"
    WEBHOOKS_10H = "webhooks.retry.10h"
    WEBHOOKS_DEAD = "webhooks.dlq"  # webhook_id


DEAD_LETTERS = {
    Topic.UPLOADS: "uploads.dlq",
    Topic.UPLOADS_RETRY: "uploads.dlq",
    Topic.VIDEOS: "videos.dlq",
    Topic.INTERACTIONS: "interactions.dlq",
    Topic.PURGES: "purges.dlq",
    Topic.WEBHOOKS: "webhooks.dlq",
}
"""Where the records go that a consumer of a topic cannot read or cannot do."""


class InteractionType(StrEnum):
    VIEW = "view"
    LIKE = "like"
    UNLIKE = "unlike"
    SHARE = "share"
    SKIP = "skip"
    NOT_INTERESTED = "not_interested"
    REPORT = "report"
    FOLLOW = "follow"
    UNFOLLOW = "unfollow"
    COMMENT = "comment"
    UNCOMMENT = "uncomment"
    """Internal: a comment was deleted. Never accepted from clients."""


class VideoChange(StrEnum):
    PUBLISHED = "published"
    """Playable, or more of it than before."""
    REJECTED = "rejected"
    FAILED = "failed"
    DELETED = "deleted"
    EDITED = "edited"
    """Description, tags or visibility changed."""
    HELD = "held"
    """It waits for a person's verdict."""


class MalformedEvent(ValueError):
    """A record that is not an event of its topic: poison, for the dead-letter queue."""


class NewerSchema(MalformedEvent):
    """A record written by a newer version than this process."""


@dataclass(frozen=True, slots=True)
class UploadEvent:
    """A clip is stored and wants packaging. The topics of retries, dead letters and reviews carry the same record."""

    video_id: int
    user_id: int
    raw_s3_path: str
    """Object key of the clip."""
    timestamp: int
    """Epoch ms at which the last byte was stored."""
    attempt: int = 0
    error_code: str = ""
    error_detail: str = ""
    not_before: int = 0
    """Epoch ms before which a retry must not start."""
    request_id: str = ""
    cleared: bool = False
    """A person allowed the clip: moderation is not asked again."""
    size_bytes: int = 0
    """Of the clip; 0 where it is not known."""


@dataclass(frozen=True, slots=True)
class VideoEvent:
    """What a feed or an edge needs to act on a change of a video."""

    video_id: int
    creator_id: int
    change: VideoChange
    timestamp: int
    visibility: str = "public"
    duration_ms: int = 0
    tags: tuple[str, ...] = ()
    revision: int = 0
    visibility_set: bool = False
    """An edit named a visibility: what edges hold of the video is to be forgotten."""
    request_id: str = ""
    status: str = ""
    """A VideoStatus; empty in records that were written before it was told."""
    failure_code: str = ""
    failure_detail: str = ""
    takedowns: int = 0
    """How often it was taken down until then."""


@dataclass(frozen=True, slots=True)
class InteractionEvent:
    """One act of one viewer. `video_id` is 0 for follow and unfollow, `creator_id` is who is (un)followed
    there and the video's creator elsewhere."""

    event_id: str
    """Client-given or minted; consumers drop a repeat of it."""
    user_id: int
    type: InteractionType
    video_id: int
    creator_id: int
    at: int
    """Epoch ms, the client's clock clamped to the server's."""
    watch_ms: int = 0
    feed_id: str = ""
    position: int = -1
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class PurgeEvent:
    """Edges must forget what carries this surrogate key (soft: treat it as stale)."""

    tag: str
    soft: bool
    timestamp: int
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """One message on its way to one webhook. The topics of retries and dead letters carry the same record."""

    webhook_id: int
    user_id: int
    message_id: str
    """The same for every webhook and every attempt."""
    kind: str
    """The message's type, as `video.ready`."""
    body: str
    """What is sent, as JSON."""
    attempt: int = 0
    """How many were made."""
    put_off: int = 0
    """How often it had to wait because there was no room for it."""
    error_code: str = ""
    error_detail: str = ""
    """Of the last attempt."""
    request_id: str = ""


Event = UploadEvent | VideoEvent | InteractionEvent | PurgeEvent | WebhookEvent
KINDS: dict[Topic, type[Event]] = {
    Topic.UPLOADS: UploadEvent,
    Topic.UPLOADS_RETRY: UploadEvent,
    Topic.VIDEOS: VideoEvent,
    Topic.INTERACTIONS: InteractionEvent,
    Topic.PURGES: PurgeEvent,
    Topic.WEBHOOKS: WebhookEvent,
}
"""What the records of a topic are."""
E = TypeVar("E", bound=Event)
_IDS = frozenset({"video_id", "user_id", "creator_id", "webhook_id"})
_ENUMS: dict[tuple[str, str], type[StrEnum]] = {
    ("VideoEvent", "change"): VideoChange,
    ("InteractionEvent", "type"): InteractionType,
}


def encode(event: Event) -> bytes:
    """JSON bytes of an event; ids travel as decimal strings (JavaScript numbers lose their last digits)."""
    document = {key: str(value) if key in _IDS else value for key, value in asdict(event).items()}
    if isinstance(event, UploadEvent):
        document["error"] = {"code": document.pop("error_code"), "detail": document.pop("error_detail")}
    return json.dumps({"schema": SCHEMA, **document}, separators=(",", ":")).encode()


def decode(kind: type[E], value: bytes) -> E:
    """Parse a record's value as an event of `kind`.

    Raises NewerSchema for a later schema and MalformedEvent for anything else that does not fit.
    """
    return _build(kind, parsed(value))


def parsed(value: bytes) -> dict[str, Any]:
    """The JSON object of a record that this version reads. Raises NewerSchema and MalformedEvent."""
    try:
        document = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise MalformedEvent(f"not JSON: {error}") from error
    if not isinstance(document, dict):
        raise MalformedEvent("not a JSON object")
    schema = document.get("schema")
    if not isinstance(schema, int):
        raise MalformedEvent("no schema number")
    if schema > SCHEMA:
        raise NewerSchema(
            f"schema {schema} is newer than {SCHEMA}, which this version reads: upgrade it, then `reelway dlq replay`"
        )
    return document


def _build(kind: type[E], document: dict[str, Any]) -> E:
    if kind is UploadEvent and isinstance(document.get("error"), dict):
        document["error_code"] = document["error"].get("code", "")
        document["error_detail"] = document["error"].get("detail", "")
    values: dict[str, Any] = {}
    for field in fields(kind):
        if field.name in document:
            values[field.name] = _value(kind, field.name, str(field.type), document[field.name])
    try:
        return kind(**values)
    except TypeError as error:
        raise MalformedEvent(f"{kind.__name__}: {error}") from error


def _id(name: str, value: str) -> int:
    try:
        return parse_id(value)
    except ValueError as error:
        raise MalformedEvent(f"{name}: {error}") from error


def _value(kind: type[E], name: str, annotation: str, value: object) -> object:
    if name in _IDS and isinstance(value, str):
        return _id(name, value)
    if (kind.__name__, name) in _ENUMS:
        try:
            return _ENUMS[kind.__name__, name](str(value))
        except ValueError as error:
            raise MalformedEvent(f"{name}: {error}") from error
    if annotation.startswith("tuple") and isinstance(value, list) and all(isinstance(v, str) for v in value):
        return tuple(value)
    expected = {"int": int, "str": str, "bool": bool}.get(annotation)
    if name not in _IDS and expected is not None and type(value) is expected:
        return value
    raise MalformedEvent(f"{name} has the value {value!r:.80}, which is not a {annotation}")
