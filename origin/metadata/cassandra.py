"""The metadata store in Cassandra: statements in the `cassandra_*` files by noun, tables in `schema.cql`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence, Set

from origin.counters.base import Batch
from origin.metadata import cassandra_comments as comments
from origin.metadata import cassandra_counts as counts
from origin.metadata import cassandra_enhancements as enhancements
from origin.metadata import cassandra_follows as follows
from origin.metadata import cassandra_likes as likes
from origin.metadata import cassandra_migrating as migrating
from origin.metadata import cassandra_prints as prints
from origin.metadata import cassandra_takedowns as takedowns
from origin.metadata import cassandra_uploads as uploads
from origin.metadata import cassandra_users as users
from origin.metadata import cassandra_video_lists as video_lists
from origin.metadata import cassandra_videos as videos
from origin.metadata import cassandra_webhook_attempts as attempts
from origin.metadata import cassandra_webhooks as webhooks
from origin.metadata.base import Edge, Heat
from origin.metadata.cassandra_heat import HotHours
from origin.metadata.cassandra_session import CassandraSession
from origin.metadata.cassandra_target import Target
from origin.metadata.cassandra_workers import WorkerNumbers
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


class CassandraMetadata:
    """`Metadata` on Cassandra. Connects at the first call; one event loop only.

    Compare-and-sets and quorums are those of the data centre that the URL calls near (LOCAL_SERIAL, LOCAL_QUORUM): all
    processes that write must name the same one.
    """

    def __init__(self, target: Target) -> None:
        self._session = CassandraSession(target)
        self._hot_hours = HotHours(self._session)
        self._workers = WorkerNumbers(self._session)

    async def check(self) -> None:
        await migrating.check(self._session)

    # users
    async def create_user(self, user: User) -> None:
        await users.create(self._session, user)

    async def rename_user(self, user_id: int, handle: str) -> User:
        return await users.rename(self._session, user_id, handle)

    async def user(self, user_id: int) -> User:
        return await users.one(self._session, user_id)

    async def users(self, user_ids: Sequence[int]) -> Mapping[int, User]:
        return await users.several(self._session, user_ids)

    # videos
    async def create_video(self, video: Video) -> None:
        await videos.create(self._session, video)

    async def video(self, video_id: int) -> Video:
        return await videos.one(self._session, video_id)

    async def videos(self, video_ids: Sequence[int]) -> Mapping[int, Video]:
        return await videos.several(self._session, video_ids)

    async def edit_video(
        self, video_id: int, description: str | None, tags: tuple[str, ...] | None, visibility: Visibility | None
    ) -> Video:
        return await videos.edit(self._session, video_id, description, tags, visibility)

    async def set_caption(self, video_id: int, language: str, caption: Caption | None) -> Video:
        return await videos.set_caption(self._session, video_id, language, caption)

    async def set_held(self, video_id: int, held_at_ms: int | None) -> None:
        await videos.set_held(self._session, video_id, held_at_ms)

    async def transition(
        self, video_id: int, allowed: Set[VideoStatus], to: VideoStatus, failure: Failure | None = None
    ) -> bool:
        return await videos.transition(self._session, video_id, allowed, to, failure)

    async def take_down(self, video_id: int, allowed: Set[VideoStatus], failure: Failure) -> bool:
        return await takedowns.take_down(self._session, video_id, allowed, failure)

    async def restore(self, video_id: int) -> bool:
        return await takedowns.restore(self._session, video_id)

    async def set_progress(self, video_id: int, progress: float) -> None:
        await videos.set_progress(self._session, video_id, progress)

    async def publish(
        self, video_id: int, publication: Publication, status: VideoStatus, now_ms: int, allowed: Set[VideoStatus]
    ) -> bool:
        return await videos.publish(self._session, video_id, publication, status, now_ms, allowed)

    async def videos_by_creator(
        self, creator_id: int, before_id: int | None, limit: int, public_only: bool
    ) -> Sequence[Video]:
        return await video_lists.by_creator(self._session, creator_id, before_id, limit, public_only)

    async def newest_public(self, before_id: int | None, limit: int) -> Sequence[Video]:
        return await video_lists.newest_public(self._session, before_id, limit)

    async def mark_reupload(self, video_id: int, original_id: int | None) -> None:
        await videos.mark_reupload(self._session, video_id, original_id)

    # prints
    async def keep_print(self, video_id: int, print_: Print) -> None:
        await prints.keep(self._session, video_id, print_)

    async def holders(self, bands: Set[int]) -> Sequence[int]:
        return await prints.holders(self._session, bands)

    async def prints(self, video_ids: Sequence[int]) -> Mapping[int, Print]:
        return await prints.several(self._session, video_ids)

    async def forget_print(self, video_id: int) -> None:
        await prints.forget(self._session, video_id)

    # uploads
    async def create_upload(self, upload: Upload) -> None:
        await uploads.create(self._session, upload)

    async def upload(self, upload_id: int) -> Upload:
        return await uploads.one(self._session, upload_id)

    async def set_upload_length(self, upload_id: int, length: int) -> bool:
        return await uploads.set_length(self._session, upload_id, length)

    async def set_upload_digest(self, upload_id: int, digest: str) -> None:
        await uploads.set_digest(self._session, upload_id, digest)

    async def advance_upload(self, upload_id: int, state: UploadState) -> None:
        await uploads.advance(self._session, upload_id, state)

    async def delete_upload(self, upload_id: int) -> None:
        await uploads.delete(self._session, upload_id)

    async def uploads_of(self, user_id: int, state: UploadState, limit: int) -> Sequence[Upload]:
        return await uploads.of_user(self._session, user_id, state, limit)

    async def uploads_in(self, state: UploadState, after_id: int, limit: int) -> Sequence[Upload]:
        return await uploads.in_state(self._session, state, after_id, limit)

    # likes, comments, follows
    async def set_like(self, user_id: int, video_id: int, liked: bool, now_ms: int) -> None:
        await likes.set_like(self._session, user_id, video_id, liked, now_ms)

    async def count_like(self, user_id: int, video_id: int, liked: bool, offset: int) -> int:
        return await likes.count_like(self._session, user_id, video_id, liked, offset)

    async def liked(self, user_id: int, video_ids: Sequence[int]) -> Set[int]:
        return await likes.liked(self._session, user_id, video_ids)

    async def add_comment(self, comment: Comment) -> None:
        await comments.add(self._session, comment)

    async def comment(self, comment_id: int) -> Comment:
        return await comments.one(self._session, comment_id)

    async def delete_comment(self, comment_id: int) -> bool:
        return await comments.delete(self._session, comment_id)

    async def comments(self, video_id: int, before_id: int | None, limit: int) -> Sequence[Comment]:
        return await comments.of_video(self._session, video_id, before_id, limit)

    async def set_follow(self, follower_id: int, followee_id: int, following: bool, now_ms: int) -> None:
        await follows.set_follow(self._session, follower_id, followee_id, following, now_ms)

    async def follows(self, follower_id: int, user_ids: Sequence[int]) -> Set[int]:
        return await follows.follows(self._session, follower_id, user_ids)

    async def followers(self, user_id: int, before_ms: int | None, limit: int) -> Sequence[Edge]:
        return await follows.page(self._session, follows.FOLLOWERS, user_id, before_ms, limit)

    async def following(self, user_id: int, before_ms: int | None, limit: int) -> Sequence[Edge]:
        return await follows.page(self._session, follows.FOLLOWING, user_id, before_ms, limit)

    async def user_counts(self, user_id: int) -> Mapping[str, int]:
        followed, shown = await asyncio.gather(
            follows.counts(self._session, user_id), video_lists.counts(self._session, user_id)
        )
        return {**followed, **shown}

    async def following_feed(self, user_id: int, before_id: int | None, limit: int) -> Sequence[int]:
        return await video_lists.following_feed(self._session, user_id, before_id, limit)

    # counts
    async def apply_counts(self, batch: Batch, now_ms: int) -> bool:
        return await counts.apply(self._session, batch, now_ms)

    async def hot(self, now_ms: int, hours: int, limit: int) -> Sequence[Heat]:
        return await self._hot_hours.hottest(now_ms, hours, limit)

    # webhooks
    async def create_webhook(self, webhook: Webhook, most: int) -> bool:
        return await webhooks.create(self._session, webhook, most)

    async def webhook(self, user_id: int, webhook_id: int) -> Webhook:
        return await webhooks.one(self._session, user_id, webhook_id)

    async def webhook_owner(self, webhook_id: int) -> int:
        return await webhooks.owner(self._session, webhook_id)

    async def webhooks_of(self, user_id: int) -> Sequence[Webhook]:
        return await webhooks.of_user(self._session, user_id)

    async def replace_webhook(self, before: Webhook, after: Webhook) -> bool:
        return await webhooks.replace(self._session, before, after)

    async def delete_webhook(self, user_id: int, webhook_id: int) -> None:
        await webhooks.delete(self._session, user_id, webhook_id)

    async def add_attempt(self, attempt: Attempt, body: str) -> None:
        await attempts.add(self._session, attempt, body)

    async def attempts_of(self, webhook_id: int, before_id: int | None, limit: int, now_ms: int) -> Sequence[Attempt]:
        return await attempts.of_webhook(self._session, webhook_id, before_id, limit, now_ms)

    async def sent_message(self, webhook_id: int, message_id: str) -> Sent:
        return await attempts.sent_message(self._session, webhook_id, message_id)

    # worker numbers
    async def lease_worker(self, owner: str, now_ms: int, lease_ms: int) -> int:
        return await self._workers.lease(owner, now_ms, lease_ms)

    async def renew_worker(self, number: int, owner: str, now_ms: int, lease_ms: int) -> bool:
        return await self._workers.renew(number, owner, now_ms, lease_ms)

    async def release_worker(self, number: int, owner: str) -> None:
        await self._workers.release(number, owner)

    # enhancements
    async def claim_enhancement(self, video_id: int, owner: str, now_ms: int, ends_at_ms: int) -> bool:
        return await enhancements.claim(self._session, video_id, owner, now_ms, ends_at_ms)

    async def close(self) -> None:
        await self._session.close()
