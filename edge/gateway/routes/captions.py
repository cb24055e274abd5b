"""WebVTT captions of a video, one track a language, by its creator."""

from __future__ import annotations

from typing import cast

from quart import Quart, Response, request

from edge.gateway import bodies, documents
from edge.gateway.routes.exchange import answer, nothing, required_user
from edge.gateway.services import Services


def register(app: Quart, services: Services) -> None:
    @app.put("/v1/videos/<video_id>/captions/<language>")
    async def put_captions(video_id: str, language: str) -> Response:
        key, user_id = bodies.path_id(video_id), required_user()
        track, label = cast(bytes, await request.get_data(as_text=False)), request.args.get("label", "")
        view = await services.captions.put(key, user_id, language, label, track)
        return answer(documents.video(view, services.playback))

    @app.delete("/v1/videos/<video_id>/captions/<language>")
    async def remove_captions(video_id: str, language: str) -> Response:
        await services.captions.remove(bodies.path_id(video_id), required_user(), language)
        return nothing()
