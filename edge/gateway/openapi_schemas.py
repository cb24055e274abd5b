"""The JSON shapes of the public API, as JSON Schema. Rules file; `documents` makes what is described here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge.gateway import bodies, interactions
from origin.events import InteractionType
from origin.model import VideoStatus, Visibility
from origin.progress.base import Stage
from origin.subscriptions import MOST_WEBHOOKS, Disabled, Outcome
from origin.webhooks.message import TYPES

Document = dict[str, Any]


def ref(name: str) -> Document:
    return {"$ref": f"#/components/schemas/{name}"}


def shape(properties: Mapping[str, Document], optional: tuple[str, ...] = ()) -> Document:
    """An object whose members are all there but the optional ones."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": dict(properties), "required": required}


def nullable(schema: Document) -> Document:
    return {"anyOf": [schema, {"type": "null"}]}


def array_of(items: Document, **more: object) -> Document:
    return {"type": "array", "items": items, **more}


def page_of(items: Document) -> Document:
    return shape({"items": array_of(items), "next_cursor": nullable(TEXT)})


def _said(schema: Document, description: str) -> Document:
    return {**schema, "description": description}


TEXT: Document = {"type": "string"}
ID: Document = {"type": "string", "pattern": "^[0-9]{1,19}$", "examples": ["7391034480128000"]}
TIME: Document = {"type": "string", "format": "date-time"}
URL: Document = {"type": "string", "format": "uri"}
COUNT: Document = {"type": "integer", "minimum": 0}
FLAG: Document = {"type": "boolean"}

_STATUSES = [each.value for each in VideoStatus if each is not VideoStatus.DELETED]
_TYPES = [each.value for each in InteractionType if each is not InteractionType.UNCOMMENT]
_USER_REF = shape({"id": ID, "handle": TEXT})
_USER = {"id": ID, "handle": TEXT, "guest": FLAG, "created_at": TIME}
_COUNTS = dict.fromkeys(("views", "likes", "comments", "shares"), COUNT)
_PLAYBACK_URLS = {
    name: nullable(URL) for name in ("hls", "dash", "poster", "preview", "preview_mp4", "storyboard", "download")
}
_BYTES_AHEAD = "RFC 9218 urgency: 4 for the next video, 5 and 6 for those after it."

_WANTED = _said(array_of({"type": "string", "enum": list(TYPES)}), "Empty: every type, those to come too.")
_WEBHOOK = {
    "id": ID,
    "url": URL,
    "types": _WANTED,
    "enabled": FLAG,
    "disabled_reason": nullable({"type": "string", "enum": [each.value for each in Disabled]}),
    "failing_since": _said(nullable(TIME), "The first failure behind which nothing arrived."),
    "old_secret_until": _said(nullable(TIME), "Until when messages are signed with the secret before, too."),
    "created_at": TIME,
}

SCHEMAS: Document = {
    "Problem": {
        **shape(
            {
                "type": TEXT,
                "title": TEXT,
                "status": {"type": "integer"},
                "code": _said(TEXT, "Stable; act on this."),
                "detail": _said(TEXT, "A sentence that may be shown to the user."),
                "field": _said(TEXT, "The member, parameter or header field that is wrong."),
                "request_id": TEXT,
            },
            optional=("detail", "field", "request_id"),
        ),
        "description": "RFC 9457.",
    },
    "UserRef": _USER_REF,
    "User": shape(_USER),
    "Session": shape({"token": TEXT, "user": ref("User"), "expires_at": TIME}),
    "Profile": shape(
        {
            **_USER,
            "counts": {"type": "object", "additionalProperties": COUNT},
            "viewer": shape({"following": FLAG}),
        }
    ),
    "Listed": shape({**_USER, "since": TIME}),
    "Playback": shape(
        {
            **_PLAYBACK_URLS,
            "captions": array_of(ref("Caption")),
            "thumbhash": _said(nullable(TEXT), "Base64 ThumbHash of the poster."),
            "expires_at": _said(nullable(TIME), "When the first of the URLs ends; ask for the video again before."),
        }
    ),
    "Caption": shape({"language": TEXT, "label": TEXT, "url": URL}),
    "Video": shape(
        {
            "id": ID,
            "creator": ref("UserRef"),
            "description": TEXT,
            "status": {"type": "string", "enum": _STATUSES},
            "visibility": {"type": "string", "enum": [each.value for each in Visibility]},
            "progress": {"type": "number", "minimum": 0, "maximum": 1},
            "duration_ms": nullable(COUNT),
            "width": _said(nullable(COUNT), "Display size in square pixels, after rotation."),
            "height": nullable(COUNT),
            "created_at": TIME,
            "counts": shape(_COUNTS),
            "playback": nullable(ref("Playback")),
            "viewer": shape({"liked": FLAG, "following": FLAG}),
            "failure": shape({"code": TEXT, "detail": TEXT}),
            "review": _said(shape({"since": TIME}), "The clip waits for a person's verdict."),
            "reupload_of": _said(ID, "The earlier video that shows the same: for those who may moderate."),
            "stage": {
                "type": "string",
                "enum": [each.value for each in Stage],
                "description": "What its packaging does; told only to its creator, while the server can.",
            },
            "rungs": _said(array_of(ref("RungProgress")), "With `stage`: each rendition, highest first."),
        },
        optional=("failure", "review", "reupload_of", "stage", "rungs"),
    ),
    "RungProgress": shape(
        {
            "height": _said(COUNT, "Of its picture, in pixels."),
            "progress": {"type": "number", "minimum": 0, "maximum": 1},
            "published": _said(FLAG, "It plays, at least what is encoded of it."),
        }
    ),
    "VideoEdit": {
        "type": "object",
        "minProperties": 1,
        "properties": {
            "description": {"type": "string", "maxLength": bodies.MOST_DESCRIPTION},
            "visibility": {"type": "string", "enum": [each.value for each in Visibility]},
        },
    },
    "FeedPage": shape(
        {
            "items": array_of(shape({"video": ref("Video"), "source": TEXT, "position": COUNT})),
            "next_cursor": nullable(TEXT),
            "feed_id": TEXT,
            "mode": {"type": "string", "enum": ["personal", "cold_start", "global_hot"]},
            "prefetch": array_of(
                shape(
                    {
                        "video_id": ID,
                        "url": URL,
                        "bytes": COUNT,
                        "priority": {"type": "integer", "minimum": 0, "maximum": 7, "description": _BYTES_AHEAD},
                    }
                )
            ),
        }
    ),
    "Interaction": shape(
        {
            "type": {"type": "string", "enum": _TYPES},
            "video_id": ID,
            "creator_id": _said(ID, "Who is followed, where no video is named."),
            "at": _said(TIME, "By the client's clock; moved into the last 24 hours."),
            "watch_ms": COUNT,
            "feed_id": TEXT,
            "position": {"type": "integer"},
            "event_id": _said({"type": "string", "maxLength": 64}, "The same id twice counts once."),
        },
        optional=("video_id", "creator_id", "at", "watch_ms", "feed_id", "position", "event_id"),
    ),
    "InteractionBatch": shape({"events": array_of(ref("Interaction"), maxItems=interactions.MOST_EVENTS)}),
    "InteractionResult": shape({"accepted": COUNT, "rejected": array_of(shape({"index": COUNT, "problem": TEXT}))}),
    "NewComment": shape({"text": {"type": "string", "minLength": 1, "maxLength": bodies.MOST_COMMENT}}),
    "Comment": shape({"id": ID, "video_id": ID, "user": ref("UserRef"), "text": TEXT, "created_at": TIME}),
    "Review": shape(
        {"video_id": ID, "creator_id": ID, "description": TEXT, "reason": TEXT, "since": TIME, "clip_key": TEXT}
        | {"reupload_of": _said(ID, "The earlier video that shows the same.")},
        optional=("reupload_of",),
    ),
    "Takedown": shape({"reason": {"type": "string", "maxLength": bodies.MOST_DETAIL}}, optional=("reason",)),
    "ReviewDecision": shape(
        {
            "verdict": {"type": "string", "enum": list(bodies.VERDICTS)},
            "detail": {"type": "string", "maxLength": bodies.MOST_DETAIL},
        },
        optional=("detail",),
    ),
    "Webhook": shape(_WEBHOOK),
    "Webhooks": shape({"items": array_of(ref("Webhook"), maxItems=MOST_WEBHOOKS)}),
    "WebhookWithSecret": shape({**_WEBHOOK, "secret": _said(TEXT, "Shown this once.")}),
    "NewWebhook": shape({"url": URL, "types": _WANTED}, optional=("types",)),
    "WebhookEdit": shape({"url": URL, "types": _WANTED, "enabled": FLAG}, optional=("url", "types", "enabled")),
    "QueuedMessage": shape({"message_id": TEXT}),
    "Delivery": shape(
        {
            "id": ID,
            "message_id": _said(TEXT, "The header field `webhook-id`: the same for every attempt."),
            "type": TEXT,
            "attempt": {"type": "integer", "minimum": 1},
            "at": TIME,
            "outcome": {"type": "string", "enum": [each.value for each in Outcome]},
            "status": nullable({"type": "integer"}),
            "error": _said(nullable(TEXT), "Why there was no answer."),
            "duration_ms": COUNT,
            "next_attempt_at": nullable(TIME),
        }
    ),
    "SessionRequest": shape(
        {"handle": {"type": "string", "minLength": 3, "maxLength": 24, "pattern": "^[A-Za-z]"}}, optional=("handle",)
    ),
    "UploadDone": shape({"video_id": ID}),
    "DirectAsked": shape(
        {
            "length": {"type": "integer", "minimum": 1, "description": "Bytes"},
            "description": TEXT,
            "repr_digest": {**TEXT, "description": "Of the whole clip, as in the field Repr-Digest (RFC 9530)"},
        },
        optional=("description", "repr_digest"),
    ),
    "DirectUpload": shape(
        {
            "upload_id": ID,
            "video_id": ID,
            "length": {"type": "integer"},
            "part_bytes": {"type": "integer", "description": "Size of every part but the last"},
            "expires_at": TIME,
            "stored": {"type": "array", "items": shape({"number": COUNT, "size_bytes": COUNT})},
            "parts": {"type": "array", "items": ref("DirectPart"), "description": "What is missing"},
        }
    ),
    "DirectPart": shape(
        {
            "number": COUNT,
            "offset": COUNT,
            "size_bytes": COUNT,
            "method": TEXT,
            "url": TEXT,
            "headers": {"type": "object", "additionalProperties": TEXT, "description": "Send exactly these"},
            "expires_in_s": COUNT,
        }
    ),
}
