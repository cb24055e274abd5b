"""The gateway as one ASGI app: `create_gateway` builds the shell, the routes and the web app from what it is handed."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from quart import Quart, Response, request
from werkzeug.exceptions import HTTPException

from edge.asgi import AsgiApp
from edge.gateway import coding, problems
from edge.gateway.asgi import problem_fields
from edge.gateway.auth import Authenticator
from edge.gateway.bodies import BadInput
from edge.gateway.context import context_of
from edge.gateway.cursors import BadCursor
from edge.gateway.ports import DirectUploads
from edge.gateway.problems import Problem
from edge.gateway.routes import (
    captions,
    description,
    feed,
    interactions,
    reviews,
    sessions,
    site,
    social,
    uploads,
    videos,
    webhooks,
)
from edge.gateway.services import Services
from edge.gateway.shell import Shell
from edge.gateway.site_files import load_site

logger = logging.getLogger(__name__)


def create_gateway(
    services: Services, ingest: AsgiApp | None = None, direct_uploads: DirectUploads | None = None
) -> Quart:
    """The public API and the web app. `ingest` answers the resumable uploads (`edge.ingest.gateway.create_ingest`);
    `direct_uploads` are those straight to the object store, None where it takes none
    (`edge.ingest.direct.create_direct`).

    Blocking (it reads the web app's files): for start-up. Raises site_files.BrokenSite.
    """
    app = Quart(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = services.settings.json_body_bytes
    app.config["BODY_TIMEOUT"] = services.settings.request_timeout_s
    app.config["RESPONSE_TIMEOUT"] = services.settings.request_timeout_s
    app.register_error_handler(Exception, _on_error(services))
    app.after_request(_compressed)
    for noun in (sessions, videos, captions, feed, interactions, social, reviews, webhooks):
        noun.register(app, services)
    uploads.register(app, direct_uploads)
    description.register(app, services)
    if services.settings.site_folder is not None:
        site.register(app, load_site(services.settings.site_folder))
    authenticator = Authenticator(services.issuer, services.audience)
    # Quart's own way to wrap an app: whoever calls the Quart object comes through the shell.
    shell = Shell(services, authenticator, app.asgi_app, ingest)
    app.asgi_app = shell  # type: ignore[method-assign, assignment]
    return app


def _on_error(services: Services) -> Callable[[Exception], Awaitable[Response]]:
    async def answer_problem(error: Exception) -> Response:
        problem = _problem_of(error)
        request_id = context_of(request.scope).request_id
        if problem.status == problems.internal().status:
            services.stats.errors += 1
            logger.error("a request failed", exc_info=error, extra={"request_id": request_id, "path": request.path})
        body = problems.body(problem, request_id)
        response = Response(body, status=problem.status)
        for name, value in problem_fields(problem, body):
            response.headers[name] = value
        return response

    return answer_problem


def _problem_of(error: Exception) -> Problem:
    if isinstance(error, BadInput):
        return problems.bad_request("invalid_input", str(error), error.name)
    if isinstance(error, BadCursor):
        return problems.bad_request("bad_cursor", f"{error}; begin again without one.", "cursor")
    if isinstance(error, HTTPException):
        return _of_http(error)
    return problems.from_exception(error)


def _of_http(error: HTTPException) -> Problem:
    """Quart's own refusals: no such route, wrong method, body too large or too slow."""
    match error.code:
        case 404:
            return problems.not_found("No such address; GET /openapi.json lists them all.")
        case 405:
            allowed = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
            detail = f"This address takes {allowed}."
            return Problem(405, "method_not_allowed", "Method not allowed", detail, headers=(("Allow", allowed),))
        case 413:
            return Problem(413, "body_too_large", "The body is too large", "Send less at once.")
        case 408:
            return Problem(408, "too_slow", "The body did not arrive in time", "Try again.")
        case code if code is not None and 400 <= code < 500:
            return Problem(code, "refused", error.name, "")
        case _:
            return problems.internal()


async def _compressed(response: Response) -> Response:
    kind = response.mimetype or ""
    if "Content-Encoding" in response.headers or not kind.endswith("json"):
        return response
    response.headers["Vary"] = "Accept-Encoding"
    body = await response.get_data(as_text=False)
    asked = request.headers.get("Accept-Encoding", "")
    if len(body) < coding.COMPRESS_FROM_BYTES or not coding.accepts(asked, "gzip"):
        return response
    response.set_data(coding.compress(body))
    response.headers["Content-Encoding"] = "gzip"
    return response
