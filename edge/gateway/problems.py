"""Every refusal of the public API as an RFC 9457 problem, and the one place that maps errors to status codes.

Rules file. A `code` is stable: clients act on it; `title` and `detail` are for people.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from edge.gateway.spool.model import SpoolError
from origin import refusals
from origin.eventlog import base as eventlog
from origin.ids import NoIds
from origin.metadata import base as metadata
from origin.objects import base as objects
from origin.roles import RoleUnavailable

CONTENT_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
"""Told to clients when a store is away: long enough for a restart, short enough for a viewer."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One refusal: what goes in the body, and the header fields that go with it."""

    status: int
    code: str
    title: str
    detail: str = ""
    type: str = "about:blank"
    extra: Mapping[str, object] = field(default_factory=dict)
    """Further members of the body."""
    headers: tuple[tuple[str, str], ...] = ()


class ApiProblem(Exception):
    """Raised by routes to answer with a problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.status} {problem.code}: {problem.detail or problem.title}")
        self.problem = problem


def body(problem: Problem, request_id: str) -> bytes:
    """The problem's JSON; `request_id` lets a user's report be found in the log."""
    document: dict[str, object] = {
        "type": problem.type,
        "title": problem.title,
        "status": problem.status,
        "code": problem.code,
    }
    if problem.detail:
        document["detail"] = problem.detail
    document.update(problem.extra)
    if request_id:
        document["request_id"] = request_id
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def bad_request(code: str, detail: str, name: str) -> Problem:
    """400 that says which field is wrong, by its name in the body or query."""
    return Problem(400, code, "The request is not well formed", detail, extra={"field": name} if name else {})


UNAUTHENTICATED = Problem(
    401,
    "unauthenticated",
    "A session is needed",
    "Send `Authorization: Bearer <token>`; POST /v1/sessions gives a token to everyone, guests included.",
    headers=(("WWW-Authenticate", 'Bearer realm="reelway"'),),
)


def bad_token(code: str, detail: str) -> Problem:
    """401 for a token that was sent and refused (RFC 6750 section 3.1)."""
    challenge = f'Bearer realm="reelway", error="invalid_token", error_description="{detail}"'
    return Problem(401, code, "The token is refused", detail, headers=(("WWW-Authenticate", challenge),))


def insufficient_scope(scope: str) -> Problem:
    """403 for a good token that allows less than is asked for (RFC 6750 section 3.1)."""
    challenge = f'Bearer realm="reelway", error="insufficient_scope", scope="{scope}"'
    detail = f"This needs a token with the scope {scope}."
    return Problem(
        403, "insufficient_scope", "The token does not allow that", detail, headers=(("WWW-Authenticate", challenge),)
    )


def not_found(detail: str = "There is nothing here for you.") -> Problem:
    return Problem(404, "not_found", "Not found", detail)


def internal() -> Problem:
    return Problem(500, "internal", "Something broke on our side", "The request id tells the operators where.")


def unavailable(detail: str) -> Problem:
    return Problem(503, "unavailable", "Not available now", detail, headers=(("Retry-After", str(RETRY_AFTER_S)),))


DIRECT_NEEDS_S3 = Problem(
    501,
    "direct_upload_needs_s3",
    "This object store takes no direct uploads",
    "Direct uploads need an S3 object store. Upload to /v1/uploads instead: tus 1.0.0 or the IETF resumable upload.",
)
STORAGE_FULL = Problem(
    507,
    "storage_full",
    "The store is full",
    "Nothing that was acknowledged is lost. Try again later: an upload goes on where it stopped.",
)


def from_exception(error: BaseException) -> Problem:
    """The problem for any exception; `internal` for one that nobody foresaw."""
    if isinstance(error, ApiProblem):
        return error.problem
    for kind, problem in _BY_EXCEPTION:
        if isinstance(error, kind):
            return problem
    if isinstance(error, refusals.Refusal):
        return _refused(error)
    return internal()


_BY_EXCEPTION: tuple[tuple[type[Exception], Problem], ...] = (
    (metadata.NotFound, not_found()),
    (metadata.HandleTaken, Problem(409, "handle_taken", "That handle is taken", "Choose another handle.")),
    (metadata.MetadataFull, STORAGE_FULL),
    (metadata.MetadataError, unavailable("The metadata store does not answer.")),
    (objects.StoreFull, STORAGE_FULL),
    (objects.StoreUnavailable, unavailable("The object store does not answer.")),
    (objects.StoreUnprepared, unavailable("The object store cannot be used.")),
    (objects.StoreDenied, unavailable("The object store cannot be used.")),
    (
        objects.TooManyParts,
        Problem(409, "too_many_pieces", "The upload came in too many pieces", "Begin again with larger requests."),
    ),
    (eventlog.LogFull, STORAGE_FULL),
    (eventlog.EventLogError, unavailable("The event log does not answer.")),
    (SpoolError, unavailable("Neither the event log nor this gateway's own spool takes what was done.")),
    (RoleUnavailable, unavailable("A part of the system that this needs does not answer.")),
    (NoIds, unavailable("No new ids can be made.")),
)


def _refused(error: refusals.Refusal) -> Problem:
    if isinstance(error, refusals.NoDirectUploads):
        return DIRECT_NEEDS_S3
    status, code, title = _BY_REFUSAL.get(type(error), (422, "refused", "Refused"))
    return Problem(status, code, title, str(error))


_BY_REFUSAL: Mapping[type[refusals.Refusal], tuple[int, str, str]] = {
    refusals.NotCreator: (403, "not_creator", "Only its creator may do that"),
    refusals.SelfFollow: (422, "self_follow", "One cannot follow oneself"),
    refusals.CommentRefused: (422, "comment_refused", "The comment is refused"),
    refusals.BadCaptions: (422, "bad_captions", "The captions are refused"),
    refusals.BadWebhook: (422, "bad_webhook_url", "No message may be sent there"),
    refusals.TooManyWebhooks: (409, "too_many_webhooks", "There is no room for another webhook"),
    refusals.WebhookDisabled: (409, "webhook_disabled", "The webhook is disabled"),
    refusals.StillRetrying: (409, "still_retrying", "The message is still being sent"),
    refusals.NotHeld: (409, "not_held", "It does not wait for a review"),
    refusals.NothingToTakeDown: (409, "nothing_to_take_down", "There is nothing to take down"),
    refusals.NotTakenDown: (409, "not_taken_down", "There is no takedown to undo"),
    refusals.AlreadyNamed: (409, "already_named", "The handle is kept for good"),
    refusals.NoSuchPartial: (400, "unknown_partial_upload", "A part is no partial upload of yours"),
    refusals.NotAClip: (415, "not_a_video", "This is no clip"),
    refusals.WrongDigest: (400, "digest_mismatch", "The digest is not that of the upload"),
    refusals.UploadIncomplete: (409, "upload_incomplete", "The upload is not complete"),
}
