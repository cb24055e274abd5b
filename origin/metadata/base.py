"""The port to the metadata store: users, videos, uploads, the social graph, counts, webhooks and worker leases.

Words: a *transition* is a compare-and-set on a video's status, so that of two actors only one wins. Listings are
newest first and paged by the last id or position seen (`before`). `hot` videos are kept per hour bucket.

Promised: a call that returned is durable; single-row changes are atomic. Times come in as arguments and
are stored; nothing rests on the store's own clock.
Not promised: transactions across rows; counts are eventually consistent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Protocol

from origin.counters.base import Batch, Written
from origin.model import (
    Caption,
    Comment,
    Failure,
    Publication,
    Upload,
    UploadState,
    User,
    Video,
    VideoStatus,
    Visibility,
)
from origin.prints import Print
from origin.subscriptions import Attempt, Sent, Webhook


class MetadataError(Exception):
    """The root of this port's errors."""


class NotFound(MetadataError):
    """There is no such row."""


class HandleTaken(MetadataError):
    """Another user has that handle (compared without case)."""


class NoWorkerNumber(MetadataError):
    """All 1024 worker numbers are leased."""


class MetadataUnavailable(MetadataError):
    """The store did not answer. A retry may help."""


class MetadataUnprepared(MetadataError):
    """The store has no keyspace or an older schema: run `reelway migrate`."""


class MetadataDenied(MetadataError):
    """The store refused the credentials, or what they may do."""


class MetadataMisplaced(MetadataError):
    """The URL names a data centre, or more copies, than the store has: change the setting."""


class MetadataTooNew(MetadataError):
    """The store was written by a newer version of this program: run that version."""


class MetadataFull(MetadataError):
    """The store has no room. A retry helps once an operator made some."""


class BatchForked(Exception):
    """Another batch was written than the one after which this one comes: no retry helps."""

    def __init__(self, batch: Batch, written: Written) -> None:
        super().__init__(f"batch {batch.batch_id} comes after {batch.after!r}, but {written.batch_id} was written last")
        self.written = written


ASK_AGAIN_OFFSETS = 100_000
"""How far back `count_like` repeats its answers; a consumer has far fewer records in flight."""


BAND_MOST = 256
"""How many videos may be found by one band of their prints; two writers at once may go a little over it."""


@dataclass(frozen=True, slots=True)
class Edge:
    """One follow, as listed: who, and when it began (the page position, nudged by a millisecond where two
    would share one)."""

    user_id: int
    since_ms: int


@dataclass(frozen=True, slots=True)
class Heat:
    """A hot video: views weighed with likes, comments and shares over the buckets asked for."""

    video_id: int
    score: float


class Metadata(Protocol):
    async def check(self) -> None:
        """Returns when the store can be used now.

        Raises MetadataUnavailable, MetadataUnprepared, MetadataTooNew, MetadataDenied or MetadataMisplaced."""

    # users
    async def create_user(self, user: User) -> None:
        """Raises HandleTaken."""

    async def rename_user(self, user_id: int, handle: str) -> User:
        """Give a user a handle of its own; it is no guest any more. Raises HandleTaken, NotFound."""

    async def user(self, user_id: int) -> User:
        """Raises NotFound."""

    async def users(self, user_ids: Sequence[int]) -> Mapping[int, User]:
        """Those that exist."""

    # videos
    async def create_video(self, video: Video) -> None: ...

    async def video(self, video_id: int) -> Video:
        """Raises NotFound. A deleted video is returned with status DELETED."""

    async def videos(self, video_ids: Sequence[int]) -> Mapping[int, Video]:
        """Those that exist, deleted ones included."""

    async def edit_video(
        self, video_id: int, description: str | None, tags: tuple[str, ...] | None, visibility: Visibility | None
    ) -> Video:
        """Change what is given. Raises NotFound."""

    async def set_caption(self, video_id: int, language: str, caption: Caption | None) -> Video:
        """Keep one language's track, or none. Raises NotFound, also for a deleted video."""

    async def set_held(self, video_id: int, held_at_ms: int | None) -> None:
        """Note that a video in work waits for a person since then, or waits no more. Ignored for any other video."""

    async def transition(
        self, video_id: int, allowed: Set[VideoStatus], to: VideoStatus, failure: Failure | None = None
    ) -> bool:
        """Move a video to `to` if its status is one of `allowed`; False when it is not (or is not there)."""

    async def take_down(self, video_id: int, allowed: Set[VideoStatus], failure: Failure) -> bool:
        """Reject a video whose status is one of `allowed`, and keep that status beside it; False when it is not."""

    async def restore(self, video_id: int) -> bool:
        """Give a video that was taken down the status back that it had; one that was deleted since stays deleted, but
        counts as taken down no more. False when it was not taken down."""

    async def set_progress(self, video_id: int, progress: float) -> None:
        """Packaging progress 0–1; ignored for a video that is not there."""

    async def publish(
        self, video_id: int, publication: Publication, status: VideoStatus, now_ms: int, allowed: Set[VideoStatus]
    ) -> bool:
        """Replace the publication and the status in one step, if the status is one of `allowed` and the revision
        is higher than the published one. `published_at_ms` is set the first time; it waits for a person no more. False:
        nothing changed."""

    async def videos_by_creator(
        self, creator_id: int, before_id: int | None, limit: int, public_only: bool
    ) -> Sequence[Video]:
        """Newest first, never deleted ones. `public_only`: watchable and public."""

    async def newest_public(self, before_id: int | None, limit: int) -> Sequence[Video]:
        """Watchable public videos of everyone, newest first."""

    async def mark_reupload(self, video_id: int, original_id: int | None) -> None:
        """Note which earlier video this one was found to be of; ignored for a video that is not there."""

    # prints
    async def keep_print(self, video_id: int, print_: Print) -> None:
        """Keep what a video looks and sounds like, and let it be found by its bands; but for those that BAND_MOST
        videos have already, which say nothing."""

    async def holders(self, bands: Set[int]) -> Sequence[int]:
        """The videos that may be found by these bands, each once for every band: BAND_MOST of a band."""

    async def prints(self, video_ids: Sequence[int]) -> Mapping[int, Print]:
        """Those that are kept."""

    async def forget_print(self, video_id: int) -> None:
        """It is found no more. Idempotent."""

    # uploads
    async def create_upload(self, upload: Upload) -> None: ...

    async def upload(self, upload_id: int) -> Upload:
        """Raises NotFound."""

    async def set_upload_length(self, upload_id: int, length: int) -> bool:
        """Fix a deferred length once; False when another length is already fixed."""

    async def set_upload_digest(self, upload_id: int, digest: str) -> None:
        """Keep a digest of the whole, as in UploadTerms, that a client told late. One writer at a time; ignored for an
        upload that is not there."""

    async def advance_upload(self, upload_id: int, state: UploadState) -> None:
        """Move to a later state; going back is ignored."""

    async def delete_upload(self, upload_id: int) -> None: ...

    async def uploads_of(self, user_id: int, state: UploadState, limit: int) -> Sequence[Upload]:
        """A user's uploads with a state, oldest first."""

    async def uploads_in(self, state: UploadState, after_id: int, limit: int) -> Sequence[Upload]:
        """Uploads with a state, oldest first: for reconcilers and the sweeper."""

    # likes, comments, follows
    async def set_like(self, user_id: int, video_id: int, liked: bool, now_ms: int) -> None:
        """The viewer's own state; idempotent."""

    async def count_like(self, user_id: int, video_id: int, liked: bool, offset: int) -> int:
        """What a like event at `offset` of the interactions log adds to the like count: −1, 0 or +1.

        Whoever asks goes through the log in its order, from a place up to which everything was counted; several may.
        Asking again for an offset gives the same answer, as long as it lies no more than ASK_AGAIN_OFFSETS behind the
        newest counted one of this user and video; so a consumer that crashed repeats harmlessly, in whatever runs
        it reads the records. An older offset that was never asked for gives 0."""

    async def liked(self, user_id: int, video_ids: Sequence[int]) -> Set[int]:
        """Which of these videos the viewer likes."""

    async def add_comment(self, comment: Comment) -> None:
        """Idempotent by comment_id."""

    async def comment(self, comment_id: int) -> Comment:
        """Raises NotFound."""

    async def delete_comment(self, comment_id: int) -> bool:
        """False when it was not there."""

    async def comments(self, video_id: int, before_id: int | None, limit: int) -> Sequence[Comment]:
        """Newest first."""

    async def set_follow(self, follower_id: int, followee_id: int, following: bool, now_ms: int) -> None:
        """Idempotent; the time of the first follow stays."""

    async def follows(self, follower_id: int, user_ids: Sequence[int]) -> Set[int]:
        """Which of these users the follower follows."""

    async def followers(self, user_id: int, before_ms: int | None, limit: int) -> Sequence[Edge]: ...

    async def following(self, user_id: int, before_ms: int | None, limit: int) -> Sequence[Edge]: ...

    async def user_counts(self, user_id: int) -> Mapping[str, int]:
        """`followers`, `following`, `videos` (public, watchable) and `likes` (received)."""

    async def following_feed(self, user_id: int, before_id: int | None, limit: int) -> Sequence[int]:
        """Ids of public watchable videos of those one follows, newest first."""

    # counts
    async def apply_counts(self, batch: Batch, now_ms: int) -> bool:
        """Add a flush's deltas to the videos' counts and to the hour bucket of `now_ms`, once per batch id; False
        when that batch was applied before. Raises BatchForked when another than `batch.after` was written last.

        Several may apply one batch at once, and one that was cut off is applied again. An earlier one that was left
        half written is finished before another is refused."""

    async def hot(self, now_ms: int, hours: int, limit: int) -> Sequence[Heat]:
        """Hottest public watchable videos of the last `hours` buckets, older buckets weighing less (half-life 24 h)."""

    # webhooks
    async def create_webhook(self, webhook: Webhook, most: int) -> bool:
        """False when its user has `most` already; also of those who create at once no more get through."""

    async def webhook(self, user_id: int, webhook_id: int) -> Webhook:
        """Raises NotFound, also where it is another user's."""

    async def webhook_owner(self, webhook_id: int) -> int:
        """The user whose webhook it is, or was. Raises NotFound."""

    async def webhooks_of(self, user_id: int) -> Sequence[Webhook]:
        """Oldest first."""

    async def replace_webhook(self, before: Webhook, after: Webhook) -> bool:
        """False when it is not as `before`, or not there; look again then."""

    async def delete_webhook(self, user_id: int, webhook_id: int) -> None:
        """Idempotent. What came of its messages stays for its time."""

    async def add_attempt(self, attempt: Attempt, body: str) -> None:
        """Keep it, and the message's body, for KEPT_DAYS. Idempotent."""

    async def attempts_of(self, webhook_id: int, before_id: int | None, limit: int, now_ms: int) -> Sequence[Attempt]:
        """Newest first, none older than KEPT_DAYS."""

    async def sent_message(self, webhook_id: int, message_id: str) -> Sent:
        """One that attempts of the last KEPT_DAYS name. Raises NotFound."""

    # worker numbers
    async def lease_worker(self, owner: str, now_ms: int, lease_ms: int) -> int:
        """A worker number 0–1023 that nobody else holds until `now_ms + lease_ms`. Raises NoWorkerNumber.

        A number is given again only one lease after its own ended, so that a paused holder cannot mint beside its
        successor."""

    async def renew_worker(self, number: int, owner: str, now_ms: int, lease_ms: int) -> bool:
        """False: the lease was lost, stop minting."""

    async def release_worker(self, number: int, owner: str) -> None: ...

    # enhancements
    async def claim_enhancement(self, video_id: int, owner: str, now_ms: int, ends_at_ms: int) -> bool:
        """Take, prolong or end the claim on making a video's further renditions; it lasts until `ends_at_ms`.

        False while another owner's claim has not ended. Claims that ended are forgotten."""

    async def close(self) -> None: ...
