"""The ASGI shell around everything that the gateway answers: request id, filter, token, rate limit, access log, and the
fields that every answer gets. Uploads go on to the ingest app, the rest to Quart.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from dataclasses import dataclass, field

from edge.asgi import AsgiApp, Message, Receive, Scope, Send
from edge.gateway import context, fields, limit_fields, problems, waf
from edge.gateway.asgi import encoded, refuse_upload, send_problem, send_whole
from edge.gateway.auth import Authenticator
from edge.gateway.context import Principal, RequestContext
from edge.gateway.limits.base import Policy
from edge.gateway.problems import ApiProblem
from edge.gateway.services import Services
from origin import trace
from origin.deadline import within

access_log = logging.getLogger("reelway.access")
logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Answer:
    """The way back to the client: adds fields, keeps bodies off HEAD answers, remembers what was sent."""

    send: Send
    method: str
    path: str
    added: list[tuple[bytes, bytes]]
    status: int = 0
    sent_bytes: int = 0

    def add(self, more: fields.Fields) -> None:
        self.added += encoded(more)

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": self._fields(list(message.get("headers", [])))}
        elif message["type"] == "http.response.body":
            if self.method == "HEAD":
                message = {**message, "body": b""}
            self.sent_bytes += len(message.get("body", b""))
        await self.send(message)

    def _fields(self, own: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        names = {name.lower() for name, _ in own}
        if fields.is_api(self.path) and b"cache-control" not in names:
            # What one viewer may see is no answer for another.
            own.append((b"cache-control", b"no-store"))
        return own + [(name, value) for name, value in self.added if name not in names]


@dataclass(slots=True)
class Shell:
    services: Services
    authenticator: Authenticator
    app: AsgiApp
    """Quart."""
    ingest: AsgiApp | None
    """The upload resources; None answers them with 404."""
    rules: waf.Filter = field(init=False)
    policies: dict[str, Policy] = field(init=False)
    """By route class."""
    of_api: list[tuple[bytes, bytes]] = field(init=False)
    of_app: list[tuple[bytes, bytes]] = field(init=False)

    def __post_init__(self) -> None:
        settings = self.services.settings
        self.rules = waf.Filter(json_body_bytes=settings.json_body_bytes, upload_body_bytes=settings.upload_body_bytes)
        self.policies = {policy.name: policy for policy in settings.policies}
        self.of_api = encoded(fields.of_api(settings.public_url))
        self.of_app = encoded(fields.of_app(settings.public_url, settings.media_url))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self.app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, method = scope["path"], scope["method"]
        request_id = fields.accepted_request_id(scope["headers"]) or secrets.token_hex(8)
        token = trace.request_id.set(request_id)
        always = self.of_api if fields.is_api(path) else self.of_app
        own = fields.of_request(path, scope["headers"])
        answer = _Answer(send, method, path, [(b"x-request-id", request_id.encode()), *always, *own])
        start = asyncio.get_running_loop().time()
        try:
            await self._guarded(scope, receive, answer, request_id)
        finally:
            elapsed_ms = (asyncio.get_running_loop().time() - start) * 1000
            self._record(scope, answer, request_id, elapsed_ms)
            trace.request_id.reset(token)

    async def _guarded(self, scope: Scope, receive: Receive, answer: _Answer, request_id: str) -> None:
        try:
            await self._dispatch(scope, receive, answer, request_id)
        except Exception as error:
            problem = problems.from_exception(error)
            if problem.status == problems.internal().status:
                self.services.stats.errors += 1
                logger.exception("a request failed", extra={"request_id": request_id, "path": scope["path"]})
            if answer.status == 0 and waf.is_upload(scope["path"]):
                await refuse_upload(scope, receive, answer, problem, request_id)
            elif answer.status == 0:
                await send_problem(answer, problem, request_id)
            else:
                # Too late to say so: ending the task makes the server cut the answer short.
                raise

    async def _dispatch(self, scope: Scope, receive: Receive, answer: _Answer, request_id: str) -> None:
        method, path, headers = scope["method"], scope["path"], scope["headers"]
        verdict = waf.inspect(
            method, path, scope.get("raw_path") or path.encode(), scope["query_string"], headers, self.rules
        )
        if isinstance(verdict, waf.Blocked):
            self.services.stats.refused[verdict.reason.value] += 1
            raise ApiProblem(waf.problem_of(verdict, self.rules))
        if fields.is_api(path) and fields.is_preflight(method, headers):
            await send_whole(answer, 204, fields.PREFLIGHT)
            return
        await self._admit(scope, answer, request_id)
        if not waf.is_upload(path):
            with within(self.services.settings.deadline_s, asyncio.get_running_loop().time()):
                await self.app(scope, receive, answer)
        elif self.ingest is None:
            raise ApiProblem(problems.not_found("This gateway takes no uploads."))
        else:
            await self.ingest(scope, receive, answer)

    async def _admit(self, scope: Scope, answer: _Answer, request_id: str) -> None:
        """Verify the token and spend the rate limit; attach the context for the routes."""
        client = (scope.get("client") or ("unknown", 0))[0]
        kind = limit_fields.route_class(scope["method"], scope["path"])
        principal = None
        if scope["path"].startswith("/v1/"):
            try:
                principal = await self._principal(scope)
            except ApiProblem:
                # Verifying costs: who sends bad tokens pays for it by address.
                await self._spend(kind, None, client, answer)
                raise
        await self._spend(kind, principal, client, answer)
        context.attach(scope, RequestContext(request_id, principal, kind))

    async def _principal(self, scope: Scope) -> Principal | None:
        try:
            return await self.authenticator.authenticate(scope["headers"], self.services.clock())
        except ApiProblem:
            self.services.stats.unauthenticated += 1
            raise

    async def _spend(self, kind: str, principal: Principal | None, client: str, answer: _Answer) -> None:
        policy = self.policies.get(kind)
        if policy is None:
            return
        # Sessions make users, so a user's own bucket would not bound them.
        user_id = principal.user_id if principal and kind != "sessions" else None
        limits, stats = self.services.limits, self.services.stats
        spent = await limits.spend(policy, limit_fields.bucket_key(user_id, client), self.services.clock())
        stats.limits_degraded = limits.degraded
        if not spent.allowed:
            stats.limited[kind] += 1
            raise ApiProblem(limit_fields.too_many(policy, spent))
        answer.add(limit_fields.fields(policy, spent))

    def _record(self, scope: Scope, answer: _Answer, request_id: str, elapsed_ms: float) -> None:
        kind = limit_fields.route_class(scope["method"], scope["path"])
        self.services.stats.requests[f"{kind} {answer.status}"] += 1
        if not scope["path"].endswith("/events"):
            self.services.stats.milliseconds[kind] += round(elapsed_ms)
        known = context.found(scope)
        access_log.info(
            "%s %s %d",
            scope["method"],
            scope["path"],
            answer.status,
            extra={
                "request_id": request_id,
                "method": scope["method"],
                "path": scope["path"],
                "status": answer.status,
                "sent_bytes": answer.sent_bytes,
                "elapsed_ms": round(elapsed_ms, 1),
                "http_version": scope.get("http_version", ""),
                "client": (scope.get("client") or ("unknown", 0))[0],
                "user_id": str(known.principal.user_id) if known and known.principal else "",
            },
        )
