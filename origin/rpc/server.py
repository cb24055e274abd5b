"""Origin's use cases as gRPC services."""

from __future__ import annotations

from collections.abc import AsyncIterator

from origin.captioning import Captions
from origin.reviewing import Reviews
from origin.rpc import codec
from origin.rpc import origin_pb2 as pb
from origin.rpc.errors import ORIGIN_ERRORS, Errors
from origin.rpc.serving import RpcServer, Service
from origin.rpc.settings import RpcSettings
from origin.rpc.tls import Tls
from origin.rpc.webhook_server import WebhookService
from origin.social import Social
from origin.subscribing import Webhooks
from origin.uploads import Uploads
from origin.videos import Videos
from origin.views import Refused

SERVICES = pb.DESCRIPTOR.services_by_name


def origin_server(
    bind: str,
    videos: Videos,
    captions: Captions,
    social: Social,
    uploads: Uploads,
    reviews: Reviews,
    webhooks: Webhooks,
    tls: Tls | None = None,
    settings: RpcSettings | None = None,
) -> RpcServer:
    """Not started yet. Raises BadTarget, BadTls, Unprotected."""
    services = [
        Service(SERVICES["Videos"], _Videos(videos)),
        Service(SERVICES["Captions"], _Captions(captions)),
        Service(SERVICES["Social"], _Social(social)),
        Service(SERVICES["Uploads"], _Uploads(uploads)),
        Service(SERVICES["Reviews"], _Reviews(reviews)),
        Service(SERVICES["Webhooks"], WebhookService(webhooks)),
    ]
    return RpcServer(bind, services, Errors(ORIGIN_ERRORS), tls, settings)


class _Videos:
    def __init__(self, videos: Videos) -> None:
        self._videos = videos

    async def view(self, request: pb.ViewRequest) -> pb.VideoView:
        return codec.encode_view(await self._videos.view(request.video_id, request.viewer_id))

    async def views(self, request: pb.ViewsRequest) -> pb.VideoViews:
        return codec.encode_views(await self._videos.views(list(request.video_ids), request.viewer_id))

    async def by_creator(self, request: pb.ByCreatorRequest) -> pb.VideoViews:
        before_id = request.before_id if request.HasField("before_id") else None
        views = await self._videos.by_creator(request.creator_id, request.viewer_id, before_id, request.limit)
        return codec.encode_views(views)

    async def edit(self, request: pb.EditRequest) -> pb.VideoView:
        description = request.description if request.HasField("description") else None
        visibility = codec.decode_visibility(request.visibility) if request.HasField("visibility") else None
        return codec.encode_view(await self._videos.edit(request.video_id, request.user_id, description, visibility))

    async def delete(self, request: pb.DeleteRequest) -> pb.Done:
        await self._videos.delete(request.video_id, request.user_id)
        return pb.Done()

    async def changes(self, request: pb.ChangesRequest) -> AsyncIterator[pb.VideoView]:
        async for view in self._videos.changes(request.video_id, request.viewer_id):
            yield codec.encode_view(view)


class _Captions:
    def __init__(self, captions: Captions) -> None:
        self._captions = captions

    async def put(self, request: pb.PutCaptionRequest) -> pb.VideoView:
        view = await self._captions.put(
            request.video_id, request.user_id, request.language, request.label, request.track
        )
        return codec.encode_view(view)

    async def remove(self, request: pb.RemoveCaptionRequest) -> pb.Done:
        await self._captions.remove(request.video_id, request.user_id, request.language)
        return pb.Done()


class _Social:
    def __init__(self, social: Social) -> None:
        self._social = social

    async def create_user(self, request: pb.CreateUserRequest) -> pb.User:
        handle = request.handle if request.HasField("handle") else None
        return codec.encode_user(await self._social.create_user(handle))

    async def claim_handle(self, request: pb.ClaimHandleRequest) -> pb.User:
        return codec.encode_user(await self._social.claim_handle(request.user_id, request.handle))

    async def user(self, request: pb.UserRequest) -> pb.UserView:
        return codec.encode_user_view(await self._social.user(request.user_id, request.viewer_id))

    async def interact(self, request: pb.InteractRequest) -> pb.InteractResponse:
        known, refused = codec.decode_interactions(request.interactions)
        judged = await self._social.interact(request.user_id, list(known.values()), request.request_id)
        indexes = list(known)
        refused += [Refused(indexes[each.index], each.problem) for each in judged]
        return codec.encode_refused(sorted(refused, key=lambda each: each.index))

    async def like(self, request: pb.LikeRequest) -> pb.Done:
        await self._social.like(request.user_id, request.video_id, request.liked, request.request_id)
        return pb.Done()

    async def follow(self, request: pb.FollowRequest) -> pb.Done:
        await self._social.follow(request.user_id, request.followee_id, request.following, request.request_id)
        return pb.Done()

    async def comment(self, request: pb.CommentRequest) -> pb.CommentView:
        view = await self._social.comment(request.user_id, request.video_id, request.text, request.request_id)
        return codec.encode_comment(view)

    async def delete_comment(self, request: pb.DeleteCommentRequest) -> pb.Done:
        await self._social.delete_comment(request.comment_id, request.user_id, request.request_id)
        return pb.Done()

    async def comments(self, request: pb.CommentsRequest) -> pb.CommentViews:
        before_id = request.before_id if request.HasField("before_id") else None
        views = await self._social.comments(request.video_id, request.viewer_id, before_id, request.limit)
        return pb.CommentViews(comments=[codec.encode_comment(view) for view in views])

    async def followers(self, request: pb.ListRequest) -> pb.ListedUsers:
        return codec.encode_listed(await self._social.followers(request.user_id, _before(request), request.limit))

    async def following(self, request: pb.ListRequest) -> pb.ListedUsers:
        return codec.encode_listed(await self._social.following(request.user_id, _before(request), request.limit))


def _before(request: pb.ListRequest) -> int | None:
    return request.before_ms if request.HasField("before_ms") else None


class _Uploads:
    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads

    async def begin(self, request: pb.BeginRequest) -> pb.UploadTicket:
        length = request.length if request.HasField("length") else None
        ticket = await self._uploads.begin(
            request.user_id,
            length,
            request.metadata,
            request.description,
            request.now_ms,
            codec.decode_terms(request.terms),
        )
        return codec.encode_ticket(ticket)

    async def find(self, request: pb.UploadRequest) -> pb.UploadTicket:
        return codec.encode_ticket(await self._uploads.find(request.upload_id))

    async def fix_length(self, request: pb.FixLengthRequest) -> pb.FixLengthResponse:
        return pb.FixLengthResponse(fixed=await self._uploads.fix_length(request.upload_id, request.length))

    async def expect(self, request: pb.ExpectRequest) -> pb.Done:
        await self._uploads.expect(request.upload_id, request.digest)
        return pb.Done()

    async def finish(self, request: pb.FinishRequest) -> pb.Done:
        await self._uploads.finish(request.upload_id, request.request_id, request.digest)
        return pb.Done()

    async def cancel(self, request: pb.UploadRequest) -> pb.Done:
        await self._uploads.cancel(request.upload_id)
        return pb.Done()

    async def live_by(self, request: pb.LiveByRequest) -> pb.LiveByResponse:
        live = await self._uploads.live_by(request.user_id)
        return pb.LiveByResponse(tickets=[codec.encode_ticket(ticket) for ticket in live])


class _Reviews:
    def __init__(self, reviews: Reviews) -> None:
        self._reviews = reviews

    async def waiting(self, request: pb.WaitingRequest) -> pb.ReviewViews:
        views = await self._reviews.waiting(request.limit)
        return pb.ReviewViews(views=[codec.encode_review(view) for view in views])

    async def allow(self, request: pb.ReviewRequest) -> pb.Done:
        await self._reviews.allow(request.video_id)
        return pb.Done()

    async def reject(self, request: pb.RejectRequest) -> pb.Done:
        await self._reviews.reject(request.video_id, request.detail)
        return pb.Done()

    async def take_down(self, request: pb.TakeDownRequest) -> pb.Done:
        await self._reviews.take_down(request.video_id, request.reason)
        return pb.Done()

    async def restore(self, request: pb.ReviewRequest) -> pb.Done:
        await self._reviews.restore(request.video_id)
        return pb.Done()
