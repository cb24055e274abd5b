"""`POST /v1/interactions`: what viewers did, in batches."""

from __future__ import annotations

import secrets

from quart import Quart, Response

from edge.gateway import interactions
from edge.gateway.routes.exchange import answer, document, request_id, required_user
from edge.gateway.services import Services


def register(app: Quart, services: Services) -> None:
    @app.post("/v1/interactions")
    async def report() -> Response:
        user_id = required_user()
        batch = interactions.parse(await document(), services.clock(), _mint)
        refused = await services.social.interact(user_id, batch.interactions, request_id())
        accepted, rejected = interactions.merge(batch, refused)
        problems = [{"index": each.index, "problem": each.problem} for each in rejected]
        return answer({"accepted": accepted, "rejected": problems}, 202)


def _mint() -> str:
    return secrets.token_urlsafe(12)
