"""A body into an upload: checked, stored part by part, and with the last byte handed over to packaging."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from edge.gateway.problems import Problem
from edge.ingest import protocol, refusals, suitable
from edge.ingest.ahead import Ahead
from edge.ingest.body import Arriving, Checked, NotVideo, Overrun, Spooled, Unsuitable
from edge.ingest.model import Append, Reject, UploadState
from edge.ingest.uploads import Hold, Progress, Uploads
from edge.ingest.wire import BadField
from origin.model import UploadKind
from origin.views import UploadTicket


class Rejected(Exception):
    """Carries a refusal out of a turn."""

    def __init__(self, reject: Reject) -> None:
        super().__init__(reject.problem.code)
        self.reject = reject


@dataclass(frozen=True, slots=True)
class Incoming:
    """A body and what the protocol decided about it."""

    body: Arriving
    append: Append
    progress: Progress
    request_id: str
    hold: Hold


async def take(uploads: Uploads, ticket: UploadTicket, state: UploadState, incoming: Incoming) -> UploadState:
    """Store a body behind what the upload has; finish the upload with its last byte. Returns the new state.

    Raises Rejected, BodyEnded (what arrived is stored, but for a wrong checksum), ObjectStoreError.
    """
    append = incoming.append
    if state.finished:
        return await _nothing_more(incoming, state)
    await _fix_length(uploads, state, append.length)
    state = replace(state, length=append.length)
    if append.digest and not state.terms.digest:
        await uploads.catalog.expect(state.upload_id, append.digest)
    uploads.stats.receiving += 1
    try:
        offset = await _store(uploads, ticket, state, incoming)
    except (NotVideo, Unsuitable) as error:
        # With a checksum nothing is stored yet, and perhaps the bytes are only damaged.
        if not append.checks:
            await _void(uploads, state)
        problem = error.problem if isinstance(error, Unsuitable) else refusals.NOT_A_VIDEO
        raise Rejected(Reject(problem)) from error
    except Overrun as error:
        await _void(uploads, state)
        raise Rejected(Reject(protocol.overrun(append.speech))) from error
    finally:
        uploads.stats.receiving -= 1
    return await _ended(uploads, replace(state, offset=offset), incoming)


async def _nothing_more(incoming: Incoming, state: UploadState) -> UploadState:
    """To a finished upload nothing is appended; asked with an empty body, the last answer is given again."""
    if await incoming.body.block() is not None:
        raise Rejected(Reject(refusals.inconsistent_length("The upload is complete; nothing can be appended.")))
    return state


async def _store(uploads: Uploads, ticket: UploadTicket, state: UploadState, incoming: Incoming) -> int:
    is_clip = ticket.terms.kind is not UploadKind.PARTIAL
    judge = partial(suitable.refusal, settings=uploads.settings) if is_clip else None
    watch = uploads.watches.take(ticket.upload_id, state.offset) if is_clip else None
    checked = Checked(incoming.body, state.offset, incoming.append.allowance, judge, watch)
    try:
        return await _write(uploads, ticket, state, incoming, checked)
    finally:
        if watch is not None:
            uploads.watches.keep(ticket.upload_id, checked.offset, watch)


async def _write(
    uploads: Uploads, ticket: UploadTicket, state: UploadState, incoming: Incoming, checked: Checked
) -> int:
    if not incoming.append.checks:
        async with Ahead(checked, uploads.room, uploads.settings.ahead_bytes) as ahead:
            return await uploads.write(ticket, state, ahead, incoming.progress, incoming.hold)
    try:
        spooled = await Spooled.of(checked, incoming.append.checks, incoming.body.trailers)
    except BadField as error:
        raise Rejected(Reject(refusals.bad_field(error))) from error
    try:
        return await uploads.write(ticket, state, spooled, incoming.progress, incoming.hold)
    finally:
        spooled.close()


async def _ended(uploads: Uploads, state: UploadState, incoming: Incoming) -> UploadState:
    append = incoming.append
    whole = protocol.is_whole(append.speech, completes=append.completes, offset=state.offset, length=state.length)
    if isinstance(whole, Problem):
        if state.offset == 0:
            await _void(uploads, state)
        raise Rejected(Reject(whole))
    if not whole:
        return state
    await _fix_length(uploads, state, state.offset)
    return await uploads.finish(state, incoming.request_id, append.digest)


async def _fix_length(uploads: Uploads, state: UploadState, length: int | None) -> None:
    if length is None or length == state.length:
        return
    if not await uploads.catalog.fix_length(state.upload_id, length):
        raise Rejected(Reject(refusals.inconsistent_length("The upload has another length already.")))


async def _void(uploads: Uploads, state: UploadState) -> None:
    """What has the wrong bytes can never become right: end it, so that nobody resumes it."""
    uploads.stats.voided += 1
    await uploads.catalog.cancel(state.upload_id)
