"""Likes, comments, users and who follows whom."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from quart import Quart, Response

from edge.gateway import bodies, documents
from edge.gateway.routes.exchange import (
    answer,
    document,
    nothing,
    page_asked,
    request_id,
    required_user,
    viewer_id,
)
from edge.gateway.services import Services
from origin.views import Listed

Ask = Callable[[int, int | None, int], Awaitable[Sequence[Listed]]]


def register(app: Quart, services: Services) -> None:
    _likes(app, services)
    _comments(app, services)
    _users(app, services)
    _follows(app, services)


def _likes(app: Quart, services: Services) -> None:
    @app.put("/v1/videos/<video_id>/like")
    async def like(video_id: str) -> Response:
        await services.social.like(required_user(), bodies.path_id(video_id), True, request_id())
        return nothing()

    @app.delete("/v1/videos/<video_id>/like")
    async def unlike(video_id: str) -> Response:
        await services.social.like(required_user(), bodies.path_id(video_id), False, request_id())
        return nothing()


def _comments(app: Quart, services: Services) -> None:
    @app.post("/v1/videos/<video_id>/comments")
    async def add_comment(video_id: str) -> Response:
        user_id, key = required_user(), bodies.path_id(video_id)
        text = bodies.comment_text(await document())
        view = await services.social.comment(user_id, key, text, request_id())
        return answer(documents.comment(view), 201)

    @app.get("/v1/videos/<video_id>/comments")
    async def comments(video_id: str) -> Response:
        key, asked = bodies.path_id(video_id), page_asked("comments")
        views = await services.social.comments(key, viewer_id(), asked.before, asked.limit + 1)
        cursor = asked.next_cursor([view.comment.comment_id for view in views])
        return answer(documents.page([documents.comment(view) for view in views[: asked.limit]], cursor))

    @app.delete("/v1/comments/<comment_id>")
    async def delete_comment(comment_id: str) -> Response:
        await services.social.delete_comment(bodies.path_id(comment_id), required_user(), request_id())
        return nothing()


def _users(app: Quart, services: Services) -> None:
    @app.get("/v1/users/<user_id>")
    async def user(user_id: str) -> Response:
        return answer(documents.profile(await services.social.user(bodies.path_id(user_id), viewer_id())))

    @app.get("/v1/users/<user_id>/videos")
    async def videos_of(user_id: str) -> Response:
        key, asked = bodies.path_id(user_id), page_asked("videos")
        views = await services.videos.by_creator(key, viewer_id(), asked.before, asked.limit + 1)
        cursor = asked.next_cursor([view.video.video_id for view in views])
        items = [documents.video(view, services.playback) for view in views[: asked.limit]]
        return answer(documents.page(items, cursor))

    @app.get("/v1/users/<user_id>/followers")
    async def followers(user_id: str) -> Response:
        return await _listing("followers", user_id, services.social.followers)

    @app.get("/v1/users/<user_id>/following")
    async def following(user_id: str) -> Response:
        return await _listing("following", user_id, services.social.following)


async def _listing(listing: str, user_id: str, ask: Ask) -> Response:
    key, asked = bodies.path_id(user_id), page_asked(listing)
    entries = await ask(key, asked.before, asked.limit + 1)
    cursor = asked.next_cursor([entry.since_ms for entry in entries])
    return answer(documents.page([documents.listed(entry) for entry in entries[: asked.limit]], cursor))


def _follows(app: Quart, services: Services) -> None:
    @app.put("/v1/users/<user_id>/follow")
    async def follow(user_id: str) -> Response:
        await services.social.follow(required_user(), bodies.path_id(user_id), True, request_id())
        return nothing()

    @app.delete("/v1/users/<user_id>/follow")
    async def unfollow(user_id: str) -> Response:
        await services.social.follow(required_user(), bodies.path_id(user_id), False, request_id())
        return nothing()
