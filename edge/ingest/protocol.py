"""Uploads by tus and by the IETF draft on the same resources: request × state → Accept | Report | Reject. Rules file.

The two are told apart by their header fields (standards: both use Upload-Offset and Upload-Length with one meaning):
`Tus-Resumable`, or tus's media type, means tus; everything else is the IETF draft.
"""

from __future__ import annotations

from typing import assert_never

from edge.gateway.bodies import BadInput
from edge.gateway.problems import Problem, bad_request
from edge.ingest import refusals, rufh, tus
from edge.ingest.model import (
    MOST_PARTS,
    Decision,
    Fields,
    Protocol,
    Reject,
    Report,
    Rules,
    Speech,
    UploadRequest,
    UploadState,
)
from edge.ingest.wire import BadField
from origin.model import UploadKind


def decide_collection(request: UploadRequest, rules: Rules) -> Decision:
    """A request to `/v1/uploads`."""
    request = _overridden(request)
    if request.method == "OPTIONS":
        return _abilities(rules)
    try:
        if _protocol(request) is Protocol.TUS:
            problem = tus.wrong_version(request)
            return Reject(problem, tus.RESUMABLE) if problem else tus.decide_collection(request, rules)
        if not rufh.is_spoken(request):
            return Reject(refusals.unknown_protocol())
        return rufh.decide_collection(request, rufh.speech_of(request), rules)
    except (BadField, BadInput) as error:
        return _malformed(request, error)


def decide_resource(request: UploadRequest, state: UploadState, rules: Rules) -> Decision:
    """A request to `/v1/uploads/{id}` by its owner."""
    request = _overridden(request)
    if request.method == "OPTIONS":
        return _abilities(rules)
    spoken = _protocol(request)
    if not state.finished and state.expires_at_ms <= rules.now_ms:
        return Reject(refusals.GONE, fields_always(spoken))
    if request.method == "PATCH" and state.parts >= MOST_PARTS:
        return Reject(refusals.TOO_MANY_PARTS, fields_always(spoken))
    try:
        if spoken is Protocol.TUS:
            problem = tus.wrong_version(request)
            return Reject(problem, tus.RESUMABLE) if problem else tus.decide_resource(request, state, rules)
        return rufh.decide_resource(request, rufh.speech_of(request), state, rules)
    except (BadField, BadInput) as error:
        return _malformed(request, error)


def answer_created(speech: Speech, state: UploadState, rules: Rules, *, with_body: bool) -> Report:
    match speech.protocol:
        case Protocol.TUS:
            return tus.created(state, with_body=with_body)
        case Protocol.RUFH:
            return rufh.created(speech, state, rules)
        case _:
            assert_never(speech.protocol)


def answer_appended(speech: Speech, state: UploadState) -> Report:
    match speech.protocol:
        case Protocol.TUS:
            return tus.appended(state)
        case Protocol.RUFH:
            return rufh.appended(speech, state)
        case _:
            assert_never(speech.protocol)


def answer_cancelled(speech: Speech) -> Report:
    match speech.protocol:
        case Protocol.TUS:
            return tus.cancelled()
        case Protocol.RUFH:
            return rufh.cancelled()
        case _:
            assert_never(speech.protocol)


def is_whole(speech: Speech, *, completes: bool, offset: int, length: int | None) -> bool | Problem:
    """Has the upload arrived whole, now that a body has ended at `offset`? tus says so by the length; the IETF draft by
    the client's word, which must then agree with the length."""
    if speech.protocol is Protocol.TUS:
        return offset == length
    if not completes:
        return False
    if offset == 0:
        return refusals.EMPTY
    if length is not None and offset != length:
        return refusals.inconsistent_length(f"The body ended at {offset} of {length} bytes.")
    return True


def overrun(speech: Speech) -> Problem:
    """More bytes came than the upload can have."""
    return refusals.OVERRUN_TUS if speech.protocol is Protocol.TUS else refusals.OVERRUN_RUFH


def spoken_fields(request: UploadRequest) -> Fields:
    """Fields that every answer to this request carries."""
    return fields_always(_protocol(request))


def fields_always(protocol: Protocol) -> Fields:
    return tus.RESUMABLE if protocol is Protocol.TUS else ()


def _protocol(request: UploadRequest) -> Protocol:
    media_type = (request.header("content-type") or "").partition(";")[0].strip().lower()
    is_tus = request.header("tus-resumable") is not None or media_type == tus.CONTENT_TYPE
    return Protocol.TUS if is_tus else Protocol.RUFH


_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def _overridden(request: UploadRequest) -> UploadRequest:
    """tus: `X-HTTP-Method-Override` is the method. Not of a safe one: rate limits, caches and browsers have treated the
    request as what it looks like."""
    sent = request.header("x-http-method-override")
    if sent is None or request.method in _SAFE or _protocol(request) is not Protocol.TUS:
        return request
    return UploadRequest(sent.strip().upper(), request.headers, request.content_length)


def _abilities(rules: Rules) -> Report:
    return Report(204, (*tus.abilities(rules), *rufh.limit(Speech(Protocol.RUFH), rules)))


def _malformed(request: UploadRequest, error: BadField | BadInput) -> Reject:
    if isinstance(error, BadField):
        return Reject(refusals.bad_field(error), spoken_fields(request))
    return Reject(bad_request("invalid_input", str(error), error.name), spoken_fields(request))


def may_end_whole(request: UploadRequest) -> bool:
    """May what has arrived become a clip before this request is answered? Not for one that takes it back."""
    return _overridden(request).method != "DELETE"


def ends_by_length(request: UploadRequest, state: UploadState) -> bool:
    """Has an upload, to this request's protocol, arrived whole without having been handed over?"""
    told = _protocol(request) is Protocol.TUS or state.terms.kind is UploadKind.FINAL
    return told and not state.finished and 0 < state.offset == state.length
