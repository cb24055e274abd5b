"""Use cases between people: users, likes, follows, comments, reported interactions.

The event log is the commit point: an act is appended first, then the viewer's own state is set, so that they see it at
once. `origin.counting` sets it again from the log, which repairs a crash between the two.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from origin.eventlog.base import EventLog, EventLogError
from origin.events import InteractionEvent, InteractionType, Topic, encode
from origin.handles import guest_handle
from origin.interactions import Judged, Known, judge, people_of
from origin.late import LateEvents
from origin.metadata.base import Edge, Metadata, NotFound
from origin.model import Comment, User, Video
from origin.refusals import AlreadyNamed, CommentRefused, NotCreator, SelfFollow
from origin.text import comment_problem
from origin.views import CommentView, Interaction, Listed, Refused, UserView
from origin.visibility import can_see, can_watch
from origin.writeback import ORIGIN_PREFIX, Follow, Like, effect_of

logger = logging.getLogger(__name__)


class Social:
    """`mint` gives new ids (see `origin.leases`), `clock` epoch milliseconds."""

    def __init__(
        self, metadata: Metadata, eventlog: EventLog, clock: Callable[[], int], mint: Callable[[], int]
    ) -> None:
        self._metadata = metadata
        self._eventlog = eventlog
        self._clock = clock
        self._mint = mint
        self.late = LateEvents(eventlog)
        """The count events of comments that were written while the log was away."""

    async def create_user(self, handle: str | None) -> User:
        """A named user, or a guest with a made-up handle. Raises HandleTaken."""
        user_id = self._mint()
        user = User(
            user_id,
            guest_handle(user_id) if handle is None else handle,
            guest=handle is None,
            created_at_ms=self._clock(),
        )
        await self._metadata.create_user(user)
        return user

    async def claim_handle(self, user_id: int, handle: str) -> User:
        """A guest becomes a named user and keeps its id. Raises HandleTaken, NotFound, AlreadyNamed."""
        user = await self._metadata.user(user_id)
        if not user.guest:
            raise AlreadyNamed(f"You are {user.handle} already; a handle is kept for good.")
        return await self._metadata.rename_user(user_id, handle)

    async def user(self, user_id: int, viewer_id: int) -> UserView:
        """Raises NotFound."""
        user, counts, follows = await asyncio.gather(
            self._metadata.user(user_id),
            self._metadata.user_counts(user_id),
            self._metadata.follows(viewer_id, [user_id]),
        )
        return UserView(user, counts, user_id in follows)

    async def interact(self, user_id: int, interactions: Sequence[Interaction], request_id: str) -> Sequence[Refused]:
        """Append what makes sense, durably, and set the viewer's own likes and follows; returns the rest."""
        judged = await self._judge(user_id, interactions, request_id)
        await self._append(judged.events)
        return judged.refused

    async def _judge(self, user_id: int, interactions: Sequence[Interaction], request_id: str) -> Judged:
        videos = await self._metadata.videos(list({each.video_id for each in interactions if each.video_id}))
        people = people_of(interactions, videos)
        users = await self._metadata.users(list(set(people))) if people else {}
        return judge(user_id, interactions, Known(videos, users.keys()), self._clock(), request_id)

    async def _append(self, events: Sequence[InteractionEvent]) -> None:
        if not events:
            return
        records = [(str(event.user_id), encode(event)) for event in events]
        await self._eventlog.append_many(Topic.INTERACTIONS, records)
        await apply_own_state(self._metadata, events, self._clock())

    async def like(self, user_id: int, video_id: int, liked: bool, request_id: str) -> None:
        """Idempotent. Raises NotFound."""
        video = await self._watchable(video_id, user_id)
        if (video_id in await self._metadata.liked(user_id, [video_id])) == liked:
            return
        kind = InteractionType.LIKE if liked else InteractionType.UNLIKE
        await self._append([self._act(kind, user_id, video_id, video.creator_id, request_id)])

    async def follow(self, user_id: int, followee_id: int, following: bool, request_id: str) -> None:
        """Idempotent. Raises NotFound and SelfFollow."""
        if user_id == followee_id:
            raise SelfFollow("One cannot follow oneself.")
        await self._metadata.user(followee_id)
        if (followee_id in await self._metadata.follows(user_id, [followee_id])) == following:
            return
        kind = InteractionType.FOLLOW if following else InteractionType.UNFOLLOW
        await self._append([self._act(kind, user_id, 0, followee_id, request_id)])

    def _act(
        self, kind: InteractionType, user_id: int, video_id: int, creator_id: int, request_id: str, event_id: str = ""
    ) -> InteractionEvent:
        return InteractionEvent(
            event_id=event_id or f"{ORIGIN_PREFIX}{self._mint()}",
            user_id=user_id,
            type=kind,
            video_id=video_id,
            creator_id=creator_id,
            at=self._clock(),
            request_id=request_id,
        )

    async def comment(self, user_id: int, video_id: int, text: str, request_id: str) -> CommentView:
        """Raises NotFound, and CommentRefused when the text filter refuses it."""
        if problem := comment_problem(text):
            raise CommentRefused(problem)
        user = await self._metadata.user(user_id)
        video = await self._watchable(video_id, user_id)
        comment = Comment(self._mint(), video_id, user_id, text, self._clock())
        # The text is only here, so it comes first: at worst a comment is not counted, never counted but lost.
        await self._metadata.add_comment(comment)
        event_id = f"{ORIGIN_PREFIX}comment:{comment.comment_id}"
        act = self._act(InteractionType.COMMENT, user_id, video_id, video.creator_id, request_id, event_id)
        try:
            await self._append([act])
        except EventLogError as error:
            logger.warning("a comment is counted later", extra={"comment_id": comment.comment_id, "error": str(error)})
            self.late.put(Topic.INTERACTIONS, str(user_id), encode(act))
        return CommentView(comment, user)

    async def delete_comment(self, comment_id: int, user_id: int, request_id: str) -> None:
        """By its author or the video's creator. Raises NotFound, NotCreator."""
        comment = await self._metadata.comment(comment_id)
        video = await self._metadata.video(comment.video_id)
        if user_id != comment.user_id and not can_see(video, user_id):
            raise NotFound(f"no comment {comment_id}")
        if user_id not in {comment.user_id, video.creator_id}:
            raise NotCreator("Only its author or the video's creator may delete a comment.")
        event_id = f"{ORIGIN_PREFIX}uncomment:{comment_id}"
        # The event id hangs on the comment: deleted twice at once, it is counted down once.
        act = self._act(
            InteractionType.UNCOMMENT, comment.user_id, comment.video_id, video.creator_id, request_id, event_id
        )
        await self._append([act])
        await self._metadata.delete_comment(comment_id)

    async def comments(self, video_id: int, viewer_id: int, before_id: int | None, limit: int) -> Sequence[CommentView]:
        """Newest first. Raises NotFound."""
        video = await self._metadata.video(video_id)
        if not can_see(video, viewer_id):
            raise NotFound(f"no video {video_id}")
        comments = await self._metadata.comments(video_id, before_id, limit)
        users = await self._metadata.users(list({comment.user_id for comment in comments}))
        return [CommentView(comment, users[comment.user_id]) for comment in comments if comment.user_id in users]

    async def followers(self, user_id: int, before_ms: int | None, limit: int) -> Sequence[Listed]:
        """Newest first."""
        return await self._listed(await self._metadata.followers(user_id, before_ms, limit))

    async def following(self, user_id: int, before_ms: int | None, limit: int) -> Sequence[Listed]:
        """Newest first."""
        return await self._listed(await self._metadata.following(user_id, before_ms, limit))

    async def _listed(self, edges: Sequence[Edge]) -> list[Listed]:
        users = await self._metadata.users([edge.user_id for edge in edges])
        return [Listed(users[edge.user_id], edge.since_ms) for edge in edges if edge.user_id in users]

    async def _watchable(self, video_id: int, viewer_id: int) -> Video:
        video = await self._metadata.video(video_id)
        if not can_watch(video, viewer_id):
            raise NotFound(f"no video {video_id}")
        return video


async def apply_own_state(metadata: Metadata, events: Sequence[InteractionEvent], now_ms: int) -> None:
    """Set the likes and follows that events end in; of several about one thing the last one holds."""
    likes: dict[tuple[int, int], bool] = {}
    follows: dict[tuple[int, int], bool] = {}
    for event in events:
        effect = effect_of(event)
        if isinstance(effect, Like):
            likes[event.user_id, event.video_id] = effect.liked
        elif isinstance(effect, Follow):
            follows[event.user_id, event.creator_id] = effect.following
    await asyncio.gather(
        *(metadata.set_like(user, video, liked, now_ms) for (user, video), liked in likes.items()),
        *(metadata.set_follow(user, other, following, now_ms) for (user, other), following in follows.items()),
    )
