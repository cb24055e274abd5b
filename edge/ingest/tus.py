"""tus 1.0.0 with all its extensions: creation (with upload, with deferred length), expiration, checksum (and trailer),
termination, concatenation (and of unfinished uploads). Rules file.

Source: tus resumable upload protocol 1.0.0; where it is silent, as tusd answers.
"""

from __future__ import annotations

from edge.gateway import bodies
from edge.gateway.problems import Problem
from edge.ingest import checksums, refusals, wire
from edge.ingest.checksums import CONTENT_DIGEST, UPLOAD_CHECKSUM
from edge.ingest.model import (
    PREFIX,
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
from edge.ingest.wire import BadField
from origin.model import UploadKind, UploadTerms

VERSION = "1.0.0"
EXTENSIONS = (
    "creation,creation-with-upload,creation-defer-length,expiration,checksum,checksum-trailer,termination,"
    "concatenation,concatenation-unfinished"
)
CONTENT_TYPE = "application/offset+octet-stream"
SPEECH = Speech(Protocol.TUS)
RESUMABLE: Fields = (("Tus-Resumable", VERSION),)
"""On every answer, refusals too."""
_CHECKED_BY = (UPLOAD_CHECKSUM, CONTENT_DIGEST)


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
    terms = _terms(request)
    length = None if terms.kind is UploadKind.FINAL else _announced_length(request)
    if length is not None and length > rules.max_bytes:
        return _reject(refusals.too_large(rules.max_bytes))
    if length == 0:
        return _reject(refusals.EMPTY)
    metadata = request.header("upload-metadata") or ""
    takes_body = _is_ours(request) and terms.kind is not UploadKind.FINAL
    if not takes_body and request.content_length:
        return _reject(refusals.media_type(CONTENT_TYPE))
    if takes_body and (request.content_length or 0) > (length or rules.max_bytes):
        return _reject(refusals.too_large(length or rules.max_bytes))
    values = wire.upload_metadata(metadata)
    described = bodies.description(wire.utf8("Upload-Metadata", values.get("description", b"")))
    checks = checksums.of_head(request.headers, _CHECKED_BY)
    return Create(SPEECH, length, metadata, described, takes_body, completes=False, checks=checks, terms=terms)


def _terms(request: UploadRequest) -> UploadTerms:
    """What `Upload-Concat` and `Repr-Digest` ask for."""
    digest = checksums.of_whole(request.headers)
    sent = request.header("upload-concat")
    if sent is None:
        return UploadTerms(digest=digest)
    if sent == "partial":
        return UploadTerms(UploadKind.PARTIAL, digest=digest)
    if any(request.header(name) is not None for name in ("upload-length", "upload-defer-length")):
        raise BadField("Upload-Length", "the length of a final upload is that of its parts")
    return UploadTerms(UploadKind.FINAL, wire.final_upload(sent, PREFIX), digest)


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
    if state.terms.kind in (UploadKind.FINAL, UploadKind.DIRECT):
        return _reject(refusals.not_appendable(state.terms.kind))
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
    checks = checksums.of_head(request.headers, _CHECKED_BY)
    return Append(SPEECH, length, allowance, completes=False, checks=checks)


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
    # Of a final upload there is no offset before it is joined, and no length while a part has none.
    waits = state.terms.kind is UploadKind.FINAL and not state.finished
    offset = () if waits else (("Upload-Offset", str(state.offset)),)
    lengths = () if waits and state.length is None else (length,)
    known = (*offset, *lengths, *metadata, *_concat(state.terms))
    return (*RESUMABLE, *known, ("Cache-Control", "no-store"), *_always(state))


def _concat(terms: UploadTerms) -> Fields:
    match terms.kind:
        case UploadKind.PARTIAL:
            return (("Upload-Concat", "partial"),)
        case UploadKind.FINAL:
            return (("Upload-Concat", "final;" + " ".join(location(each) for each in terms.partials)),)
        case _:
            return ()


def _always(state: UploadState) -> Fields:
    expires = ("Upload-Expires", wire.http_date(state.expires_at_ms))
    return (expires, ("Reelway-Video-Id", str(state.video_id))) if state.video_id else (expires,)


def _is_ours(request: UploadRequest) -> bool:
    return (request.header("content-type") or "").partition(";")[0].strip().lower() == CONTENT_TYPE


def _reject(problem: Problem, fields: Fields = ()) -> Reject:
    return Reject(problem, (*RESUMABLE, *fields))
