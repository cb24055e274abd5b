"""Webhooks of the user who asks. A secret is in the answers to its making and rotation, and in no other."""

from __future__ import annotations

from quart import Quart, Response

from edge.gateway import bodies, documents
from edge.gateway.routes.exchange import answer, document, nothing, page_asked, required_user
from edge.gateway.services import Services


def register(app: Quart, services: Services) -> None:
    webhooks = services.webhooks

    @app.post("/v1/webhooks")
    async def create_webhook() -> Response:
        user_id, asked = required_user(), bodies.new_webhook(await document())
        return answer(documents.new_secret(await webhooks.create(user_id, asked.url, asked.types)), 201)

    @app.get("/v1/webhooks")
    async def list_webhooks() -> Response:
        views = await webhooks.all_of(required_user())
        return answer({"items": [documents.webhook(view) for view in views]})

    @app.get("/v1/webhooks/<webhook_id>")
    async def webhook(webhook_id: str) -> Response:
        return answer(documents.webhook(await webhooks.view(required_user(), bodies.path_id(webhook_id))))

    @app.patch("/v1/webhooks/<webhook_id>")
    async def edit_webhook(webhook_id: str) -> Response:
        user_id, key = required_user(), bodies.path_id(webhook_id)
        edit = bodies.webhook_edit(await document())
        return answer(documents.webhook(await webhooks.edit(user_id, key, edit.url, edit.types, edit.enabled)))

    @app.delete("/v1/webhooks/<webhook_id>")
    async def delete_webhook(webhook_id: str) -> Response:
        await webhooks.delete(required_user(), bodies.path_id(webhook_id))
        return nothing()

    @app.post("/v1/webhooks/<webhook_id>/rotate")
    async def rotate_webhook(webhook_id: str) -> Response:
        return answer(documents.new_secret(await webhooks.rotate(required_user(), bodies.path_id(webhook_id))))

    @app.post("/v1/webhooks/<webhook_id>/test")
    async def send_test(webhook_id: str) -> Response:
        message_id = await webhooks.test(required_user(), bodies.path_id(webhook_id))
        return answer({"message_id": message_id}, 202)

    @app.get("/v1/webhooks/<webhook_id>/deliveries")
    async def deliveries(webhook_id: str) -> Response:
        user_id, key, page = required_user(), bodies.path_id(webhook_id), page_asked("deliveries")
        found = await webhooks.deliveries(user_id, key, page.before, page.limit + 1)
        next_cursor = page.next_cursor([each.attempt_id for each in found])
        return answer(documents.page([documents.attempt(each) for each in found[: page.limit]], next_cursor))

    @app.post("/v1/webhooks/<webhook_id>/deliveries/<message_id>/replay")
    async def replay(webhook_id: str, message_id: str) -> Response:
        await webhooks.replay(required_user(), bodies.path_id(webhook_id), bodies.message_id(message_id))
        return answer({"message_id": message_id}, 202)
