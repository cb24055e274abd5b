"""The collection, `/v1/uploads`: begin an upload, with its first bytes or as the join of others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import assert_never

from edge.ingest import protocol, refusals, resource, rufh
from edge.ingest.beginning import begin_within_quota
from edge.ingest.body import WrongChecksum
from edge.ingest.exchange import Exchange
from edge.ingest.intake import Rejected
from edge.ingest.locks import LocksUnavailable
from edge.ingest.model import Append, Cancel, Create, Decision, Reject, Report, UploadState
from edge.ingest.writers import Turn
from origin.model import UploadKind
from origin.views import UploadTicket


async def answer(exchange: Exchange, decision: Decision) -> Report:
    """Do what was decided about a known user's request. Raises what `edge.ingest.failures` knows."""
    match decision:
        case Create():
            return await _create(exchange, decision)
        case Reject():
            raise Rejected(decision)
        case Report() | Append() | Cancel():
            raise AssertionError(f"{decision} is no decision about the collection")
        case _:
            assert_never(decision)


async def _create(exchange: Exchange, create: Create) -> Report:
    uploads, terms = exchange.uploads, create.terms
    is_final = terms.kind is UploadKind.FINAL
    begin = partial(
        uploads.catalog.begin,
        exchange.user_id,
        create.length,
        create.metadata,
        create.description,
        exchange.clock(),
        terms,
    )
    # A final upload takes the place of its parts.
    length = 0 if is_final else create.length
    ticket = await begin_within_quota(uploads.catalog, uploads.settings, exchange.user_id, length, begin)
    uploads.stats.created[create.speech.protocol.value] += 1
    if is_final:
        return await _final(exchange, create, ticket)
    state = await _begun(exchange, create, ticket)
    if state.finished:
        await resource.join_those_that_wait(exchange, ticket)
    return protocol.answer_created(create.speech, state, exchange.rules(), with_body=create.takes_body)


async def _begun(exchange: Exchange, create: Create, ticket: UploadTicket) -> UploadState:
    async with _first_turn(exchange, ticket) as turn:
        state = await exchange.uploads.state(ticket, exchange.request_id)
        await exchange.interim(rufh.interim_created(create.speech, state, exchange.rules()))
        if not create.takes_body:
            return state
        allowance = exchange.uploads.settings.max_bytes if create.length is None else create.length
        append = Append(create.speech, create.length, allowance, create.completes, create.checks)
        return await _first_bytes(exchange, ticket, state, append, turn)


async def _final(exchange: Exchange, create: Create, ticket: UploadTicket) -> Report:
    rules = exchange.rules()
    if (ticket.length or 0) > rules.max_bytes:
        await exchange.uploads.catalog.cancel(ticket.upload_id)
        raise Rejected(Reject(refusals.too_large(rules.max_bytes)))
    async with exchange.writers.turn(ticket.upload_id) as turn:
        # Read again: another request may have joined it while this one waited.
        ticket = await resource.find(exchange, str(ticket.upload_id))
        state = await resource.joined(exchange, ticket, turn)
    return protocol.answer_created(create.speech, state, rules, with_body=False)


@asynccontextmanager
async def _first_turn(exchange: Exchange, ticket: UploadTicket) -> AsyncIterator[Turn]:
    try:
        async with exchange.writers.turn(ticket.upload_id, new=True) as turn:
            yield turn
    except LocksUnavailable:
        # This client was perhaps never told where: it will begin anew.
        await exchange.uploads.catalog.cancel(ticket.upload_id)
        raise


async def _first_bytes(
    exchange: Exchange, ticket: UploadTicket, state: UploadState, append: Append, turn: Turn
) -> UploadState:
    try:
        return await resource.receive(exchange, ticket, state, append, turn)
    except (WrongChecksum, Rejected):
        if append.checks:
            # Nothing was stored, and this client was never told where: it will begin anew.
            await exchange.uploads.catalog.cancel(ticket.upload_id)
        raise
