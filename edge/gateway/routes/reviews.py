"""Clips that wait for a person's verdict, and takedowns, for those whose token allows to decide."""

from __future__ import annotations

from quart import Quart, Response, request

from edge.gateway import bodies, documents
from edge.gateway.context import MODERATE
from edge.gateway.routes.exchange import DEFAULT_PAGE, answer, document, nothing, require_scope
from edge.gateway.services import Services


def register(app: Quart, services: Services) -> None:
    @app.get("/v1/reviews")
    async def reviews() -> Response:
        require_scope(MODERATE)
        limit = bodies.page_limit(request.args.get("limit"), DEFAULT_PAGE)
        views = await services.reviews.waiting(limit)
        return answer({"items": [documents.review(view) for view in views]})

    @app.post("/v1/reviews/<video_id>")
    async def decide(video_id: str) -> Response:
        require_scope(MODERATE)
        key, decision = bodies.path_id(video_id), bodies.decision(await document())
        if decision.allowed:
            await services.reviews.allow(key)
        else:
            await services.reviews.reject(key, decision.detail)
        return nothing()

    @app.post("/v1/videos/<video_id>/takedown")
    async def take_down(video_id: str) -> Response:
        require_scope(MODERATE)
        await services.reviews.take_down(bodies.path_id(video_id), bodies.takedown_reason(await document()))
        return nothing()

    @app.delete("/v1/videos/<video_id>/takedown")
    async def restore(video_id: str) -> Response:
        require_scope(MODERATE)
        await services.reviews.restore(bodies.path_id(video_id))
        return nothing()
