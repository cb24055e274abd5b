"""tus 1.0.0 with creation (with upload, with deferred length), expiration, checksum and termination. Rules file.

Source: tus resumable upload protocol 1.0.0; where it is silent, as tusd answers.
"""

from __future__ import annotations

from edge.gateway import bodies
from edge.gateway.problems import Problem
from edge.ingest import refusals, wire
from edge.ingest.model import (
    Append,
    Cancel,
    Create,
    Decision,
    Fields,
    Protocol,
    Reject,
    Report,
    Rules,
    Speech,
    UploadRequest,
    UploadState,
    location,
)
from edge.ingest.wire import BadField, Checksum

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,creation-defer-length,expiration,checksum,termination"
CONTENT_TYPE = "application/offset+octet-stream"
SPEECH = Speech(Protocol.TUS)
RESUMABLE: Fields = (("Tus-Resumable", VERSION),)
"""On every answer, refusals too."""


def abilities(rules: Rules) -> Fields:
    """For OPTIONS."""
    return (
        *RESUMABLE,
        ("Tus-Version", VERSION),
        ("Tus-Extension", EXTENSIONS),
        ("Tus-Max-Size", str(rules.max_bytes)),
        ("Tus-Checksum-Algorithm", ",".join(wire.DIGEST_BYTES)),
    )


def wrong_version(request: UploadRequest) -> Problem | None:
    """412 unless the request names our version."""
    sent = request.header("tus-resumable")
    if sent == VERSION:
        return None
    detail = f"Tus-Resumable is {sent[:16]!r}; this server speaks {VERSION}." if sent else "Tus-Resumable is missing."
    headers = (("Tus-Version", VERSION),)
    return Problem(412, "unsupported_tus_version", "Unsupported version of tus", detail, headers=headers)


def decide_collection(request: UploadRequest, rules: Rules) -> Decision:
    """A request to the collection. Raises BadField, bodies.BadInput."""
    if request.method != "POST":
        return _reject(refusals.method_not_allowed("POST, OPTIONS"))
    length = _announced_length(request)
    if length is not None and length > rules.max_bytes:
        return _reject(refusals.too_large(rules.max_bytes))
    if length == 0:
        return _reject(refusals.EMPTY)
    metadata = request.header("upload-metadata") or ""
    takes_body = _is_ours(request)
    if not takes_body and request.content_length:
        return _reject(refusals.media_type(CONTENT_TYPE))
    if takes_body and (request.content_length or 0) > (length or rules.max_bytes):
        return _reject(refusals.too_large(length or rules.max_bytes))
    values = wire.upload_metadata(metadata)
    described = bodies.description(wire.utf8("Upload-Metadata", values.get("description", b"")))
    return Create(SPEECH, length, metadata, described, takes_body, completes=False, checksum=_checksum(request))


def _announced_length(request: UploadRequest) -> int | None:
    """Exactly one of Upload-Length and `Upload-Defer-Length: 1`."""
    sent, deferred = request.header("upload-length"), request.header("upload-defer-length")
    if (sent is None) == (deferred is None):
        raise BadField("Upload-Length", "exactly one of Upload-Length and Upload-Defer-Length is expected")
    if sent is not None:
        return wire.whole_number("Upload-Length", sent)
    if deferred != "1":
        raise BadField("Upload-Defer-Length", "the only value is 1")
    return None


def decide_resource(request: UploadRequest, state: UploadState, rules: Rules) -> Decision:
    """A request to an upload. Raises BadField."""
    match request.method:
        case "HEAD":
            return Report(200, _standing(state))
        case "PATCH":
            return _append(request, state, rules)
        case "DELETE":
            return Cancel(SPEECH)
        case _:
            return _reject(refusals.method_not_allowed("HEAD, PATCH, DELETE, OPTIONS"))


def _append(request: UploadRequest, state: UploadState, rules: Rules) -> Decision:
    if not _is_ours(request):
        return _reject(refusals.media_type(CONTENT_TYPE))
    offset = wire.whole_number("Upload-Offset", request.header("upload-offset") or "")
    if offset != state.offset:
        return _reject(refusals.mismatching_offset(state.offset, offset), (("Upload-Offset", str(state.offset)),))
    length = _fixed_length(request, state)
    if length is not None and length > rules.max_bytes:
        return _reject(refusals.too_large(rules.max_bytes))
    allowance = (rules.max_bytes if length is None else length) - state.offset
    if (request.content_length or 0) > allowance:
        return _reject(refusals.too_large(state.offset + allowance))
    return Append(SPEECH, length, allowance, completes=False, checksum=_checksum(request))


def _fixed_length(request: UploadRequest, state: UploadState) -> int | None:
    sent = request.header("upload-length")
    if sent is None:
        return state.length
    length = wire.whole_number("Upload-Length", sent)
    if state.length is not None and length != state.length:
        raise BadField("Upload-Length", f"the length is {state.length} and cannot change")
    if length < state.offset:
        raise BadField("Upload-Length", f"{state.offset} bytes are stored already")
    return length


def created(state: UploadState, *, with_body: bool) -> Report:
    offset = (("Upload-Offset", str(state.offset)),) if with_body else ()
    return Report(201, (*RESUMABLE, ("Location", location(state.upload_id)), *offset, *_always(state)))


def appended(state: UploadState) -> Report:
    return Report(204, (*RESUMABLE, ("Upload-Offset", str(state.offset)), *_always(state)))


def cancelled() -> Report:
    return Report(204, RESUMABLE)


def _standing(state: UploadState) -> Fields:
    length = ("Upload-Defer-Length", "1") if state.length is None else ("Upload-Length", str(state.length))
    metadata = (("Upload-Metadata", state.metadata),) if state.metadata else ()
    offset = ("Upload-Offset", str(state.offset))
    return (*RESUMABLE, offset, length, *metadata, ("Cache-Control", "no-store"), *_always(state))


def _always(state: UploadState) -> Fields:
    expires = ("Upload-Expires", wire.http_date(state.expires_at_ms))
    return (expires, ("Reelway-Video-Id", str(state.video_id)))


def _is_ours(request: UploadRequest) -> bool:
    return (request.header("content-type") or "").partition(";")[0].strip().lower() == CONTENT_TYPE


def _checksum(request: UploadRequest) -> Checksum | None:
    sent = request.header("upload-checksum")
    return None if sent is None else wire.upload_checksum(sent)


def _reject(problem: Problem, fields: Fields = ()) -> Reject:
    return Reject(problem, (*RESUMABLE, *fields))
