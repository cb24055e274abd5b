"""Messages that are sent because somebody asks for it. Shell."""

from __future__ import annotations

from origin.eventlog.base import EventLog
from origin.events import Topic, WebhookEvent, encode
from origin.metadata.base import Metadata
from origin.refusals import WebhookDisabled
from origin.subscriptions import Sent
from origin.trace import request_id


async def replay(metadata: Metadata, eventlog: EventLog, user_id: int, webhook_id: int, message_id: str) -> None:
    """Queue a message of the last days once more, under its id.

    Raises NotFound, WebhookDisabled, MetadataError, EventLogError."""
    await queue(metadata, eventlog, user_id, webhook_id, await metadata.sent_message(webhook_id, message_id))


async def queue(metadata: Metadata, eventlog: EventLog, user_id: int, webhook_id: int, message: Sent) -> None:
    """Have a message sent to one webhook. Raises as `replay` does."""
    webhook = await metadata.webhook(user_id, webhook_id)
    if webhook.disabled is not None:
        raise WebhookDisabled(f"Webhook {webhook_id} is disabled ({webhook.disabled}); enable it first.")
    event = WebhookEvent(
        webhook_id, user_id, message.message_id, message.kind, message.body, request_id=request_id.get()
    )
    await eventlog.append(Topic.WEBHOOKS, str(webhook_id), encode(event))
