"""The nouns of the system of record. Rules file: plain frozen values, no I/O.

Ids are Snowflake integers (see `origin.ids`); times are epoch milliseconds (`*_ms`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class VideoStatus(StrEnum):
    """The life of a video as clients see it (contract: Video document)."""

    UPLOADING = "uploading"
    QUEUED = "queued"
    PROCESSING = "processing"
    PLAYABLE = "playable"
    """The first rendition is published."""
    READY = "ready"
    """Every rendition is published."""
    REJECTED = "rejected"
    """Moderation refused it."""
    FAILED = "failed"
    DELETED = "deleted"
    """Never shown; the row stays as a tombstone so that a late event cannot revive the video."""


WATCHABLE = frozenset({VideoStatus.PLAYABLE, VideoStatus.READY})
WORKED_ON = frozenset({VideoStatus.PROCESSING, VideoStatus.PLAYABLE})
"""A packager has it in hand."""


class Visibility(StrEnum):
    PUBLIC = "public"
    UNLISTED = "unlisted"
    """Plays for everyone who has the link; in no feed and no listing but its creator's."""
    PRIVATE = "private"
    """Its creator's only."""


class CountKind(StrEnum):
    """What is counted per video. Counts are eventually consistent."""

    VIEWS = "views"
    LIKES = "likes"
    COMMENTS = "comments"
    SHARES = "shares"


class UploadState(StrEnum):
    RECEIVING = "receiving"
    STORED = "stored"
    """Every byte is in the object store; the UploadEvent may not have been appended yet."""
    ANNOUNCED = "announced"
    """The UploadEvent is in the event log."""


class UploadKind(StrEnum):
    WHOLE = "whole"
    """A clip, sent through the gateway."""
    PARTIAL = "partial"
    """A piece of a clip (tus concatenation): no video comes of it alone."""
    FINAL = "final"
    """A clip made of partial uploads."""
    DIRECT = "direct"
    """A clip, sent straight to the object store."""


@dataclass(frozen=True, slots=True)
class UploadTerms:
    """What was agreed when an upload began."""

    kind: UploadKind = UploadKind.WHOLE
    partials: tuple[int, ...] = ()
    """Of a final upload: the uploads that it is made of, in order; one may come twice."""
    digest: str = ""
    """Of the whole file, `sha-256` or `sha-512`, one space and Base64; empty when the client did not say."""
    part_bytes: int = 0
    """Of a direct upload: the size of every part but the last."""


ORDINARY = UploadTerms()


@dataclass(frozen=True, slots=True)
class User:
    """A viewer or creator. A guest has a made-up handle and may claim a better one once."""

    user_id: int
    handle: str
    guest: bool
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class Counts:
    views: int = 0
    likes: int = 0
    comments: int = 0
    shares: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a video was rejected or failed: a stable code and a sentence for its creator."""

    code: str
    detail: str


TAKEN_DOWN = "taken_down"
"""The code of a failure that is a takedown."""


@dataclass(frozen=True, slots=True)
class StartupFile:
    """A file a player needs before its first frame; the feed's prefetch plan names it."""

    name: str
    """Relative to `/v/{video_id}/`."""
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Publication:
    """What of a video can be watched, replaced as one value so that a viewer sees all of it or none.

    `revision` grows with every publication of the same video.
    """

    revision: int
    files: Mapping[str, str]
    """Mutable public name (`hls.m3u8`, `dash.mpd`, `poster.jpg`, …) → object key."""
    renditions: tuple[str, ...]
    """Folder names of the published renditions, highest rung first, those of a second codec behind; each is
    immutable."""
    startup: tuple[StartupFile, ...]
    """In the order in which a player wants them: init segment, then first media segment, per track."""
    duration_ms: int
    width: int
    """Display size in square pixels, after rotation and sample aspect."""
    height: int
    thumbhash: str = ""
    """Base64 ThumbHash of the poster, empty when there is none."""


@dataclass(frozen=True, slots=True)
class Caption:
    """A WebVTT track that the creator gave, one a language."""

    language: str
    """BCP 47, as `pt-BR`."""
    label: str
    """For a menu of languages."""
    digest: str
    """Of its content; it names the folder."""


@dataclass(frozen=True, slots=True)
class Video:
    video_id: int
    creator_id: int
    description: str
    status: VideoStatus
    visibility: Visibility
    created_at_ms: int
    progress: float = 0.0
    """Of packaging, 0–1."""
    raw_key: str = ""
    """Object key of the uploaded clip."""
    published_at_ms: int | None = None
    """When it first became playable."""
    tags: tuple[str, ...] = ()
    """Lower-case hashtags of the description, without `#`."""
    counts: Counts = field(default_factory=Counts)
    publication: Publication | None = None
    failure: Failure | None = None
    captions: tuple[Caption, ...] = ()
    """By language."""
    held_at_ms: int | None = None
    """When moderation left it to a person; None: it never did, or it was allowed."""
    taken_down_from: VideoStatus | None = None
    """The status that an undo gives back; None: nobody took it down. Outlasts a deletion by the creator."""
    takedowns: int = 0
    """How often it was taken down, which tells what is said of it before and after an undo apart."""
    reupload_of: int | None = None
    """The earlier video that this one was found to be of; for moderators."""


@dataclass(frozen=True, slots=True)
class HotVideo:
    """A public video that can be watched, and its heat (see `origin.metadata.heat`)."""

    video: Video
    heat: float


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload in progress. Its bytes are the parts of `multipart_id` in the object store; the offset is
    what the store holds, never a number kept beside it."""

    upload_id: int
    video_id: int
    user_id: int
    state: UploadState
    length: int | None
    """Whole length in bytes; None while a client has deferred it."""
    metadata: str
    """The `Upload-Metadata` field as sent, echoed on HEAD."""
    multipart_id: str
    object_key: str
    created_at_ms: int
    expires_at_ms: int
    terms: UploadTerms = ORDINARY


@dataclass(frozen=True, slots=True)
class Comment:
    comment_id: int
    video_id: int
    user_id: int
    text: str
    created_at_ms: int
