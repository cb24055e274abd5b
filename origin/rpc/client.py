"""Origin from another process: the shapes that `edge.gateway.ports` names, over gRPC.

Beyond the errors of the use cases every method raises RoleUnavailable.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from origin.model import ORDINARY, UploadTerms, User, Visibility
from origin.rpc import codec
from origin.rpc import origin_pb2 as pb
from origin.rpc.channel import RemoteRole
from origin.rpc.errors import ORIGIN_ERRORS, Errors
from origin.rpc.settings import RpcSettings
from origin.rpc.tls import Tls
from origin.rpc.webhook_client import RemoteWebhooks
from origin.views import CommentView, Interaction, Listed, Refused, ReviewView, UploadTicket, UserView, VideoView

SERVICES = pb.DESCRIPTOR.services_by_name


@dataclass(frozen=True, slots=True)
class RemoteOrigin:
    videos: RemoteVideos
    captions: RemoteCaptions
    social: RemoteSocial
    uploads: RemoteUploads
    reviews: RemoteReviews
    webhooks: RemoteWebhooks
    _role: RemoteRole

    async def check(self) -> None:
        """Returns when an origin can be asked. Raises RoleUnavailable."""
        await self._role.check()

    async def close(self) -> None:
        await self._role.close()


def open_origin(target: str, tls: Tls | None = None, settings: RpcSettings | None = None) -> RemoteOrigin:
    """Call it in the running event loop; connects at the first call. Raises BadTarget, BadTls."""
    services = [SERVICES[name] for name in ("Videos", "Captions", "Social", "Uploads", "Reviews", "Webhooks")]
    role = RemoteRole("origin", target, services, Errors(ORIGIN_ERRORS), tls, settings)
    return RemoteOrigin(
        RemoteVideos(role),
        RemoteCaptions(role),
        RemoteSocial(role),
        RemoteUploads(role),
        RemoteReviews(role),
        RemoteWebhooks(role),
        role,
    )


class RemoteVideos:
    def __init__(self, role: RemoteRole) -> None:
        self._ask = partial(role.ask, SERVICES["Videos"])
        self._follow = partial(role.follow, SERVICES["Videos"])

    async def view(self, video_id: int, viewer_id: int) -> VideoView:
        request = pb.ViewRequest(video_id=video_id, viewer_id=viewer_id)
        return codec.decode_view(await self._ask("View", request, pb.VideoView))

    async def views(self, video_ids: Sequence[int], viewer_id: int) -> Sequence[VideoView]:
        request = pb.ViewsRequest(video_ids=video_ids, viewer_id=viewer_id)
        return codec.decode_views(await self._ask("Views", request, pb.VideoViews))

    async def by_creator(
        self, creator_id: int, viewer_id: int, before_id: int | None, limit: int
    ) -> Sequence[VideoView]:
        request = pb.ByCreatorRequest(creator_id=creator_id, viewer_id=viewer_id, before_id=before_id, limit=limit)
        return codec.decode_views(await self._ask("ByCreator", request, pb.VideoViews))

    async def edit(
        self, video_id: int, user_id: int, description: str | None, visibility: Visibility | None
    ) -> VideoView:
        request = pb.EditRequest(
            video_id=video_id,
            user_id=user_id,
            description=description,
            visibility=None if visibility is None else codec.encode_visibility(visibility),
        )
        return codec.decode_view(await self._ask("Edit", request, pb.VideoView))

    async def delete(self, video_id: int, user_id: int) -> None:
        await self._ask("Delete", pb.DeleteRequest(video_id=video_id, user_id=user_id), pb.Done)

    async def changes(self, video_id: int, viewer_id: int) -> AsyncIterator[VideoView]:
        request = pb.ChangesRequest(video_id=video_id, viewer_id=viewer_id)
        async with aclosing(self._follow("Changes", request, pb.VideoView)) as messages:
            async for message in messages:
                yield codec.decode_view(message)


class RemoteCaptions:
    def __init__(self, role: RemoteRole) -> None:
        self._ask = partial(role.ask, SERVICES["Captions"])

    async def put(self, video_id: int, user_id: int, language: str, label: str, track: bytes) -> VideoView:
        request = pb.PutCaptionRequest(video_id=video_id, user_id=user_id, language=language, label=label, track=track)
        return codec.decode_view(await self._ask("Put", request, pb.VideoView))

    async def remove(self, video_id: int, user_id: int, language: str) -> None:
        request = pb.RemoveCaptionRequest(video_id=video_id, user_id=user_id, language=language)
        await self._ask("Remove", request, pb.Done)


class RemoteSocial:
    def __init__(self, role: RemoteRole) -> None:
        self._ask = partial(role.ask, SERVICES["Social"])

    async def create_user(self, handle: str | None) -> User:
        return codec.decode_user(await self._ask("CreateUser", pb.CreateUserRequest(handle=handle), pb.User))

    async def claim_handle(self, user_id: int, handle: str) -> User:
        request = pb.ClaimHandleRequest(user_id=user_id, handle=handle)
        return codec.decode_user(await self._ask("ClaimHandle", request, pb.User))

    async def user(self, user_id: int, viewer_id: int) -> UserView:
        request = pb.UserRequest(user_id=user_id, viewer_id=viewer_id)
        return codec.decode_user_view(await self._ask("User", request, pb.UserView))

    async def interact(self, user_id: int, interactions: Sequence[Interaction], request_id: str) -> Sequence[Refused]:
        request = pb.InteractRequest(
            user_id=user_id,
            interactions=[codec.encode_interaction(each) for each in interactions],
            request_id=request_id,
        )
        return codec.decode_refused(await self._ask("Interact", request, pb.InteractResponse))

    async def like(self, user_id: int, video_id: int, liked: bool, request_id: str) -> None:
        request = pb.LikeRequest(user_id=user_id, video_id=video_id, liked=liked, request_id=request_id)
        await self._ask("Like", request, pb.Done)

    async def follow(self, user_id: int, followee_id: int, following: bool, request_id: str) -> None:
        request = pb.FollowRequest(user_id=user_id, followee_id=followee_id, following=following, request_id=request_id)
        await self._ask("Follow", request, pb.Done)

    async def comment(self, user_id: int, video_id: int, text: str, request_id: str) -> CommentView:
        request = pb.CommentRequest(user_id=user_id, video_id=video_id, text=text, request_id=request_id)
        return codec.decode_comment(await self._ask("Comment", request, pb.CommentView))

    async def delete_comment(self, comment_id: int, user_id: int, request_id: str) -> None:
        request = pb.DeleteCommentRequest(comment_id=comment_id, user_id=user_id, request_id=request_id)
        await self._ask("DeleteComment", request, pb.Done)

    async def comments(self, video_id: int, viewer_id: int, before_id: int | None, limit: int) -> Sequence[CommentView]:
        request = pb.CommentsRequest(video_id=video_id, viewer_id=viewer_id, before_id=before_id, limit=limit)
        found = await self._ask("Comments", request, pb.CommentViews)
        return [codec.decode_comment(each) for each in found.comments]

    async def followers(self, user_id: int, before_ms: int | None, limit: int) -> Sequence[Listed]:
        request = pb.ListRequest(user_id=user_id, before_ms=before_ms, limit=limit)
        return codec.decode_listed(await self._ask("Followers", request, pb.ListedUsers))

    async def following(self, user_id: int, before_ms: int | None, limit: int) -> Sequence[Listed]:
        request = pb.ListRequest(user_id=user_id, before_ms=before_ms, limit=limit)
        return codec.decode_listed(await self._ask("Following", request, pb.ListedUsers))


class RemoteUploads:
    def __init__(self, role: RemoteRole) -> None:
        self._ask = partial(role.ask, SERVICES["Uploads"])

    async def begin(
        self,
        user_id: int,
        length: int | None,
        metadata: str,
        description: str,
        now_ms: int,
        terms: UploadTerms = ORDINARY,
    ) -> UploadTicket:
        request = pb.BeginRequest(
            user_id=user_id,
            length=length,
            metadata=metadata,
            description=description,
            now_ms=now_ms,
            terms=codec.encode_terms(terms),
        )
        return codec.decode_ticket(await self._ask("Begin", request, pb.UploadTicket))

    async def find(self, upload_id: int) -> UploadTicket:
        return codec.decode_ticket(await self._ask("Find", pb.UploadRequest(upload_id=upload_id), pb.UploadTicket))

    async def fix_length(self, upload_id: int, length: int) -> bool:
        request = pb.FixLengthRequest(upload_id=upload_id, length=length)
        return (await self._ask("FixLength", request, pb.FixLengthResponse)).fixed

    async def expect(self, upload_id: int, digest: str) -> None:
        await self._ask("Expect", pb.ExpectRequest(upload_id=upload_id, digest=digest), pb.Done)

    async def finish(self, upload_id: int, request_id: str, digest: str = "") -> None:
        request = pb.FinishRequest(upload_id=upload_id, request_id=request_id, digest=digest)
        await self._ask("Finish", request, pb.Done)

    async def cancel(self, upload_id: int) -> None:
        await self._ask("Cancel", pb.UploadRequest(upload_id=upload_id), pb.Done)

    async def live_by(self, user_id: int) -> Sequence[UploadTicket]:
        answer = await self._ask("LiveBy", pb.LiveByRequest(user_id=user_id), pb.LiveByResponse)
        return [codec.decode_ticket(ticket) for ticket in answer.tickets]


class RemoteReviews:
    def __init__(self, role: RemoteRole) -> None:
        self._ask = partial(role.ask, SERVICES["Reviews"])

    async def waiting(self, limit: int) -> Sequence[ReviewView]:
        found = await self._ask("Waiting", pb.WaitingRequest(limit=limit), pb.ReviewViews)
        return [codec.decode_review(view) for view in found.views]

    async def allow(self, video_id: int) -> None:
        await self._ask("Allow", pb.ReviewRequest(video_id=video_id), pb.Done)

    async def reject(self, video_id: int, detail: str) -> None:
        await self._ask("Reject", pb.RejectRequest(video_id=video_id, detail=detail), pb.Done)

    async def take_down(self, video_id: int, reason: str) -> None:
        await self._ask("TakeDown", pb.TakeDownRequest(video_id=video_id, reason=reason), pb.Done)

    async def restore(self, video_id: int) -> None:
        await self._ask("Restore", pb.ReviewRequest(video_id=video_id), pb.Done)
