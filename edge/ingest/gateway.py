"""The upload resources as an ASGI app: asks the protocol what to do, does it, answers.

Raw ASGI, since interim responses and bodies that flow with backpressure are not to be had through Quart. The gateway's
shell has already filtered the request, verified its token and spent its rate limit.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import assert_never

from edge.asgi import AsgiApp, Receive, Scope, Send
from edge.gateway import problems
from edge.gateway.asgi import refuse_upload
from edge.gateway.context import context_of
from edge.gateway.ports import UploadCatalog
from edge.gateway.problems import ApiProblem, Problem
from edge.ingest import joining, protocol, refusals, reply, rufh
from edge.ingest.beginning import begin_within_quota
from edge.ingest.body import (
    Arriving,
    ClientGone,
    Interrupted,
    TooSlow,
    WrongChecksum,
)
from edge.ingest.intake import Incoming, Rejected, take
from edge.ingest.locks import Locks, LocksUnavailable
from edge.ingest.model import (
    PREFIX,
    Append,
    Cancel,
    Create,
    Decision,
    Fields,
    Reject,
    Report,
    Rules,
    UploadRequest,
    UploadState,
)
from edge.ingest.settings import IngestSettings
from edge.ingest.stats import IngestStats
from edge.ingest.uploads import Uploads
from edge.ingest.wire import TUS_CHECKSUM
from edge.ingest.writers import Locked, Turn, Writers
from origin.ids import parse_id
from origin.metadata.base import NotFound
from origin.model import UploadKind
from origin.objects.base import Objects
from origin.views import UploadTicket


def create_ingest(
    catalog: UploadCatalog,
    objects: Objects,
    settings: IngestSettings,
    clock: Callable[[], int],
    stats: IngestStats,
    locks: Locks,
) -> AsgiApp:
    """The ASGI app for `/v1/uploads` and `/v1/uploads/{id}`; `create_gateway` puts it behind its shell.

    `locks` are shared by all gateways that take uploads.
    """
    return _Ingest(Uploads(catalog, objects, settings, stats), clock, Writers(settings.lock_wait_s, locks))


@dataclass(frozen=True, slots=True)
class _Exchange:
    """One request and its way back."""

    scope: Scope
    send: Send
    body: Arriving
    request: UploadRequest
    request_id: str
    user_id: int


@dataclass(frozen=True, slots=True)
class _Ingest:
    uploads: Uploads
    clock: Callable[[], int]
    writers: Writers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        context = context_of(scope)
        request = _request_of(scope)
        body = Arriving(receive, self.uploads.settings.idle_timeout_s)
        user_id = context.principal.user_id if context.principal else 0
        exchange = _Exchange(scope, send, body, request, context.request_id, user_id)
        try:
            await reply.report(send, await self._answer(exchange))
        except ClientGone:
            self.uploads.stats.disconnects += 1
        except Exception as error:
            problem = self._problem_of(error)
            if problem.status == problems.internal().status:
                raise
            self.uploads.stats.rejected[problem.code] += 1
            fields = (*protocol.spoken_fields(request), *_fields_of(error))
            rest = None if body.ended or isinstance(error, TooSlow | Interrupted) else receive
            await refuse_upload(scope, rest, send, problem, context.request_id, fields)

    def _problem_of(self, error: Exception) -> Problem:
        stats = self.uploads.stats
        if isinstance(error, Rejected):
            return error.reject.problem
        if isinstance(error, Interrupted):
            stats.interrupted += 1
            return refusals.INTERRUPTED
        if isinstance(error, TooSlow):
            stats.slow += 1
            return refusals.TOO_SLOW
        if isinstance(error, WrongChecksum):
            by_tus = error.field == TUS_CHECKSUM
            return refusals.CHECKSUM_MISMATCH if by_tus else refusals.DIGEST_MISMATCH
        if isinstance(error, Locked):
            return refusals.LOCKED
        if isinstance(error, LocksUnavailable):
            return refusals.LOCKS_AWAY
        return problems.from_exception(error)

    async def _answer(self, exchange: _Exchange) -> Report:
        path = exchange.scope["path"]
        if path == PREFIX:
            decision = protocol.decide_collection(exchange.request, self._rules())
            if isinstance(decision, Report):
                return decision
            _must_be_known(exchange)
            return await self._collection(exchange, decision)
        if exchange.request.method == "OPTIONS":
            return _reported(protocol.decide_collection(exchange.request, self._rules()))
        _must_be_known(exchange)
        ticket = await self._ticket(exchange, path.removeprefix(f"{PREFIX}/"))
        async with self.writers.turn(ticket.upload_id) as turn:
            # Read again: an older request may have finished or ended the upload while this one waited.
            ticket = await self._ticket(exchange, str(ticket.upload_id))
            return await self._resource(exchange, ticket, turn)

    async def _ticket(self, exchange: _Exchange, name: str) -> UploadTicket:
        try:
            ticket = await self.uploads.catalog.find(parse_id(name))
        except (ValueError, NotFound) as error:
            raise Rejected(Reject(refusals.UNKNOWN)) from error
        if ticket.user_id != exchange.user_id:
            raise Rejected(Reject(refusals.FOREIGN))
        return ticket

    # the collection

    async def _collection(self, exchange: _Exchange, decision: Decision) -> Report:
        match decision:
            case Create():
                return await self._create(exchange, decision)
            case Reject():
                raise Rejected(decision)
            case Report() | Append() | Cancel():
                raise AssertionError(f"{decision} is no decision about the collection")
            case _:
                assert_never(decision)

    async def _create(self, exchange: _Exchange, create: Create) -> Report:
        catalog, settings, terms = self.uploads.catalog, self.uploads.settings, create.terms
        is_final = terms.kind is UploadKind.FINAL
        # A final upload takes the place of its parts.
        begin = partial(
            catalog.begin, exchange.user_id, create.length, create.metadata, create.description, self.clock(), terms
        )
        length = 0 if is_final else create.length
        ticket = await begin_within_quota(catalog, settings, exchange.user_id, length, begin)
        self.uploads.stats.created[create.speech.protocol.value] += 1
        if is_final:
            return await self._final(exchange, create, ticket)
        async with self._first_turn(ticket) as turn:
            state = await self.uploads.state(ticket, exchange.request_id)
            await self._interim(exchange, rufh.interim_created(create.speech, state, self._rules()))
            if create.takes_body:
                allowance = settings.max_bytes if create.length is None else create.length
                append = Append(create.speech, create.length, allowance, create.completes, create.checks)
                state = await self._first_bytes(exchange, ticket, state, append, turn)
        if state.finished:
            await self._joined_with(exchange, ticket)
        return protocol.answer_created(create.speech, state, self._rules(), with_body=create.takes_body)

    async def _final(self, exchange: _Exchange, create: Create, ticket: UploadTicket) -> Report:
        rules = self._rules()
        if (ticket.length or 0) > rules.max_bytes:
            await self.uploads.catalog.cancel(ticket.upload_id)
            raise Rejected(Reject(refusals.too_large(rules.max_bytes)))
        async with self.writers.turn(ticket.upload_id) as turn:
            # Read again: another request may have joined it while this one waited.
            ticket = await self._ticket(exchange, str(ticket.upload_id))
            state = await self._joined(exchange, ticket, turn)
        return protocol.answer_created(create.speech, state, rules, with_body=False)

    async def _joined(self, exchange: _Exchange, ticket: UploadTicket, turn: Turn) -> UploadState:
        """Where an upload stands; a final one is joined if it can be."""
        state = await self.uploads.state(ticket, exchange.request_id)
        if ticket.terms.kind is not UploadKind.FINAL or state.finished:
            return state
        return await joining.join(self.uploads, ticket, state, turn, exchange.request_id)

    async def _joined_with(self, exchange: _Exchange, ticket: UploadTicket) -> None:
        if ticket.terms.kind is UploadKind.PARTIAL:
            await joining.join_waiting(self.uploads, self.writers, ticket, exchange.request_id)

    @asynccontextmanager
    async def _first_turn(self, ticket: UploadTicket) -> AsyncIterator[Turn]:
        try:
            async with self.writers.turn(ticket.upload_id, new=True) as turn:
                yield turn
        except LocksUnavailable:
            # This client was perhaps never told where: it will begin anew.
            await self.uploads.catalog.cancel(ticket.upload_id)
            raise

    async def _first_bytes(
        self, exchange: _Exchange, ticket: UploadTicket, state: UploadState, append: Append, turn: Turn
    ) -> UploadState:
        try:
            return await self._take(exchange, ticket, state, append, turn)
        except WrongChecksum:
            # Nothing was stored, and this client was never told where: it will begin anew.
            await self.uploads.catalog.cancel(ticket.upload_id)
            raise

    # one upload

    async def _resource(self, exchange: _Exchange, ticket: UploadTicket, turn: Turn) -> Report:
        state = await self._joined(exchange, ticket, turn)
        if protocol.ends_by_length(exchange.request, state):
            # Every byte is here, but the process died before it could say so; to this client a HEAD is the end.
            state = await self.uploads.finish(state, exchange.request_id)
        decision = protocol.decide_resource(exchange.request, state, self._rules())
        match decision:
            case Append():
                taken = await self._take(exchange, ticket, state, decision, turn)
                if taken.finished:
                    await self._joined_with(exchange, ticket)
                return protocol.answer_appended(decision.speech, taken)
            case Cancel():
                await self.uploads.catalog.cancel(state.upload_id)
                self.uploads.stats.cancelled += 1
                return protocol.answer_cancelled(decision.speech)
            case Report():
                return decision
            case Reject():
                raise Rejected(decision)
            case Create():
                raise AssertionError(f"{decision} is no decision about an upload")
            case _:
                assert_never(decision)

    async def _take(
        self, exchange: _Exchange, ticket: UploadTicket, state: UploadState, append: Append, turn: Turn
    ) -> UploadState:
        async def progress(offset: int) -> None:
            await self._interim(exchange, rufh.interim_progress(append.speech, offset))

        turn.on_interrupt(exchange.body.interrupt)
        incoming = Incoming(exchange.body, append, progress, exchange.request_id, turn)
        return await take(self.uploads, ticket, state, incoming)

    async def _interim(self, exchange: _Exchange, fields: Fields | None) -> None:
        await reply.interim(exchange.scope, exchange.send, fields)

    def _rules(self) -> Rules:
        return Rules(self.uploads.settings.max_bytes, self.clock())


def _fields_of(error: Exception) -> tuple[tuple[str, str], ...]:
    return error.reject.fields if isinstance(error, Rejected) else ()


def _must_be_known(exchange: _Exchange) -> None:
    if exchange.user_id == 0:
        raise ApiProblem(problems.UNAUTHENTICATED)


def _reported(decision: Decision) -> Report:
    if not isinstance(decision, Report):
        raise TypeError(f"OPTIONS is answered at once, not by {decision}")
    return decision


def _request_of(scope: Scope) -> UploadRequest:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    length = headers.get("content-length", "")
    # The filter has already refused a Content-Length that is no number.
    return UploadRequest(scope["method"], headers, int(length) if length else None)
