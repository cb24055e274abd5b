"""Messages of origin.proto ↔ the values of `origin.model` and `origin.views`. Rules file.

Enum values of a newer peer: a status that is not known is shown as processing, a visibility as private, a stage of
packaging not at all, and an interaction is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from origin.events import InteractionType
from origin.model import (
    Caption,
    Comment,
    Counts,
    Failure,
    Publication,
    StartupFile,
    UploadKind,
    UploadTerms,
    User,
    Video,
    VideoStatus,
    Visibility,
)
from origin.progress.base import Packaging, RungProgress, Stage
from origin.rpc import origin_pb2 as pb
from origin.views import CommentView, Interaction, Listed, Refused, ReviewView, UploadTicket, UserView, VideoView

_STATUS = {status: pb.VideoStatus.Value(f"VIDEO_STATUS_{status.name}") for status in VideoStatus}
_VISIBILITY = {visibility: pb.Visibility.Value(f"VISIBILITY_{visibility.name}") for visibility in Visibility}
_INTERACTION = {kind: pb.InteractionType.Value(f"INTERACTION_TYPE_{kind.name}") for kind in InteractionType}
_KIND = {kind: pb.UploadKind.Value(f"UPLOAD_KIND_{kind.name}") for kind in UploadKind}
_KIND_OF: dict[int, UploadKind] = {number: kind for kind, number in _KIND.items()}
_STATUS_OF: dict[int, VideoStatus] = {number: status for status, number in _STATUS.items()}
_VISIBILITY_OF: dict[int, Visibility] = {number: visibility for visibility, number in _VISIBILITY.items()}
_INTERACTION_OF: dict[int, InteractionType] = {number: kind for kind, number in _INTERACTION.items()}

_STAGES = {each.value: each for each in Stage}


def encode_visibility(visibility: Visibility) -> pb.Visibility.ValueType:
    return _VISIBILITY[visibility]


def decode_visibility(number: int) -> Visibility:
    return _VISIBILITY_OF.get(number, Visibility.PRIVATE)


def encode_user(user: User) -> pb.User:
    return pb.User(user_id=user.user_id, handle=user.handle, guest=user.guest, created_at_ms=user.created_at_ms)


def decode_user(message: pb.User) -> User:
    return User(message.user_id, message.handle, message.guest, message.created_at_ms)


def encode_publication(publication: Publication) -> pb.Publication:
    return pb.Publication(
        revision=publication.revision,
        files=publication.files,
        renditions=publication.renditions,
        startup=[pb.StartupFile(name=each.name, size_bytes=each.size_bytes) for each in publication.startup],
        duration_ms=publication.duration_ms,
        width=publication.width,
        height=publication.height,
        thumbhash=publication.thumbhash,
    )


def decode_publication(message: pb.Publication) -> Publication:
    return Publication(
        revision=message.revision,
        files=dict(message.files),
        renditions=tuple(message.renditions),
        startup=tuple(StartupFile(each.name, each.size_bytes) for each in message.startup),
        duration_ms=message.duration_ms,
        width=message.width,
        height=message.height,
        thumbhash=message.thumbhash,
    )


def encode_video(video: Video) -> pb.Video:
    counts, failure = video.counts, video.failure
    return pb.Video(
        video_id=video.video_id,
        creator_id=video.creator_id,
        description=video.description,
        status=_STATUS[video.status],
        visibility=_VISIBILITY[video.visibility],
        created_at_ms=video.created_at_ms,
        progress=video.progress,
        raw_key=video.raw_key,
        published_at_ms=video.published_at_ms,
        tags=video.tags,
        counts=pb.Counts(views=counts.views, likes=counts.likes, comments=counts.comments, shares=counts.shares),
        publication=encode_publication(video.publication) if video.publication else None,
        failure=pb.Failure(code=failure.code, detail=failure.detail) if failure else None,
        held_at_ms=video.held_at_ms,
        taken_down_from=_STATUS[video.taken_down_from] if video.taken_down_from else pb.VIDEO_STATUS_UNSPECIFIED,
        takedowns=video.takedowns,
        reupload_of=video.reupload_of,
        captions=[pb.Caption(language=c.language, label=c.label, digest=c.digest) for c in video.captions],
    )


def decode_video(message: pb.Video) -> Video:
    counts, failure = message.counts, message.failure
    return Video(
        video_id=message.video_id,
        creator_id=message.creator_id,
        description=message.description,
        status=_STATUS_OF.get(message.status, VideoStatus.PROCESSING),
        visibility=decode_visibility(message.visibility),
        created_at_ms=message.created_at_ms,
        progress=message.progress,
        raw_key=message.raw_key,
        published_at_ms=message.published_at_ms if message.HasField("published_at_ms") else None,
        tags=tuple(message.tags),
        counts=Counts(counts.views, counts.likes, counts.comments, counts.shares),
        publication=decode_publication(message.publication) if message.HasField("publication") else None,
        failure=Failure(failure.code, failure.detail) if message.HasField("failure") else None,
        held_at_ms=message.held_at_ms if message.HasField("held_at_ms") else None,
        taken_down_from=_STATUS_OF.get(message.taken_down_from),
        takedowns=message.takedowns,
        reupload_of=message.reupload_of if message.HasField("reupload_of") else None,
        captions=tuple(Caption(each.language, each.label, each.digest) for each in message.captions),
    )


def encode_view(view: VideoView) -> pb.VideoView:
    return pb.VideoView(
        video=encode_video(view.video),
        creator=encode_user(view.creator),
        liked=view.liked,
        following=view.following,
        packaging=encode_packaging(view.packaging) if view.packaging else None,
    )


def decode_view(message: pb.VideoView) -> VideoView:
    return VideoView(
        decode_video(message.video),
        decode_user(message.creator),
        message.liked,
        message.following,
        decode_packaging(message.packaging) if message.HasField("packaging") else None,
    )


def encode_packaging(packaging: Packaging) -> pb.Packaging:
    rungs = [pb.RungProgress(height=r.height, progress=r.progress, published=r.published) for r in packaging.rungs]
    return pb.Packaging(stage=packaging.stage.value, rungs=rungs)


def decode_packaging(message: pb.Packaging) -> Packaging | None:
    """None where a newer origin is in a stage that this version does not know."""
    if (stage := _STAGES.get(message.stage)) is None:
        return None
    return Packaging(stage, tuple(RungProgress(r.height, r.progress, r.published) for r in message.rungs))


def encode_views(views: Iterable[VideoView]) -> pb.VideoViews:
    return pb.VideoViews(views=[encode_view(view) for view in views])


def decode_views(message: pb.VideoViews) -> list[VideoView]:
    return [decode_view(view) for view in message.views]


def encode_user_view(view: UserView) -> pb.UserView:
    return pb.UserView(user=encode_user(view.user), counts=view.counts, following=view.following)


def decode_user_view(message: pb.UserView) -> UserView:
    return UserView(decode_user(message.user), dict(message.counts), message.following)


def encode_comment(view: CommentView) -> pb.CommentView:
    comment = view.comment
    return pb.CommentView(
        comment=pb.Comment(
            comment_id=comment.comment_id,
            video_id=comment.video_id,
            user_id=comment.user_id,
            text=comment.text,
            created_at_ms=comment.created_at_ms,
        ),
        user=encode_user(view.user),
    )


def decode_comment(message: pb.CommentView) -> CommentView:
    said = message.comment
    comment = Comment(said.comment_id, said.video_id, said.user_id, said.text, said.created_at_ms)
    return CommentView(comment, decode_user(message.user))


def encode_listed(users: Iterable[Listed]) -> pb.ListedUsers:
    return pb.ListedUsers(users=[pb.ListedUser(user=encode_user(e.user), since_ms=e.since_ms) for e in users])


def decode_listed(message: pb.ListedUsers) -> list[Listed]:
    return [Listed(decode_user(each.user), each.since_ms) for each in message.users]


def encode_interaction(act: Interaction) -> pb.Interaction:
    return pb.Interaction(
        event_id=act.event_id,
        type=_INTERACTION[act.type],
        video_id=act.video_id,
        creator_id=act.creator_id,
        at_ms=act.at_ms,
        watch_ms=act.watch_ms,
        feed_id=act.feed_id,
        position=act.position,
    )


def decode_interactions(messages: Sequence[pb.Interaction]) -> tuple[dict[int, Interaction], list[Refused]]:
    """Those whose type is known, by their index in the batch, and the rest."""
    known, refused = {}, []
    for index, message in enumerate(messages):
        kind = _INTERACTION_OF.get(message.type)
        if kind is None:
            refused.append(Refused(index, "This kind of interaction is not known here yet."))
        else:
            known[index] = _interaction(kind, message)
    return known, refused


def _interaction(kind: InteractionType, message: pb.Interaction) -> Interaction:
    return Interaction(
        event_id=message.event_id,
        type=kind,
        video_id=message.video_id,
        creator_id=message.creator_id,
        at_ms=message.at_ms,
        watch_ms=message.watch_ms,
        feed_id=message.feed_id,
        position=message.position,
    )


def encode_refused(refused: Iterable[Refused]) -> pb.InteractResponse:
    return pb.InteractResponse(
        refused=[pb.RefusedInteraction(index=each.index, problem=each.problem) for each in refused]
    )


def decode_refused(message: pb.InteractResponse) -> list[Refused]:
    return [Refused(each.index, each.problem) for each in message.refused]


def encode_ticket(ticket: UploadTicket) -> pb.UploadTicket:
    return pb.UploadTicket(
        upload_id=ticket.upload_id,
        video_id=ticket.video_id,
        user_id=ticket.user_id,
        length=ticket.length,
        metadata=ticket.metadata,
        multipart_id=ticket.multipart_id,
        finished=ticket.finished,
        expires_at_ms=ticket.expires_at_ms,
        terms=encode_terms(ticket.terms),
        object_key=ticket.object_key,
    )


def decode_ticket(message: pb.UploadTicket) -> UploadTicket:
    return UploadTicket(
        upload_id=message.upload_id,
        video_id=message.video_id,
        user_id=message.user_id,
        length=message.length if message.HasField("length") else None,
        metadata=message.metadata,
        multipart_id=message.multipart_id,
        finished=message.finished,
        expires_at_ms=message.expires_at_ms,
        terms=decode_terms(message.terms),
        object_key=message.object_key,
    )


def encode_terms(terms: UploadTerms) -> pb.UploadTerms:
    return pb.UploadTerms(
        kind=_KIND[terms.kind], partials=terms.partials, digest=terms.digest, part_bytes=terms.part_bytes
    )


def decode_terms(message: pb.UploadTerms) -> UploadTerms:
    kind = _KIND_OF.get(message.kind, UploadKind.WHOLE)
    return UploadTerms(kind, tuple(message.partials), message.digest, message.part_bytes)


def encode_review(view: ReviewView) -> pb.ReviewView:
    return pb.ReviewView(
        video=encode_video(view.video), reason=view.reason, since_ms=view.since_ms, clip_key=view.clip_key
    )


def decode_review(message: pb.ReviewView) -> ReviewView:
    return ReviewView(decode_video(message.video), message.reason, message.since_ms, message.clip_key)
