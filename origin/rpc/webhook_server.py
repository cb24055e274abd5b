"""Webhooks as a gRPC service."""

from __future__ import annotations

from origin.rpc import origin_pb2 as pb
from origin.rpc import webhook_codec as codec
from origin.subscribing import Webhooks


class WebhookService:
    def __init__(self, webhooks: Webhooks) -> None:
        self._webhooks = webhooks

    async def create(self, request: pb.CreateWebhookRequest) -> pb.NewSecret:
        return codec.encode_new_secret(await self._webhooks.create(request.user_id, request.url, list(request.types)))

    async def all_of(self, request: pb.WebhooksRequest) -> pb.WebhookViews:
        views = await self._webhooks.all_of(request.user_id)
        return pb.WebhookViews(views=[codec.encode_webhook(view) for view in views])

    async def view(self, request: pb.WebhookRequest) -> pb.WebhookView:
        return codec.encode_webhook(await self._webhooks.view(request.user_id, request.webhook_id))

    async def edit(self, request: pb.EditWebhookRequest) -> pb.WebhookView:
        url = request.url if request.HasField("url") else None
        types = list(request.types.types) if request.HasField("types") else None
        enabled = request.enabled if request.HasField("enabled") else None
        return codec.encode_webhook(await self._webhooks.edit(request.user_id, request.webhook_id, url, types, enabled))

    async def delete(self, request: pb.WebhookRequest) -> pb.Done:
        await self._webhooks.delete(request.user_id, request.webhook_id)
        return pb.Done()

    async def rotate(self, request: pb.WebhookRequest) -> pb.NewSecret:
        return codec.encode_new_secret(await self._webhooks.rotate(request.user_id, request.webhook_id))

    async def test(self, request: pb.WebhookRequest) -> pb.TestWebhookResponse:
        return pb.TestWebhookResponse(message_id=await self._webhooks.test(request.user_id, request.webhook_id))

    async def deliveries(self, request: pb.DeliveriesRequest) -> pb.DeliveriesResponse:
        before_id = request.before_id if request.HasField("before_id") else None
        found = await self._webhooks.deliveries(request.user_id, request.webhook_id, before_id, request.limit)
        return pb.DeliveriesResponse(attempts=[codec.encode_attempt(each) for each in found])

    async def replay(self, request: pb.ReplayRequest) -> pb.Done:
        await self._webhooks.replay(request.user_id, request.webhook_id, request.message_id)
        return pb.Done()
