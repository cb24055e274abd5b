"""`GET /openapi.json`: the API described, made once."""

from __future__ import annotations

from quart import Quart, Response

from edge.gateway.openapi import describe
from edge.gateway.routes.exchange import answer
from edge.gateway.services import Services


def register(app: Quart, services: Services) -> None:
    document = describe(services.settings.public_url)

    @app.get("/openapi.json")
    async def openapi() -> Response:
        response = answer(document)
        response.headers["Cache-Control"] = "public, max-age=300"
        return response
