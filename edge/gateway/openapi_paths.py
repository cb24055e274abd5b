"""The calls of the public API, described. Rules file."""

from __future__ import annotations

from edge.gateway import openapi_uploads
from edge.gateway.context import MODERATE
from edge.gateway.openapi_schemas import ID, TEXT, Document, array_of, page_of, ref, shape

_OPEN: list[Document] = [{}, {"bearer": []}]
"""Allowed without a token; what one sees may depend on it."""
_OWN: list[Document] = [{"bearer": []}]
PROBLEM: Document = {"description": "Refused.", "content": {"application/problem+json": {"schema": ref("Problem")}}}


def json_of(schema: Document) -> Document:
    return {"application/json": {"schema": schema}}


def call(
    name: str,
    summary: str,
    answers: Document,
    *,
    tag: str,
    body: str = "",
    anonymous: bool = False,
    parameters: tuple[Document, ...] = (),
) -> Document:
    """One operation. `answers`: status → schema of the JSON answered, or None for no content."""
    described: Document = {
        "operationId": name,
        "summary": summary,
        "tags": [tag],
        "security": _OPEN if anonymous else _OWN,
        "responses": {status: _answer(schema) for status, schema in answers.items()} | {"default": PROBLEM},
    }
    if body:
        described["requestBody"] = {"required": body != "SessionRequest", "content": json_of(ref(body))}
    if parameters:
        described["parameters"] = list(parameters)
    return described


def _answer(schema: Document | None) -> Document:
    return {"description": "No content."} if schema is None else {"description": "Done.", "content": json_of(schema)}


def path_id(name: str) -> Document:
    return {"name": name, "in": "path", "required": True, "schema": ID}


def _query(name: str, schema: Document, description: str) -> Document:
    return {"name": name, "in": "query", "schema": schema, "description": description}


_LIMIT = _query("limit", {"type": "integer", "minimum": 1, "maximum": 50}, "Most items of the page.")
_PAGE = (
    _LIMIT,
    _query("cursor", TEXT, "`next_cursor` of the page before."),
)


_LABEL = _query("label", TEXT, "What a player's menu calls the language; at most 50 characters.")
_LANGUAGE: Document = {"name": "language", "in": "path", "required": True, "schema": TEXT, "description": "BCP 47."}


def paths() -> Document:
    """Every path of the public API."""
    return {
        **_sessions(),
        **_videos(),
        **_feeds(),
        **_comments(),
        **_users(),
        **_reviews(),
        **_webhooks(),
        **openapi_uploads.paths(),
        **_self(),
    }


def _sessions() -> Document:
    summary = (
        "Open a session: without a token for a new guest or named user; with one a new token for the same user, "
        "who may choose a handle"
    )
    session = ref("Session")
    answers = {"201": session, "200": session}
    return {
        "/v1/sessions": {
            "post": call("openSession", summary, answers, tag="sessions", body="SessionRequest", anonymous=True)
        }
    }


def _videos() -> Document:
    one = {"parameters": [path_id("video_id")]}
    video = ref("Video")
    events = call("videoEvents", "Progress as server-sent events", {}, tag="videos", anonymous=True)
    events["description"] = (
        "One event `video` with the video document as data now and after each change, until ready, rejected or failed. "
        "Its creator is also told the `stage` of packaging and how far each of the `rungs` is. "
        "Read it with `fetch`: the token goes in the Authorization field, which EventSource cannot set."
    )
    events["responses"]["200"] = {"description": "The stream.", "content": {"text/event-stream": {"schema": TEXT}}}
    captions = call("putCaptions", "Give captions in one language", {"200": video}, tag="videos", parameters=(_LABEL,))
    captions["requestBody"] = {"required": True, "content": {"text/vtt": {"schema": TEXT}}}
    return {
        "/v1/videos/{video_id}/captions/{language}": {
            "parameters": [path_id("video_id"), _LANGUAGE],
            "put": captions,
            "delete": call("removeCaptions", "Take captions back", {"204": None}, tag="videos"),
        },
        "/v1/videos/{video_id}": {
            **one,
            "get": call("video", "A video", {"200": video}, tag="videos", anonymous=True),
            "patch": call("editVideo", "Edit one's video", {"200": video}, tag="videos", body="VideoEdit"),
            "delete": call("deleteVideo", "Delete one's video", {"204": None}, tag="videos"),
        },
        "/v1/videos/{video_id}/events": {**one, "get": events},
        "/v1/videos/{video_id}/like": {
            **one,
            "put": call("like", "Like a video", {"204": None}, tag="social"),
            "delete": call("unlike", "Take a like back", {"204": None}, tag="social"),
        },
    }


def _feeds() -> Document:
    page = {"200": ref("FeedPage")}
    taken = {"202": ref("InteractionResult")}
    return {
        "/v1/feed": {"get": call("feed", "The personal feed", page, tag="feed", parameters=_PAGE)},
        "/v1/feed/following": {
            "get": call("followingFeed", "The newest of those one follows", page, tag="feed", parameters=_PAGE)
        },
        "/v1/interactions": {
            "post": call("interact", "Report what one did", taken, tag="feed", body="InteractionBatch")
        },
    }


def _comments() -> Document:
    page, comment = {"200": page_of(ref("Comment"))}, {"201": ref("Comment")}
    return {
        "/v1/videos/{video_id}/comments": {
            "parameters": [path_id("video_id")],
            "get": call("comments", "Newest first", page, tag="social", anonymous=True, parameters=_PAGE),
            "post": call("comment", "Comment on a video", comment, tag="social", body="NewComment"),
        },
        "/v1/comments/{comment_id}": {
            "parameters": [path_id("comment_id")],
            "delete": call("deleteComment", "By its author or the video's creator", {"204": None}, tag="social"),
        },
    }


def _users() -> Document:
    one = {"parameters": [path_id("user_id")]}
    listed, videos = {"200": page_of(ref("Listed"))}, {"200": page_of(ref("Video"))}

    def listing(name: str, summary: str, answers: Document) -> Document:
        return {**one, "get": call(name, summary, answers, tag="users", anonymous=True, parameters=_PAGE)}

    return {
        "/v1/users/{user_id}": {
            **one,
            "get": call("user", "A profile", {"200": ref("Profile")}, tag="users", anonymous=True),
        },
        "/v1/users/{user_id}/videos": listing("videosOf", "A user's videos, newest first", videos),
        "/v1/users/{user_id}/followers": listing("followers", "Who follows a user", listed),
        "/v1/users/{user_id}/following": listing("following", "Whom a user follows", listed),
        "/v1/users/{user_id}/follow": {
            **one,
            "put": call("follow", "Follow a user", {"204": None}, tag="users"),
            "delete": call("unfollow", "Follow a user no more", {"204": None}, tag="users"),
        },
    }


def _reviews() -> Document:
    waiting = {"200": shape({"items": array_of(ref("Review"))})}
    scope = f"Needs a token with the scope `{MODERATE}`. "
    listing = call(
        "reviews", "Clips that wait for a person, longest first", waiting, tag="reviews", parameters=(_LIMIT,)
    )
    decision = call("decideReview", "Allow or reject one", {"204": None}, tag="reviews", body="ReviewDecision")
    listing["description"] = scope + "`clip_key` is the clip's key in the object store."
    decision["description"] = scope + "An allowed clip is packaged and published; a rejected one ends."
    takedown = call("takeDown", "Take a video down", {"204": None}, tag="reviews", body="Takedown")
    restore = call("restore", "Undo a takedown", {"204": None}, tag="reviews")
    takedown["description"] = scope + (
        "Whatever its status, nobody but its creator sees it any more; it is `rejected` with the failure `taken_down` "
        "and the reason. A repeat changes nothing. Refused with 409 for a video that has ended unshown or is uploading."
    )
    restore["description"] = scope + (
        "The video is what it was before; one that waited for review waits again. A repeat changes nothing. Refused "
        "with 409 for a video that was never taken down."
    )
    return {
        "/v1/videos/{video_id}/takedown": {
            "parameters": [path_id("video_id")],
            "post": takedown,
            "delete": restore,
        },
        "/v1/reviews": {"get": listing},
        "/v1/reviews/{video_id}": {"parameters": [path_id("video_id")], "post": decision},
    }


def _webhooks() -> Document:
    one, queued = {"parameters": [path_id("webhook_id")]}, {"202": ref("QueuedMessage")}
    webhook, shown_once = {"200": ref("Webhook")}, ref("WebhookWithSecret")
    listed, history = {"200": ref("Webhooks")}, {"200": page_of(ref("Delivery"))}
    message: Document = {"name": "message_id", "in": "path", "required": True, "schema": TEXT}
    path = "/v1/webhooks/{webhook_id}"

    def described(
        name: str, summary: str, answers: Document, body: str = "", parameters: tuple[Document, ...] = ()
    ) -> Document:
        return call(name, summary, answers, tag="webhooks", body=body, parameters=parameters)

    return {
        "/v1/webhooks": {
            "post": described("createWebhook", "Have messages sent to a URL", {"201": shown_once}, "NewWebhook"),
            "get": described("webhooks", "One's webhooks, oldest first", listed),
        },
        path: {
            **one,
            "get": described("webhook", "A webhook", webhook),
            "patch": described("editWebhook", "Change a webhook, or enable it again", webhook, "WebhookEdit"),
            "delete": described("deleteWebhook", "Send no more; what waits is dropped", {"204": None}),
        },
        f"{path}/rotate": {
            **one,
            "post": described("rotateWebhook", "A new secret; the old one signs for a day yet", {"200": shown_once}),
        },
        f"{path}/test": {**one, "post": described("testWebhook", "Send a test message, once", queued)},
        f"{path}/deliveries": {
            **one,
            "get": described("deliveries", "Attempts of the last 7 days, newest first", history, parameters=_PAGE),
        },
        f"{path}/deliveries/{{message_id}}/replay": {
            "parameters": [path_id("webhook_id"), message],
            "post": described("replayMessage", "Send a message of the last 7 days again, under its id", queued),
        },
    }


def _self() -> Document:
    answers = {"200": {"type": "object"}}
    return {"/openapi.json": {"get": call("openapi", "This document", answers, tag="meta", anonymous=True)}}
