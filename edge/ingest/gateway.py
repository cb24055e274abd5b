"""The upload resources as an ASGI app: asks the protocol what to do, has it done, answers.

Raw ASGI, since interim responses and bodies that flow with backpressure are not to be had through Quart. The gateway's
shell has already filtered the request, verified its token and spent its rate limit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge.asgi import AsgiApp, Receive, Scope, Send
from edge.gateway import problems
from edge.gateway.asgi import refuse_upload
from edge.gateway.context import context_of
from edge.gateway.ports import UploadCatalog
from edge.gateway.problems import ApiProblem
from edge.ingest import collection, failures, protocol, reply, resource
from edge.ingest.ahead import Room
from edge.ingest.body import Arriving, ClientGone
from edge.ingest.exchange import Exchange, request_of
from edge.ingest.locks import Locks
from edge.ingest.model import PREFIX, Decision, Report
from edge.ingest.settings import IngestSettings
from edge.ingest.stats import IngestStats
from edge.ingest.uploads import Uploads
from edge.ingest.writers import Writers
from origin.objects.base import Objects


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
    uploads = Uploads(catalog, objects, settings, stats, Room(settings.all_ahead_bytes))
    return _Ingest(uploads, Writers(settings.lock_wait_s, locks), clock)


@dataclass(frozen=True, slots=True)
class _Ingest:
    uploads: Uploads
    writers: Writers
    clock: Callable[[], int]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = self._exchange(scope, receive, send)
        try:
            await reply.report(send, await _answer(exchange))
        except ClientGone:
            self.uploads.stats.disconnects += 1
        except Exception as error:
            problem = failures.problem_of(error, self.uploads.stats)
            if problem.status == problems.internal().status:
                raise
            self.uploads.stats.rejected[problem.code] += 1
            fields = (*protocol.spoken_fields(exchange.request), *failures.fields_of(error))
            rest = None if exchange.body.ended or failures.stops_reading(error) else receive
            await refuse_upload(scope, rest, send, problem, exchange.request_id, fields)

    def _exchange(self, scope: Scope, receive: Receive, send: Send) -> Exchange:
        context = context_of(scope)
        return Exchange(
            self.uploads,
            self.writers,
            self.clock,
            scope,
            send,
            Arriving(receive, self.uploads.settings.idle_timeout_s),
            request_of(scope),
            context.request_id,
            context.principal.user_id if context.principal else 0,
        )


async def _answer(exchange: Exchange) -> Report:
    path = exchange.scope["path"]
    if path == PREFIX:
        decision = protocol.decide_collection(exchange.request, exchange.rules())
        if isinstance(decision, Report):
            return decision
        _must_be_known(exchange)
        return await collection.answer(exchange, decision)
    if exchange.request.method == "OPTIONS":
        return _reported(protocol.decide_collection(exchange.request, exchange.rules()))
    _must_be_known(exchange)
    return await resource.answer(exchange, path.removeprefix(f"{PREFIX}/"))


def _must_be_known(exchange: Exchange) -> None:
    if exchange.user_id == 0:
        raise ApiProblem(problems.UNAUTHENTICATED)


def _reported(decision: Decision) -> Report:
    if not isinstance(decision, Report):
        raise TypeError(f"OPTIONS is answered at once, not by {decision}")
    return decision
