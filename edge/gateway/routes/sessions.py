"""`POST /v1/sessions`: guests, named users, and a guest who takes a handle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quart import Quart, Response

from edge.gateway import bodies, documents
from edge.gateway.issuers.base import Minting
from edge.gateway.problems import ApiProblem, Problem, bad_token
from edge.gateway.routes.exchange import answer, context, document
from edge.gateway.services import Services
from origin.metadata.base import NotFound
from origin.refusals import AlreadyNamed

if TYPE_CHECKING:
    from origin.model import User

_EXTERNAL = Problem(
    404,
    "external_issuer",
    "Sessions are opened elsewhere",
    "This installation takes the tokens of an OpenID Connect issuer; sign in there.",
)


def register(app: Quart, services: Services) -> None:
    @app.post("/v1/sessions")
    async def open_session() -> Response:
        """Without a token: a new user. With one: a new token for the same user, who may take a handle."""
        issuer = services.issuer
        if not isinstance(issuer, Minting):
            raise ApiProblem(_EXTERNAL)
        handle = bodies.handle(await document())
        principal = context().principal
        if principal is None:
            owner = await services.social.create_user(handle)
        else:
            owner = await _renewed(services, principal.user_id, handle)
        token, expires_at_ms = issuer.mint(owner.user_id, services.clock())
        return answer(documents.session(token, expires_at_ms, owner), 201 if principal is None else 200)


async def _renewed(services: Services, user_id: int, handle: str | None) -> User:
    try:
        known = (await services.social.user(user_id, user_id)).user
    except NotFound as error:
        raise ApiProblem(bad_token("unknown_user", "The token's user is not known here.")) from error
    if handle is None or (not known.guest and known.handle.lower() == handle.lower()):
        return known
    if not known.guest:
        raise AlreadyNamed(f"This user is {known.handle}; a handle is chosen once.")
    return await services.social.claim_handle(user_id, handle)
