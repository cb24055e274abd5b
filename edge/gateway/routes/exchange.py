"""What every route needs of the request in hand: who asks, the body, the page asked for; and JSON answers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import cast

from quart import Response, request

from edge.gateway import bodies, cursors, problems
from edge.gateway.context import Principal, RequestContext, context_of
from edge.gateway.problems import ApiProblem

DEFAULT_PAGE = 20


@dataclass(frozen=True, slots=True)
class PageAsked:
    listing: str
    before: int | None
    limit: int

    def next_cursor(self, positions: list[int]) -> str | None:
        """The cursor after a page, from the positions of up to `limit + 1` rows: one beyond tells there is more."""
        return cursors.encode(self.listing, positions[self.limit - 1]) if len(positions) > self.limit else None


def context() -> RequestContext:
    return context_of(request.scope)


def request_id() -> str:
    return context().request_id


def viewer_id() -> int:
    """The user who asks; 0 for someone without a token."""
    principal = context().principal
    return principal.user_id if principal else 0


def required_user() -> int:
    """The user who asks. Raises ApiProblem 401 without a token."""
    return _principal().user_id


def require_scope(scope: str) -> None:
    """Raises ApiProblem 401 without a token, 403 with one that does not allow it."""
    if scope not in _principal().scopes:
        raise ApiProblem(problems.insufficient_scope(scope))


def has_scope(scope: str) -> bool:
    principal = context().principal
    return principal is not None and scope in principal.scopes


def _principal() -> Principal:
    principal = context().principal
    if principal is None:
        raise ApiProblem(problems.UNAUTHENTICATED)
    return principal


async def document() -> dict[str, object]:
    """The request's JSON object. Raises BadInput."""
    return bodies.json_object(cast(bytes, await request.get_data(as_text=False)))


def page_asked(listing: str) -> PageAsked:
    """`limit` and `cursor` of the query. Raises BadInput, BadCursor."""
    cursor = request.args.get("cursor")
    limit = bodies.page_limit(request.args.get("limit"), DEFAULT_PAGE)
    return PageAsked(listing, cursors.decode(listing, cursor) if cursor else None, limit)


def answer(value: object, status: int = 200) -> Response:
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return Response(text, status=status, content_type="application/json")


def nothing() -> Response:
    """204, which has neither content nor fields about it (RFC 9110 section 15.3.5)."""
    response = Response(b"", status=204)
    for name in ("Content-Length", "Content-Type"):
        del response.headers[name]
    return response
