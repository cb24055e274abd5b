"""The metadata store in one SQLite file: the embedded backend. The statements live in the `sqlite_*` files by noun."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from functools import partial
from importlib.resources import files
from typing import TypeVar

from origin.counters.base import Batch
from origin.metadata import sqlite_counts as counts
from origin.metadata import sqlite_enhancements as enhancements
from origin.metadata import sqlite_prints as prints
from origin.metadata import sqlite_social as social
from origin.metadata import sqlite_uploads as uploads
from origin.metadata import sqlite_users as users
from origin.metadata import sqlite_videos as videos
from origin.metadata import sqlite_webhooks as webhooks
from origin.metadata.base import (
    Edge,
    Heat,
    MetadataError,
    MetadataFull,
    MetadataTooNew,
    MetadataUnavailable,
)
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
from origin.sqlite_database import Database, DatabaseError, DatabaseFull, DatabaseTooNew
from origin.subscriptions import Attempt, Sent, Webhook

R = TypeVar("R")
_SCRIPTS = ("schema.sql", "schema_2.sql", "schema_3.sql", "schema_4.sql")
"""The n-th takes the schema from version n to n + 1."""


class SqliteMetadata:
    """`Metadata` on `origin.sqlite_database`: writes share commits, reads run beside them."""

    def __init__(self, path: str) -> None:
        folder = files("origin.metadata")
        with _metadata_errors():
            self._database = Database(path, [folder.joinpath(name).read_text() for name in _SCRIPTS])

    async def _read(self, work: Callable[[sqlite3.Connection], R]) -> R:
        with _metadata_errors():
            return await self._database.read(work)

    async def _write(self, work: Callable[[sqlite3.Connection], R]) -> R:
        with _metadata_errors():
            return await self._database.write(work)

    async def check(self) -> None:
        await self._read(lambda connection: connection.execute("SELECT 1 FROM users LIMIT 1").fetchone())

    # users
    async def create_user(self, user: User) -> None:
        await self._write(partial(users.create, user=user))

    async def rename_user(self, user_id: int, handle: str) -> User:
        return await self._write(partial(users.rename, user_id=user_id, handle=handle))

    async def user(self, user_id: int) -> User:
        return await self._read(partial(users.one, user_id=user_id))

    async def users(self, user_ids: Sequence[int]) -> Mapping[int, User]:
        return await self._read(partial(users.several, user_ids=user_ids))

    # videos
    async def create_video(self, video: Video) -> None:
        await self._write(partial(videos.create, video=video))

    async def video(self, video_id: int) -> Video:
        return await self._read(partial(videos.one, video_id=video_id))

    async def videos(self, video_ids: Sequence[int]) -> Mapping[int, Video]:
        return await self._read(partial(videos.several, video_ids=video_ids))

    async def edit_video(
        self, video_id: int, description: str | None, tags: tuple[str, ...] | None, visibility: Visibility | None
    ) -> Video:
        return await self._write(
            partial(videos.edit, video_id=video_id, description=description, tags=tags, visibility=visibility)
        )

    async def set_caption(self, video_id: int, language: str, caption: Caption | None) -> Video:
        return await self._write(partial(videos.set_caption, video_id=video_id, language=language, caption=caption))

    async def set_held(self, video_id: int, held_at_ms: int | None) -> None:
        await self._write(partial(videos.set_held, video_id=video_id, held_at_ms=held_at_ms))

    async def transition(
        self, video_id: int, allowed: Set[VideoStatus], to: VideoStatus, failure: Failure | None = None
    ) -> bool:
        return await self._write(partial(videos.transition, video_id=video_id, allowed=allowed, to=to, failure=failure))

    async def take_down(self, video_id: int, allowed: Set[VideoStatus], failure: Failure) -> bool:
        return await self._write(partial(videos.take_down, video_id=video_id, allowed=allowed, failure=failure))

    async def restore(self, video_id: int) -> bool:
        return await self._write(partial(videos.restore, video_id=video_id))

    async def set_progress(self, video_id: int, progress: float) -> None:
        await self._write(partial(videos.set_progress, video_id=video_id, progress=progress))

    async def publish(
        self, video_id: int, publication: Publication, status: VideoStatus, now_ms: int, allowed: Set[VideoStatus]
    ) -> bool:
        return await self._write(
            partial(
                videos.publish,
                video_id=video_id,
                publication=publication,
                status=status,
                now_ms=now_ms,
                allowed=allowed,
            )
        )

    async def videos_by_creator(
        self, creator_id: int, before_id: int | None, limit: int, public_only: bool
    ) -> Sequence[Video]:
        return await self._read(
            partial(videos.by_creator, creator_id=creator_id, before_id=before_id, limit=limit, public_only=public_only)
        )

    async def newest_public(self, before_id: int | None, limit: int) -> Sequence[Video]:
        return await self._read(partial(videos.newest_public, before_id=before_id, limit=limit))

    async def mark_reupload(self, video_id: int, original_id: int | None) -> None:
        await self._write(partial(videos.mark_reupload, video_id=video_id, original_id=original_id))

    # prints
    async def keep_print(self, video_id: int, print_: Print) -> None:
        await self._write(partial(prints.keep, video_id=video_id, print_=print_))

    async def holders(self, bands: Set[int]) -> Sequence[int]:
        return await self._read(partial(prints.holders, bands=bands))

    async def prints(self, video_ids: Sequence[int]) -> Mapping[int, Print]:
        return await self._read(partial(prints.several, video_ids=video_ids))

    async def forget_print(self, video_id: int) -> None:
        await self._write(partial(prints.forget, video_id=video_id))

    # uploads
    async def create_upload(self, upload: Upload) -> None:
        await self._write(partial(uploads.create, upload=upload))

    async def upload(self, upload_id: int) -> Upload:
        return await self._read(partial(uploads.one, upload_id=upload_id))

    async def set_upload_length(self, upload_id: int, length: int) -> bool:
        return await self._write(partial(uploads.set_length, upload_id=upload_id, length=length))

    async def set_upload_digest(self, upload_id: int, digest: str) -> None:
        await self._write(partial(uploads.set_digest, upload_id=upload_id, digest=digest))

    async def advance_upload(self, upload_id: int, state: UploadState) -> None:
        await self._write(partial(uploads.advance, upload_id=upload_id, state=state))

    async def delete_upload(self, upload_id: int) -> None:
        await self._write(partial(uploads.delete, upload_id=upload_id))

    async def uploads_of(self, user_id: int, state: UploadState, limit: int) -> Sequence[Upload]:
        return await self._read(partial(uploads.of_user, user_id=user_id, state=state, limit=limit))

    async def uploads_in(self, state: UploadState, after_id: int, limit: int) -> Sequence[Upload]:
        return await self._read(partial(uploads.in_state, state=state, after_id=after_id, limit=limit))

    # likes, comments, follows
    async def set_like(self, user_id: int, video_id: int, liked: bool, now_ms: int) -> None:
        await self._write(partial(social.set_like, user_id=user_id, video_id=video_id, liked=liked, now_ms=now_ms))

    async def count_like(self, user_id: int, video_id: int, liked: bool, offset: int) -> int:
        return await self._write(
            partial(social.count_like, user_id=user_id, video_id=video_id, liked=liked, offset=offset)
        )

    async def liked(self, user_id: int, video_ids: Sequence[int]) -> Set[int]:
        return await self._read(partial(social.liked, user_id=user_id, video_ids=video_ids))

    async def add_comment(self, comment: Comment) -> None:
        await self._write(partial(social.add_comment, comment=comment))

    async def comment(self, comment_id: int) -> Comment:
        return await self._read(partial(social.comment, comment_id=comment_id))

    async def delete_comment(self, comment_id: int) -> bool:
        return await self._write(partial(social.delete_comment, comment_id=comment_id))

    async def comments(self, video_id: int, before_id: int | None, limit: int) -> Sequence[Comment]:
        return await self._read(partial(social.comments, video_id=video_id, before_id=before_id, limit=limit))

    async def set_follow(self, follower_id: int, followee_id: int, following: bool, now_ms: int) -> None:
        await self._write(
            partial(
                social.set_follow, follower_id=follower_id, followee_id=followee_id, following=following, now_ms=now_ms
            )
        )

    async def follows(self, follower_id: int, user_ids: Sequence[int]) -> Set[int]:
        return await self._read(partial(social.follows, follower_id=follower_id, user_ids=user_ids))

    async def followers(self, user_id: int, before_ms: int | None, limit: int) -> Sequence[Edge]:
        return await self._read(partial(social.followers, user_id=user_id, before_ms=before_ms, limit=limit))

    async def following(self, user_id: int, before_ms: int | None, limit: int) -> Sequence[Edge]:
        return await self._read(partial(social.following, user_id=user_id, before_ms=before_ms, limit=limit))

    async def user_counts(self, user_id: int) -> Mapping[str, int]:
        return await self._read(partial(social.user_counts, user_id=user_id))

    async def following_feed(self, user_id: int, before_id: int | None, limit: int) -> Sequence[int]:
        return await self._read(partial(videos.following_feed, user_id=user_id, before_id=before_id, limit=limit))

    # counts
    async def apply_counts(self, batch: Batch, now_ms: int) -> bool:
        return await self._write(partial(counts.apply, batch=batch, now_ms=now_ms))

    async def hot(self, now_ms: int, hours: int, limit: int) -> Sequence[Heat]:
        return await self._read(partial(counts.hot, now_ms=now_ms, hours=hours, limit=limit))

    # webhooks
    async def create_webhook(self, webhook: Webhook, most: int) -> bool:
        return await self._write(partial(webhooks.create, webhook=webhook, most=most))

    async def webhook(self, user_id: int, webhook_id: int) -> Webhook:
        return await self._read(partial(webhooks.one, user_id=user_id, webhook_id=webhook_id))

    async def webhook_owner(self, webhook_id: int) -> int:
        return await self._read(partial(webhooks.owner, webhook_id=webhook_id))

    async def webhooks_of(self, user_id: int) -> Sequence[Webhook]:
        return await self._read(partial(webhooks.of_user, user_id=user_id))

    async def replace_webhook(self, before: Webhook, after: Webhook) -> bool:
        return await self._write(partial(webhooks.replace, before=before, after=after))

    async def delete_webhook(self, user_id: int, webhook_id: int) -> None:
        await self._write(partial(webhooks.delete, user_id=user_id, webhook_id=webhook_id))

    async def add_attempt(self, attempt: Attempt, body: str) -> None:
        await self._write(partial(webhooks.add_attempt, attempt=attempt, body=body))

    async def attempts_of(self, webhook_id: int, before_id: int | None, limit: int, now_ms: int) -> Sequence[Attempt]:
        return await self._read(
            partial(webhooks.attempts_of, webhook_id=webhook_id, before_id=before_id, limit=limit, now_ms=now_ms)
        )

    async def sent_message(self, webhook_id: int, message_id: str) -> Sent:
        return await self._read(partial(webhooks.sent_message, webhook_id=webhook_id, message_id=message_id))

    # worker numbers
    async def lease_worker(self, owner: str, now_ms: int, lease_ms: int) -> int:
        return await self._write(partial(counts.lease_worker, owner=owner, now_ms=now_ms, lease_ms=lease_ms))

    async def renew_worker(self, number: int, owner: str, now_ms: int, lease_ms: int) -> bool:
        return await self._write(
            partial(counts.renew_worker, number=number, owner=owner, now_ms=now_ms, lease_ms=lease_ms)
        )

    async def release_worker(self, number: int, owner: str) -> None:
        await self._write(partial(counts.release_worker, number=number, owner=owner))

    # enhancements
    async def claim_enhancement(self, video_id: int, owner: str, now_ms: int, ends_at_ms: int) -> bool:
        return await self._write(
            partial(enhancements.claim, video_id=video_id, owner=owner, now_ms=now_ms, ends_at_ms=ends_at_ms)
        )

    async def close(self) -> None:
        await self._database.close()


@contextlib.contextmanager
def _metadata_errors() -> Iterator[None]:
    try:
        yield
    except DatabaseError as error:
        raise _as_metadata_error(error) from error


def _as_metadata_error(error: DatabaseError) -> MetadataError:
    if isinstance(error, DatabaseFull):
        return MetadataFull(str(error))
    if isinstance(error, DatabaseTooNew):
        return MetadataTooNew(str(error))
    return MetadataUnavailable(str(error))
