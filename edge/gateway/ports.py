"""What the gateway needs of the roles behind it. `deploy.compose` hands in the implementations: the use cases
of origin and feed in one process, clients of theirs where roles are processes of their own.

Errors: the ones below, whatever stands behind, those of the engines, and RoleUnavailable where it is a client;
`edge.gateway.problems` maps them to status codes, `origin.rpc.errors` takes them from process to process.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from origin.model import ORDINARY, UploadTerms, User, Visibility
from origin.objects.abilities import PresignedPart
from origin.subscriptions import Attempt
from origin.views import (
    CommentView,
    Interaction,
    Listed,
    NewSecret,
    Refused,
    ReviewView,
    UploadTicket,
    UserView,
    VideoView,
    WebhookView,
)


class Videos(Protocol):
    """Implemented by `origin.videos`. `viewer_id` decides what is visible: a private, unpublished, rejected or
    deleted video is NotFound for everyone but its creator (deleted: for everyone)."""

    async def view(self, video_id: int, viewer_id: int) -> VideoView:
        """Raises origin.metadata.base.NotFound."""

    async def views(self, video_ids: Sequence[int], viewer_id: int) -> Sequence[VideoView]:
        """Those that are watchable for the viewer, in the order asked for."""

    async def by_creator(
        self, creator_id: int, viewer_id: int, before_id: int | None, limit: int
    ) -> Sequence[VideoView]: ...

    async def edit(
        self, video_id: int, user_id: int, description: str | None, visibility: Visibility | None
    ) -> VideoView:
        """Raises NotFound, NotCreator."""

    async def delete(self, video_id: int, user_id: int) -> None:
        """Tombstone, purge event, objects deleted. Raises NotFound, NotCreator."""

    def changes(self, video_id: int, viewer_id: int) -> AsyncIterator[VideoView]:
        """The video now and after each change of status or progress, until ready, rejected, failed or deleted. Raises
        NotFound at the first step."""


class Captions(Protocol):
    """Implemented by `origin.captioning`."""

    async def put(self, video_id: int, user_id: int, language: str, label: str, track: bytes) -> VideoView:
        """Give one language's WebVTT track, in place of an earlier one. Raises NotFound, NotCreator, BadCaptions."""

    async def remove(self, video_id: int, user_id: int, language: str) -> None:
        """Idempotent. Raises NotFound, NotCreator, BadCaptions."""


class Reviews(Protocol):
    """Implemented by `origin.reviewing`."""

    async def waiting(self, limit: int) -> Sequence[ReviewView]:
        """The first that wait for a person's verdict, longest first."""

    async def allow(self, video_id: int) -> None:
        """Raises NotHeld."""

    async def reject(self, video_id: int, detail: str) -> None:
        """`detail` is for the creator. Raises NotHeld."""

    async def take_down(self, video_id: int, reason: str) -> None:
        """Nobody but its creator sees the video, who is told `reason`. Idempotent.

        Raises NotFound, NothingToTakeDown."""

    async def restore(self, video_id: int) -> None:
        """Undo a takedown: the video is what it was. Idempotent. Raises NotFound, NotTakenDown."""


class Webhooks(Protocol):
    """Implemented by `origin.subscribing`. Another user's webhook is NotFound."""

    async def create(self, user_id: int, url: str, types: Sequence[str]) -> NewSecret:
        """No types: every type. Raises BadWebhook, TooManyWebhooks."""

    async def all_of(self, user_id: int) -> Sequence[WebhookView]:
        """Oldest first."""

    async def view(self, user_id: int, webhook_id: int) -> WebhookView:
        """Raises NotFound."""

    async def edit(
        self, user_id: int, webhook_id: int, url: str | None, types: Sequence[str] | None, enabled: bool | None
    ) -> WebhookView:
        """Change what is given. Raises NotFound, BadWebhook."""

    async def delete(self, user_id: int, webhook_id: int) -> None:
        """What waits for it is dropped. Raises NotFound."""

    async def rotate(self, user_id: int, webhook_id: int) -> NewSecret:
        """A new secret, beside which the old one signs for a while. Raises NotFound."""

    async def test(self, user_id: int, webhook_id: int) -> str:
        """Queue a test message; its id. Raises NotFound, WebhookDisabled."""

    async def deliveries(self, user_id: int, webhook_id: int, before_id: int | None, limit: int) -> Sequence[Attempt]:
        """Newest first. Raises NotFound."""

    async def replay(self, user_id: int, webhook_id: int, message_id: str) -> None:
        """Queue a message of the last days once more, under its id. Raises NotFound, WebhookDisabled, StillRetrying."""


class Social(Protocol):
    """Implemented by `origin.social`."""

    async def create_user(self, handle: str | None) -> User:
        """A named user, or a guest with a made-up handle. Raises HandleTaken."""

    async def claim_handle(self, user_id: int, handle: str) -> User:
        """A guest becomes a named user and keeps its id. Raises HandleTaken, NotFound, AlreadyNamed."""

    async def user(self, user_id: int, viewer_id: int) -> UserView:
        """Raises NotFound."""

    async def interact(self, user_id: int, interactions: Sequence[Interaction], request_id: str) -> Sequence[Refused]:
        """Append to the event log (durable on return) and apply the viewer's own likes and follows."""

    async def like(self, user_id: int, video_id: int, liked: bool, request_id: str) -> None:
        """Idempotent. Raises NotFound."""

    async def follow(self, user_id: int, followee_id: int, following: bool, request_id: str) -> None:
        """Idempotent. Raises NotFound, and SelfFollow."""

    async def comment(self, user_id: int, video_id: int, text: str, request_id: str) -> CommentView:
        """Raises NotFound, and CommentRefused when the text filter refuses it."""

    async def delete_comment(self, comment_id: int, user_id: int, request_id: str) -> None:
        """By its author or the video's creator. Raises NotFound, NotCreator."""

    async def comments(self, video_id: int, viewer_id: int, before_id: int | None, limit: int) -> Sequence[CommentView]:
        """Newest first. Raises NotFound."""

    async def followers(self, user_id: int, before_ms: int | None, limit: int) -> Sequence[Listed]: ...

    async def following(self, user_id: int, before_ms: int | None, limit: int) -> Sequence[Listed]: ...


class FeedItem(Protocol):
    @property
    def video_id(self) -> int: ...
    @property
    def source(self) -> str: ...
    @property
    def position(self) -> int: ...


class FeedPage(Protocol):
    @property
    def items(self) -> Sequence[FeedItem]: ...
    @property
    def next_cursor(self) -> str | None: ...
    @property
    def feed_id(self) -> str: ...
    @property
    def mode(self) -> str:
        """`personal`, `cold_start` or `global_hot`."""


class Feeds(Protocol):
    """Implemented by `feed.service`. Never raises for a lost engine: it answers from what is left."""

    async def for_you(self, user_id: int, limit: int, cursor: str | None, now_ms: int) -> FeedPage:
        """Raises feed's BadCursor (a ValueError) for a cursor it did not make."""

    async def following(self, user_id: int, limit: int, cursor: str | None, now_ms: int) -> FeedPage: ...


class UploadCatalog(Protocol):
    """Implemented by `origin.uploads`: the records of uploads and the hand-over to packaging."""

    async def begin(
        self,
        user_id: int,
        length: int | None,
        metadata: str,
        description: str,
        now_ms: int,
        terms: UploadTerms = ORDINARY,
    ) -> UploadTicket:
        """An upload and its multipart in the object store; a video in status `uploading`, but for a partial upload.

        A final upload that was begun before from the same parts is returned, whatever became of it, so that a client
        that lost the answer may ask again. Its length is that of its parts, once each has one. Raises NoSuchPartial,
        NoDirectUploads.
        """

    async def find(self, upload_id: int) -> UploadTicket:
        """Raises NotFound."""

    async def fix_length(self, upload_id: int, length: int) -> bool: ...

    async def expect(self, upload_id: int, digest: str) -> None:
        """What the whole upload must be, told with its last bytes and before they are stored: whoever finishes the
        upload after a crash checks it, too."""

    async def finish(self, upload_id: int, request_id: str, digest: str = "") -> None:
        """Join the parts, mark the upload stored, append the UploadEvent, queue the video; a partial upload is only
        stored. `digest` is as in UploadTerms.

        Idempotent: called again after a crash at any point it completes what is missing and announces the upload once.
        Raises NotFound, UploadIncomplete, NoSuchObject when its parts are gone, and NotAClip or WrongDigest when the
        bytes are not what they must be; then the upload is ended.
        """

    async def cancel(self, upload_id: int) -> None:
        """Abort the multipart, delete the upload, its never-finished video and the bytes of a partial one."""

    async def live_by(self, user_id: int) -> Sequence[UploadTicket]:
        """Uploads of a user that no video came of yet: still receiving, or stored pieces of a final upload."""


@dataclass(frozen=True, slots=True)
class DirectAsked:
    length: int
    description: str
    digest: str
    """As the value of a `Repr-Digest` field (RFC 9530); empty when there is none."""


@dataclass(frozen=True, slots=True)
class DirectPart:
    number: int
    offset: int
    request: PresignedPart


@dataclass(frozen=True, slots=True)
class DirectUpload:
    """How an upload straight to the object store stands."""

    ticket: UploadTicket
    stored: Mapping[int, int]
    """Sizes in bytes of the parts that have arrived, by number."""
    missing: Sequence[DirectPart]


class DirectUploads(Protocol):
    """Implemented by `edge.ingest.direct`. Each raises ApiProblem for what is not the user's, expired or refused."""

    async def begin(self, user_id: int, asked: DirectAsked) -> DirectUpload: ...

    async def standing(self, user_id: int, upload_id: int) -> DirectUpload:
        """With fresh addresses for what is missing."""

    async def complete(self, user_id: int, upload_id: int, request_id: str) -> int:
        """The video's id; idempotent. Raises what finishing an upload raises."""
