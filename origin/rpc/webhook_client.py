"""Webhooks from another process: the shape that `edge.gateway.ports` names, over gRPC."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from origin.rpc import origin_pb2 as pb
from origin.rpc import webhook_codec as codec
from origin.rpc.channel import RemoteRole
from origin.subscriptions import Attempt
from origin.views import NewSecret, WebhookView


class RemoteWebhooks:
    def __init__(self, role: RemoteRole) -> None:
        self._ask = partial(role.ask, pb.DESCRIPTOR.services_by_name["Webhooks"])

    async def create(self, user_id: int, url: str, types: Sequence[str]) -> NewSecret:
        request = pb.CreateWebhookRequest(user_id=user_id, url=url, types=types)
        return codec.decode_new_secret(await self._ask("Create", request, pb.NewSecret))

    async def all_of(self, user_id: int) -> Sequence[WebhookView]:
        found = await self._ask("AllOf", pb.WebhooksRequest(user_id=user_id), pb.WebhookViews)
        return [codec.decode_webhook(view) for view in found.views]

    async def view(self, user_id: int, webhook_id: int) -> WebhookView:
        return codec.decode_webhook(await self._ask("View", _one(user_id, webhook_id), pb.WebhookView))

    async def edit(
        self, user_id: int, webhook_id: int, url: str | None, types: Sequence[str] | None, enabled: bool | None
    ) -> WebhookView:
        request = pb.EditWebhookRequest(
            user_id=user_id,
            webhook_id=webhook_id,
            url=url,
            types=None if types is None else pb.WebhookTypes(types=types),
            enabled=enabled,
        )
        return codec.decode_webhook(await self._ask("Edit", request, pb.WebhookView))

    async def delete(self, user_id: int, webhook_id: int) -> None:
        await self._ask("Delete", _one(user_id, webhook_id), pb.Done)

    async def rotate(self, user_id: int, webhook_id: int) -> NewSecret:
        return codec.decode_new_secret(await self._ask("Rotate", _one(user_id, webhook_id), pb.NewSecret))

    async def test(self, user_id: int, webhook_id: int) -> str:
        return (await self._ask("Test", _one(user_id, webhook_id), pb.TestWebhookResponse)).message_id

    async def deliveries(self, user_id: int, webhook_id: int, before_id: int | None, limit: int) -> Sequence[Attempt]:
        request = pb.DeliveriesRequest(user_id=user_id, webhook_id=webhook_id, before_id=before_id, limit=limit)
        found = await self._ask("Deliveries", request, pb.DeliveriesResponse)
        return [codec.decode_attempt(each) for each in found.attempts]

    async def replay(self, user_id: int, webhook_id: int, message_id: str) -> None:
        request = pb.ReplayRequest(user_id=user_id, webhook_id=webhook_id, message_id=message_id)
        await self._ask("Replay", request, pb.Done)


def _one(user_id: int, webhook_id: int) -> pb.WebhookRequest:
    return pb.WebhookRequest(user_id=user_id, webhook_id=webhook_id)
