"""Messages that are sent because somebody asks for it. Shell."""

from __future__ import annotations

from origin.eventlog.base import EventLog
from origin.events import Topic, WebhookEvent, encode
from origin.metadata.base import Metadata
from origin.refusals import StillRetrying, WebhookDisabled
from origin.subscriptions import Attempt, Sent
from origin.trace import request_id
from origin.webhooks.schedule import STILL_RETRIED_MS, still_retried

_PAGE = 200


async def replay(
    metadata: Metadata, eventlog: EventLog, user_id: int, webhook_id: int, message_id: str, now_ms: int
) -> None:
    """Queue a message of the last days once more, under its id.

    Raises NotFound, WebhookDisabled, StillRetrying, MetadataError, EventLogError."""
    await _need_enabled(metadata, user_id, webhook_id)
    message = await metadata.sent_message(webhook_id, message_id)
    last = await _last_attempt(metadata, webhook_id, message_id, now_ms)
    if last is not None and still_retried(last, now_ms):
        raise StillRetrying(f"{message_id} is still retried: its last attempt tells when it is sent again.")
    await _append(eventlog, user_id, webhook_id, message)


async def queue(metadata: Metadata, eventlog: EventLog, user_id: int, webhook_id: int, message: Sent) -> None:
    """Have a new message sent to one webhook. Raises NotFound, WebhookDisabled, MetadataError, EventLogError."""
    await _need_enabled(metadata, user_id, webhook_id)
    await _append(eventlog, user_id, webhook_id, message)


async def _need_enabled(metadata: Metadata, user_id: int, webhook_id: int) -> None:
    webhook = await metadata.webhook(user_id, webhook_id)
    if webhook.disabled is not None:
        raise WebhookDisabled(f"Webhook {webhook_id} is disabled ({webhook.disabled}); enable it first.")


async def _last_attempt(metadata: Metadata, webhook_id: int, message_id: str, now_ms: int) -> Attempt | None:
    """Of those after which a message can still be retried."""
    before_id = None
    while page := await metadata.attempts_of(webhook_id, before_id, _PAGE, now_ms):
        for attempt in page:
            if attempt.at_ms < now_ms - STILL_RETRIED_MS:
                return None
            if attempt.message_id == message_id:
                return attempt
        before_id = page[-1].attempt_id
    return None


async def _append(eventlog: EventLog, user_id: int, webhook_id: int, message: Sent) -> None:
    event = WebhookEvent(
        webhook_id, user_id, message.message_id, message.kind, message.body, request_id=request_id.get()
    )
    await eventlog.append(Topic.WEBHOOKS, str(webhook_id), encode(event))
