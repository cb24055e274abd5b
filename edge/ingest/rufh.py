"""Resumable Uploads for HTTP, the IETF draft: interop versions 3, 5 to 8 and the final form. Rules file.

Source: draft-ietf-httpbis-resumable-upload, -01 (interop 3), -03 (5) to -11 (8). The versions differ in the content
type of appends (from 6), in Upload-Limit (`expires` in 6, `max-age` from 7) and in what HEAD and DELETE may carry (to
6). Version 3 says Upload-Incomplete, the inverse of Upload-Complete, knows no progress in interim answers, and answers
an append that leaves an upload incomplete with 201. (Version 4 was never in a client that is in use.)
"""

from __future__ import annotations

from edge.gateway import bodies
from edge.gateway.problems import Problem
from edge.ingest import checksums, refusals, wire
from edge.ingest.checksums import CONTENT_DIGEST
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
from edge.ingest.wire import BadField
from origin.model import UploadKind, UploadTerms

CONTENT_TYPE = "application/partial-upload"
INTEROP = "upload-draft-interop-version"
INTEROP_VERSIONS = (3, 5, 6, 7, 8)
_INVERSE = 3
INTERIM_STATUS = 104
_OFFSET, _COMPLETE, _INCOMPLETE, _LENGTH = "Upload-Offset", "Upload-Complete", "Upload-Incomplete", "Upload-Length"
_CHECKED_BY = (CONTENT_DIGEST,)


def speech_of(request: UploadRequest) -> Speech:
    """The version spoken. Raises BadField for one that is older than ours; a newer one is taken as the final form."""
    sent = request.header(INTEROP)
    if sent is None:
        return Speech(Protocol.RUFH)
    version = wire.sf_integer("Upload-Draft-Interop-Version", sent)
    if version not in INTEROP_VERSIONS and version < INTEROP_VERSIONS[-1]:
        raise BadField("Upload-Draft-Interop-Version", f"version {version} is not spoken here; 3 and 5 to 8 are")
    return Speech(Protocol.RUFH, version if version in INTEROP_VERSIONS else None)


def is_spoken(request: UploadRequest) -> bool:
    """Does a creation say what only this protocol says?"""
    return any(request.header(name.lower()) is not None for name in (_COMPLETE, _INCOMPLETE))


def limit(speech: Speech, rules: Rules, expires_at_ms: int | None = None) -> Fields:
    """`Upload-Limit` as the version has it; there was none before 6."""
    if speech.interop in (3, 5):
        return ()
    values = f"max-size={rules.max_bytes}"
    if expires_at_ms is not None:
        left_s = max(0, (expires_at_ms - rules.now_ms) // 1000)
        values += f", {'expires' if speech.interop == 6 else 'max-age'}={left_s}"
    return (("Upload-Limit", values),)


def decide_collection(request: UploadRequest, speech: Speech, rules: Rules) -> Decision:
    """A request to the collection. Raises BadField, bodies.BadInput."""
    if request.method not in ("POST", "PUT", "PATCH"):
        return Reject(refusals.method_not_allowed("POST, OPTIONS"))
    completes = _completes(request, speech)
    length = _length(request, offset=0, known=None, completes=completes)
    if isinstance(length, Problem):
        return Reject(length)
    if max(length or 0, request.content_length or 0) > rules.max_bytes:
        return Reject(refusals.too_large(rules.max_bytes), limit(speech, rules))
    if length == 0:
        return Reject(refusals.EMPTY)
    described = wire.percent_encoded("Reelway-Description", request.header("reelway-description") or "")
    return Create(
        speech,
        length,
        "",
        bodies.description(described),
        takes_body=True,
        completes=completes,
        checks=checksums.of_head(request.headers, _CHECKED_BY),
        terms=UploadTerms(digest=checksums.of_whole(request.headers)),
    )


def decide_resource(request: UploadRequest, speech: Speech, state: UploadState, rules: Rules) -> Decision:
    """A request to an upload. Raises BadField."""
    if request.method in ("HEAD", "DELETE") and speech.interop in (3, 5, 6):
        for name in (_OFFSET, _COMPLETE, _INCOMPLETE, _LENGTH):
            if request.header(name.lower()) is not None:
                raise BadField(name, f"{request.method} must not carry it")
    match request.method:
        case "HEAD":
            return Report(204, _standing(speech, state, rules))
        case "PATCH":
            return _append(request, speech, state, rules)
        case "DELETE":
            return Cancel(speech)
        case _:
            return Reject(refusals.method_not_allowed("HEAD, PATCH, DELETE, OPTIONS"))


def _append(request: UploadRequest, speech: Speech, state: UploadState, rules: Rules) -> Decision:
    if state.terms.kind in (UploadKind.FINAL, UploadKind.DIRECT):
        return Reject(refusals.not_appendable(state.terms.kind))
    if speech.interop not in (3, 5) and not _is_ours(request):
        return Reject(refusals.media_type(CONTENT_TYPE))
    offset = wire.sf_integer(_OFFSET, request.header("upload-offset") or "")
    completes = _completes(request, speech)
    if offset != state.offset:
        return Reject(refusals.mismatching_offset(state.offset, offset), _progress(speech, state))
    length = _length(request, offset, state.length, completes=completes)
    if isinstance(length, Problem):
        return Reject(length)
    if length is not None and length > rules.max_bytes:
        return Reject(refusals.too_large(rules.max_bytes), limit(speech, rules, state.expires_at_ms))
    allowance = (rules.max_bytes if length is None else length) - offset
    if (request.content_length or 0) > allowance:
        return Reject(refusals.too_large(rules.max_bytes), limit(speech, rules, state.expires_at_ms))
    checks = checksums.of_head(request.headers, _CHECKED_BY)
    return Append(speech, length, allowance, completes, checks, checksums.of_whole(request.headers))


def _length(request: UploadRequest, offset: int, known: int | None, *, completes: bool) -> int | Problem | None:
    """The upload's length by every sign there is: said before, said now, or offset and body of the last append. Signs
    that do not agree are a problem."""
    sent = request.header("upload-length")
    signs = [known, None if sent is None else wire.sf_integer(_LENGTH, sent)]
    if request.content_length is not None and completes:
        signs.append(offset + request.content_length)
    lengths = {sign for sign in signs if sign is not None}
    if len(lengths) > 1:
        return refusals.inconsistent_length(f"The request and the upload name the lengths {sorted(lengths)}.")
    length = lengths.pop() if lengths else None
    if length is not None and offset + (request.content_length or 0) > length:
        return refusals.inconsistent_length(f"The body goes past the upload's length of {length} bytes.")
    return length


def interim(speech: Speech, fields: Fields) -> Fields | None:
    """Fields of a 104; None for a client that must not be sent one."""
    if speech.protocol is not Protocol.RUFH or speech.interop is None:
        return None
    return (*fields, ("Upload-Draft-Interop-Version", str(speech.interop)))


def interim_created(speech: Speech, state: UploadState, rules: Rules) -> Fields | None:
    """The first 104: where the upload can be resumed. Its Location is that of the final answer."""
    fields = (("Location", location(state.upload_id)), *_always(state))
    return interim(speech, (*fields, *limit(speech, rules, state.expires_at_ms)))


def interim_progress(speech: Speech, offset: int) -> Fields | None:
    return None if speech.interop == _INVERSE else interim(speech, ((_OFFSET, str(offset)),))


def created(speech: Speech, state: UploadState, rules: Rules) -> Report:
    where = (("Location", location(state.upload_id)), *_always(state), *limit(speech, rules, state.expires_at_ms))
    return Report(201, (*_progress(speech, state), *where), _done(state))


def appended(speech: Speech, state: UploadState) -> Report:
    """200 as the original request would have been answered, when complete; else 204, or 201 in version 3."""
    more = 201 if speech.interop == _INVERSE else 204
    return Report(200 if state.finished else more, (*_progress(speech, state), *_always(state)), _done(state))


def cancelled() -> Report:
    return Report(204, ())


def _standing(speech: Speech, state: UploadState, rules: Rules) -> Fields:
    length = () if state.length is None else ((_LENGTH, str(state.length)),)
    limits = limit(speech, rules, state.expires_at_ms)
    return (*_progress(speech, state), *length, *limits, ("Cache-Control", "no-store"), *_always(state))


def _progress(speech: Speech, state: UploadState) -> Fields:
    said = (_COMPLETE, _flag(state.finished))
    if speech.interop == _INVERSE:
        said = (_INCOMPLETE, _flag(not state.finished))
    return (said, (_OFFSET, str(state.offset)))


def _always(state: UploadState) -> Fields:
    return (("Reelway-Video-Id", str(state.video_id)),) if state.video_id else ()


def _done(state: UploadState) -> dict[str, object] | None:
    return {"video_id": str(state.video_id)} if state.finished and state.video_id else None


def _flag(value: bool) -> str:
    return "?1" if value else "?0"


def _completes(request: UploadRequest, speech: Speech) -> bool:
    if speech.interop != _INVERSE:
        return wire.sf_boolean(_COMPLETE, request.header("upload-complete") or "")
    # An append of version 3 that says nothing is the last one.
    said = request.header("upload-incomplete") or ("?0" if request.method == "PATCH" else "")
    return not wire.sf_boolean(_INCOMPLETE, said)


def _is_ours(request: UploadRequest) -> bool:
    return (request.header("content-type") or "").partition(";")[0].strip().lower() == CONTENT_TYPE
