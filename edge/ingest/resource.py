"""One upload, `/v1/uploads/{id}`: ask where it stands, append to it, end it."""

from __future__ import annotations

from typing import assert_never

from edge.ingest import joining, protocol, refusals, rufh
from edge.ingest.exchange import Exchange
from edge.ingest.intake import Incoming, Rejected, take
from edge.ingest.model import Append, Cancel, Create, Reject, Report, UploadState
from edge.ingest.writers import Turn
from origin.ids import parse_id
from origin.metadata.base import NotFound
from origin.model import UploadKind
from origin.views import UploadTicket


async def answer(exchange: Exchange, name: str) -> Report:
    """The answer to a request for the upload of that name. Raises what `edge.ingest.failures` knows."""
    ticket = await find(exchange, name)
    async with exchange.writers.turn(ticket.upload_id) as turn:
        # Read again: an older request may have finished or ended the upload while this one waited.
        ticket = await find(exchange, str(ticket.upload_id))
        return await _answer(exchange, ticket, turn)


async def find(exchange: Exchange, name: str) -> UploadTicket:
    """Raises Rejected for an upload that is unknown or another user's."""
    try:
        ticket = await exchange.uploads.catalog.find(parse_id(name))
    except (ValueError, NotFound) as error:
        raise Rejected(Reject(refusals.UNKNOWN)) from error
    if ticket.user_id != exchange.user_id:
        raise Rejected(Reject(refusals.FOREIGN))
    return ticket


async def joined(exchange: Exchange, ticket: UploadTicket, turn: Turn) -> UploadState:
    """Where an upload stands; a final one is joined if it can be."""
    state = await exchange.uploads.state(ticket, exchange.request_id)
    if ticket.terms.kind is not UploadKind.FINAL or state.finished:
        return state
    return await joining.join(exchange.uploads, ticket, state, turn, exchange.request_id)


async def receive(
    exchange: Exchange, ticket: UploadTicket, state: UploadState, append: Append, turn: Turn
) -> UploadState:
    """Take the request's body into the upload. Raises as `intake.take` does."""

    async def progress(offset: int) -> None:
        await exchange.interim(rufh.interim_progress(append.speech, offset))

    turn.on_interrupt(exchange.body.interrupt)
    return await take(
        exchange.uploads, ticket, state, Incoming(exchange.body, append, progress, exchange.request_id, turn)
    )


async def join_those_that_wait(exchange: Exchange, ticket: UploadTicket) -> None:
    """A part is complete: join the final uploads that waited for it."""
    if ticket.terms.kind is UploadKind.PARTIAL:
        await joining.join_waiting(exchange.uploads, exchange.writers, ticket, exchange.request_id)


async def _standing(exchange: Exchange, ticket: UploadTicket, turn: Turn) -> UploadState:
    if not protocol.may_end_whole(exchange.request):
        return await exchange.uploads.state(ticket, exchange.request_id)
    state = await joined(exchange, ticket, turn)
    if protocol.ends_by_length(exchange.request, state):
        # Every byte is here, but the process died before it could say so; to this client a HEAD is the end.
        state = await exchange.uploads.finish(state, exchange.request_id)
    return state


async def _answer(exchange: Exchange, ticket: UploadTicket, turn: Turn) -> Report:
    uploads = exchange.uploads
    state = await _standing(exchange, ticket, turn)
    decision = protocol.decide_resource(exchange.request, state, exchange.rules())
    match decision:
        case Append():
            taken = await receive(exchange, ticket, state, decision, turn)
            if taken.finished:
                await join_those_that_wait(exchange, ticket)
            return protocol.answer_appended(decision.speech, taken)
        case Cancel():
            await uploads.catalog.cancel(state.upload_id)
            uploads.stats.cancelled += 1
            return protocol.answer_cancelled(decision.speech)
        case Report():
            return decision
        case Reject():
            raise Rejected(decision)
        case Create():
            raise AssertionError(f"{decision} is no decision about an upload")
        case _:
            assert_never(decision)
