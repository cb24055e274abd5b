"""What the use cases take and give. Rules file: the same shapes as `edge.gateway.ports` names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from origin.events import InteractionType
from origin.model import ORDINARY, Comment, UploadTerms, User, Video
from origin.progress.base import Packaging
from origin.subscriptions import Disabled


@dataclass(frozen=True, slots=True)
class VideoView:
    """A video as one viewer may see it."""

    video: Video
    """Its counts include increments that are not flushed yet."""
    creator: User
    liked: bool
    following: bool
    packaging: Packaging | None = None
    """Only for its creator while it is packaged, and where the speed layer told."""


@dataclass(frozen=True, slots=True)
class Interaction:
    """One reported act, checked for form."""

    event_id: str
    type: InteractionType
    video_id: int
    """0 for follow and unfollow by creator."""
    creator_id: int
    """Only read where `video_id` is 0."""
    at_ms: int
    watch_ms: int
    feed_id: str
    position: int


@dataclass(frozen=True, slots=True)
class Refused:
    """An interaction that was not taken, by its index in the batch."""

    index: int
    problem: str


@dataclass(frozen=True, slots=True)
class UserView:
    user: User
    counts: Mapping[str, int]
    following: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """A user in a listing, with the page position to continue from."""

    user: User
    since_ms: int


@dataclass(frozen=True, slots=True)
class CommentView:
    comment: Comment
    user: User


@dataclass(frozen=True, slots=True)
class UploadTicket:
    upload_id: int
    video_id: int
    user_id: int
    length: int | None
    metadata: str
    multipart_id: str
    finished: bool
    expires_at_ms: int
    terms: UploadTerms = ORDINARY
    object_key: str = ""


@dataclass(frozen=True, slots=True)
class ReviewView:
    """A clip that waits for a person's verdict."""

    video: Video
    reason: str
    """What made moderation unsure."""
    since_ms: int
    clip_key: str
    """Of the clip as it was uploaded, in the object store."""


@dataclass(frozen=True, slots=True)
class WebhookView:
    """A webhook as its user sees it: without its secrets."""

    webhook_id: int
    url: str
    types: tuple[str, ...]
    """Empty for every type."""
    created_at_ms: int
    disabled: Disabled | None
    """Why it gets no messages; None when it does."""
    failing_since_ms: int | None
    old_secret_until_ms: int | None
    """Until when the secret before the last rotation signs, too; None: it does not."""


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A webhook whose secret is told this once."""

    webhook: WebhookView
    secret: str = field(repr=False)
