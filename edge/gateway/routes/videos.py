"""One video: its document, its creator's edits, and its progress as server-sent events."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from quart import Quart, Response, request

from edge.gateway import bodies, documents
from edge.gateway.context import MODERATE
from edge.gateway.lastgood.asking import AWAY
from edge.gateway.limit_fields import bucket_key
from edge.gateway.open_streams import OpenStreams
from edge.gateway.routes.exchange import answer, document, has_scope, nothing, required_user, viewer_id
from edge.gateway.services import Services
from origin.metadata.base import NotFound
from origin.views import VideoView

logger = logging.getLogger(__name__)


def register(app: Quart, services: Services) -> None:
    streams = OpenStreams(services.settings, services.stats)

    @app.get("/v1/videos/<video_id>")
    async def video(video_id: str) -> Response:
        view = await services.videos.view(bodies.path_id(video_id), viewer_id())
        shown = documents.video(view, services.playback)
        return answer(shown | documents.found(view.video) if has_scope(MODERATE) else shown)

    @app.patch("/v1/videos/<video_id>")
    async def edit_video(video_id: str) -> Response:
        user_id, key = required_user(), bodies.path_id(video_id)
        edit = bodies.video_edit(await document())
        view = await services.videos.edit(key, user_id, edit.description, edit.visibility)
        return answer(documents.video(view, services.playback))

    @app.delete("/v1/videos/<video_id>")
    async def delete_video(video_id: str) -> Response:
        await services.videos.delete(bodies.path_id(video_id), required_user())
        return nothing()

    @app.get("/v1/videos/<video_id>/events")
    async def video_events(video_id: str) -> Response:
        """Read with `fetch`: the token goes in the Authorization field, which EventSource cannot set."""
        key = bucket_key(viewer_id() or None, (request.scope.get("client") or ("unknown", 0))[0])
        streams.refuse_beyond_bounds(key)
        changes = services.videos.changes(bodies.path_id(video_id), viewer_id())
        first = await anext(changes, None)
        if first is None:
            raise NotFound("the video has no present state")
        response = Response(_counted(streams, key, _stream(services, first, changes)), content_type="text/event-stream")
        response.headers["X-Accel-Buffering"] = "no"
        response.timeout = None
        return response


async def _counted(streams: OpenStreams, key: str, events: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    if streams.are_full(key):
        # Others of a burst were quicker, and it is too late for another status: an empty stream.
        return
    with streams.one_more(key):
        async with aclosing(events):
            async for event in events:
                yield event


async def _stream(
    services: Services, first: VideoView, changes: AsyncIterator[VideoView]
) -> AsyncGenerator[bytes, None]:
    """One `video` event per change with the video document as data, and comment lines while nothing happens."""
    loop = asyncio.get_running_loop()
    end = loop.time() + services.settings.event_stream_s
    upcoming: asyncio.Task[VideoView | None] | None = None
    try:
        yield _event(services, first)
        while loop.time() < end:
            upcoming = upcoming or asyncio.ensure_future(_following(changes))
            done, _ = await asyncio.wait({upcoming}, timeout=services.settings.event_heartbeat_s)
            if not done:
                yield b": waiting\n\n"
                continue
            view, upcoming = upcoming.result(), None
            if view is None:
                return
            yield _event(services, view)
    finally:
        await _close(changes, upcoming)


async def _following(changes: AsyncIterator[VideoView]) -> VideoView | None:
    """The next state; None at the end, and when it cannot be told: the client asks again, and no status is left."""
    try:
        return await anext(changes, None)
    except AWAY as error:
        logger.info("an event stream ends early", extra={"error": str(error)})
        return None


async def _close(changes: AsyncIterator[VideoView], upcoming: asyncio.Task[VideoView | None] | None) -> None:
    if upcoming is not None:
        upcoming.cancel()
        await asyncio.wait({upcoming})
    close = getattr(changes, "aclose", None)
    if close is not None:
        await close()


def _event(services: Services, view: VideoView) -> bytes:
    data = json.dumps(documents.video(view, services.playback), separators=(",", ":"), ensure_ascii=False)
    return f"event: video\ndata: {data}\n\n".encode()
