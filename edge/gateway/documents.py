"""The JSON documents of the public API, from the values behind them. Rules file.

Ids are decimal strings (JavaScript numbers lose their last digits), times RFC 3339 in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

from edge.gateway.ports import DirectUpload, FeedPage
from edge.gateway.prefetch_plan import Planned
from origin.captions import file_name as caption_file
from origin.model import WATCHABLE, Publication, User, Video, VideoStatus, Visibility
from origin.progress.base import RungProgress
from origin.subscriptions import Attempt
from origin.views import CommentView, Listed, NewSecret, ReviewView, UserView, VideoView, WebhookView

Document = dict[str, object]


class Playback(Protocol):
    """Signs URLs."""

    def __call__(self, video_id: int, name: str, *, private: bool) -> tuple[str, int]:
        """A signed URL of a video's file and when it expires (epoch ms); `private` for a video that is private now."""


_PLAYBACK_NAMES = {
    "hls": "hls.m3u8",
    "dash": "dash.mpd",
    "poster": "poster.jpg",
    "preview": "preview.webp",
    "preview_mp4": "preview.mp4",
    "storyboard": "storyboard.vtt",
    "download": "download.mp4",
}


def timestamp(epoch_ms: int) -> str:
    """RFC 3339 with milliseconds, as `2026-01-31T08:00:00.000Z`."""
    return datetime.fromtimestamp(epoch_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def user(value: User) -> Document:
    return {
        "id": str(value.user_id),
        "handle": value.handle,
        "guest": value.guest,
        "created_at": timestamp(value.created_at_ms),
    }


def session(token: str, expires_at_ms: int, owner: User) -> Document:
    return {"token": token, "user": user(owner), "expires_at": timestamp(expires_at_ms)}


def profile(view: UserView) -> Document:
    """A user with counts, and whether the viewer follows them."""
    return {**user(view.user), "counts": dict(view.counts), "viewer": {"following": view.following}}


def video(view: VideoView, playback: Playback) -> Document:
    """The contract's video document, and `viewer`, `review`, `stage`, `rungs` and `playback.thumbhash` beside it.

    What is not known before the first rendition is published (`duration_ms`, `width`, `height`, `playback`) is null;
    so is `playback` of what was withdrawn.
    """
    shown, publication = view.video, view.video.publication
    document: Document = {
        "id": str(shown.video_id),
        "creator": {"id": str(view.creator.user_id), "handle": view.creator.handle},
        "description": shown.description,
        "status": shown.status.value,
        "visibility": shown.visibility.value,
        "progress": round(shown.progress, 3),
        "duration_ms": publication.duration_ms if publication else None,
        "width": publication.width if publication else None,
        "height": publication.height if publication else None,
        "created_at": timestamp(shown.created_at_ms),
        "counts": _counts(shown),
        "playback": _playback(shown, publication, playback) if publication and shown.status in WATCHABLE else None,
        "viewer": {"liked": view.liked, "following": view.following},
    }
    if shown.status is VideoStatus.PROCESSING and shown.held_at_ms is not None:
        document["review"] = {"since": timestamp(shown.held_at_ms)}
    if view.packaging is not None:
        document["stage"] = view.packaging.stage.value
        document["rungs"] = [_rung(each) for each in view.packaging.rungs]
    if shown.failure is not None:
        document["failure"] = {"code": shown.failure.code, "detail": shown.failure.detail}
    return document


def found(shown: Video) -> Document:
    """What only those see who may moderate."""
    return {} if shown.reupload_of is None else {"reupload_of": str(shown.reupload_of)}


def _rung(rung: RungProgress) -> Document:
    return {"height": rung.height, "progress": round(rung.progress, 3), "published": rung.published}


def _counts(shown: Video) -> Document:
    counts = shown.counts
    return {"views": counts.views, "likes": counts.likes, "comments": counts.comments, "shares": counts.shares}


def _playback(shown: Video, publication: Publication, playback: Playback) -> Document:
    """URLs of what is published; null for what is not (yet)."""

    def sign(name: str) -> tuple[str, int]:
        return playback(shown.video_id, name, private=_is_private(shown))

    signed = {member: sign(name) for member, name in _PLAYBACK_NAMES.items() if name in publication.files}
    expiries = [expires_at_ms for _, expires_at_ms in signed.values()]
    return {
        **{member: signed[member][0] if member in signed else None for member in _PLAYBACK_NAMES},
        "captions": [
            {"language": each.language, "label": each.label, "url": sign(caption_file(each))[0]}
            for each in shown.captions
        ],
        "thumbhash": publication.thumbhash or None,
        "expires_at": timestamp(min(expiries)) if expiries else None,
    }


def _is_private(shown: Video) -> bool:
    return shown.visibility is Visibility.PRIVATE


def feed_page(page: FeedPage, shown: Mapping[int, VideoView], plan: Sequence[Planned], playback: Playback) -> Document:
    """A feed page; an item whose video can no longer be watched is left out."""
    items = [
        {
            "video": video(shown[item.video_id], playback),
            "source": item.source,
            "position": item.position,
        }
        for item in page.items
        if item.video_id in shown
    ]
    return {
        "items": items,
        "next_cursor": page.next_cursor,
        "feed_id": page.feed_id,
        "mode": page.mode,
        "prefetch": [
            {
                "video_id": str(each.video_id),
                "url": playback(each.video_id, each.name, private=_is_private(shown[each.video_id].video))[0],
                "bytes": each.size_bytes,
                "priority": each.priority,
            }
            for each in plan
        ],
    }


def comment(view: CommentView) -> Document:
    return {
        "id": str(view.comment.comment_id),
        "video_id": str(view.comment.video_id),
        "user": {"id": str(view.user.user_id), "handle": view.user.handle},
        "text": view.comment.text,
        "created_at": timestamp(view.comment.created_at_ms),
    }


def review(view: ReviewView) -> Document:
    video = view.video
    return {
        "video_id": str(video.video_id),
        "creator_id": str(video.creator_id),
        "description": video.description,
        "reason": view.reason,
        "since": timestamp(view.since_ms),
        "clip_key": view.clip_key,
        **found(video),
    }


def webhook(view: WebhookView) -> Document:
    return {
        "id": str(view.webhook_id),
        "url": view.url,
        "types": list(view.types),
        "enabled": view.disabled is None,
        "disabled_reason": view.disabled,
        "failing_since": _moment(view.failing_since_ms),
        "old_secret_until": _moment(view.old_secret_until_ms),
        "created_at": timestamp(view.created_at_ms),
    }


def new_secret(made: NewSecret) -> Document:
    """A webhook with its secret, which no other document shows."""
    return {**webhook(made.webhook), "secret": made.secret}


def attempt(made: Attempt) -> Document:
    return {
        "id": str(made.attempt_id),
        "message_id": made.message_id,
        "type": made.kind,
        "attempt": made.number,
        "at": timestamp(made.at_ms),
        "outcome": made.outcome,
        "status": made.status,
        "error": made.error or None,
        "duration_ms": made.duration_ms,
        "next_attempt_at": _moment(made.next_at_ms),
    }


def _moment(epoch_ms: int | None) -> str | None:
    return None if epoch_ms is None else timestamp(epoch_ms)


def listed(entry: Listed) -> Document:
    return {**user(entry.user), "since": timestamp(entry.since_ms)}


def direct_upload(upload: DirectUpload) -> Document:
    ticket = upload.ticket
    return {
        "upload_id": str(ticket.upload_id),
        "video_id": str(ticket.video_id),
        "length": ticket.length,
        "part_bytes": ticket.terms.part_bytes,
        "expires_at": timestamp(ticket.expires_at_ms),
        "stored": [{"number": number, "size_bytes": size} for number, size in sorted(upload.stored.items())],
        "parts": [
            {
                "number": part.number,
                "offset": part.offset,
                "size_bytes": int(part.request.headers.get("content-length", 0)),
                "method": part.request.method,
                "url": part.request.url,
                "headers": dict(part.request.headers),
                "expires_in_s": part.request.expires_in_s,
            }
            for part in upload.missing
        ],
    }


def page(items: Sequence[Document], next_cursor: str | None) -> Document:
    return {"items": list(items), "next_cursor": next_cursor}
