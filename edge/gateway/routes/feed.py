"""The For You and Following pages, with what to prefetch for the swipes to come."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from quart import Quart, Response, request

from edge.gateway import bodies, documents, prefetch_plan
from edge.gateway.cursors import BadCursor
from edge.gateway.ports import FeedPage
from edge.gateway.routes.exchange import answer, required_user
from edge.gateway.services import Services

DEFAULT_PAGE = 10
Ask = Callable[[int, int, str | None, int], Awaitable[FeedPage]]


def register(app: Quart, services: Services) -> None:
    @app.get("/v1/feed")
    async def for_you_feed() -> Response:
        return await _page(services, services.feeds.for_you)

    @app.get("/v1/feed/following")
    async def following_feed() -> Response:
        return await _page(services, services.feeds.following)


async def _page(services: Services, ask: Ask) -> Response:
    user_id = required_user()
    limit = bodies.page_limit(request.args.get("limit"), DEFAULT_PAGE)
    cursor = request.args.get("cursor") or None
    try:
        page = await ask(user_id, limit, cursor, services.clock())
    except ValueError as error:
        if cursor is None:
            raise
        raise BadCursor("the cursor is not one of this feed") from error
    views = await services.videos.views([item.video_id for item in page.items], user_id)
    shown = {view.video.video_id: view for view in views}
    plan = prefetch_plan.plan(views)
    return answer(documents.feed_page(page, shown, plan, services.playback))
