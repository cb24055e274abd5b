"""Use cases of webhooks for the users who own them, and for operators. Shell."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace

from origin.eventlog.base import EventLog
from origin.metadata.base import Metadata
from origin.refusals import BadWebhook, TooManyWebhooks
from origin.subscriptions import MOST_WEBHOOKS, Attempt, Sent, Webhook
from origin.views import NewSecret, WebhookView
from origin.webhooks.changing import changed
from origin.webhooks.message import TEST, body_of
from origin.webhooks.replaying import queue, replay
from origin.webhooks.signature import SECRET_PREFIX
from origin.webhooks.standing import enabled as as_said
from origin.webhooks.standing import rotated, secrets_of
from origin.webhooks.target import BadTarget, Reach, parse_target

_SECRET_BYTES = 32


class Webhooks:
    """Another user's webhook is NotFound. Raises MetadataError and EventLogError of the ports, and NoIds; a retry may
    help."""

    def __init__(
        self,
        metadata: Metadata,
        eventlog: EventLog,
        clock: Callable[[], int],
        mint: Callable[[], int],
        reach: Reach,
    ) -> None:
        self._metadata = metadata
        self._eventlog = eventlog
        self._clock = clock
        self._mint = mint
        self._reach = reach

    async def create(self, user_id: int, url: str, types: Sequence[str]) -> NewSecret:
        """No types: every type. Raises BadWebhook, TooManyWebhooks."""
        self._check(url)
        webhook = Webhook(self._mint(), user_id, url, _sorted(types), _new_secret(), self._clock())
        if not await self._metadata.create_webhook(webhook, MOST_WEBHOOKS):
            raise TooManyWebhooks(f"A user has at most {MOST_WEBHOOKS} webhooks; delete one first.")
        return NewSecret(self._view(webhook), webhook.secret)

    async def all_of(self, user_id: int) -> Sequence[WebhookView]:
        """Oldest first."""
        return [self._view(each) for each in await self._metadata.webhooks_of(user_id)]

    async def view(self, user_id: int, webhook_id: int) -> WebhookView:
        """Raises NotFound."""
        return self._view(await self._metadata.webhook(user_id, webhook_id))

    async def edit(
        self, user_id: int, webhook_id: int, url: str | None, types: Sequence[str] | None, enabled: bool | None
    ) -> WebhookView:
        """Change what is given. Raises NotFound, BadWebhook."""
        if url is not None:
            self._check(url)

        def edited(webhook: Webhook) -> Webhook:
            webhook = webhook if enabled is None else as_said(webhook, yes=enabled)
            webhook = webhook if types is None else replace(webhook, types=_sorted(types))
            return webhook if url is None else replace(webhook, url=url)

        return self._view(await changed(self._metadata, user_id, webhook_id, edited))

    async def delete(self, user_id: int, webhook_id: int) -> None:
        """What waits for it is dropped. Raises NotFound."""
        await self._metadata.webhook(user_id, webhook_id)
        await self._metadata.delete_webhook(user_id, webhook_id)

    async def rotate(self, user_id: int, webhook_id: int) -> NewSecret:
        """A new secret, beside which the old one signs for a while. Raises NotFound."""
        secret, now_ms = _new_secret(), self._clock()
        webhook = await changed(self._metadata, user_id, webhook_id, lambda found: rotated(found, secret, now_ms))
        return NewSecret(self._view(webhook), secret)

    async def test(self, user_id: int, webhook_id: int) -> str:
        """Queue a test message, which is tried once; its id. Raises NotFound, WebhookDisabled."""
        message = Sent(f"msg_test_{self._mint()}", TEST, body_of(TEST, self._clock(), {}).decode())
        await queue(self._metadata, self._eventlog, user_id, webhook_id, message)
        return message.message_id

    async def deliveries(self, user_id: int, webhook_id: int, before_id: int | None, limit: int) -> Sequence[Attempt]:
        """Newest first. Raises NotFound."""
        await self._metadata.webhook(user_id, webhook_id)
        return await self._metadata.attempts_of(webhook_id, before_id, limit, self._clock())

    async def replay(self, user_id: int, webhook_id: int, message_id: str) -> None:
        """Queue a message of the last days once more, under its id. Raises NotFound, WebhookDisabled, StillRetrying."""
        await replay(self._metadata, self._eventlog, user_id, webhook_id, message_id, self._clock())

    def _check(self, url: str) -> None:
        try:
            parse_target(url, self._reach)
        except BadTarget as error:
            text = str(error)
            raise BadWebhook(f"{text[:1].upper()}{text[1:]}.") from error

    def _view(self, webhook: Webhook) -> WebhookView:
        old_signs = len(secrets_of(webhook, self._clock())) > 1
        return WebhookView(
            webhook.webhook_id,
            webhook.url,
            webhook.types,
            webhook.created_at_ms,
            webhook.disabled,
            webhook.failing_since_ms,
            webhook.old_secret_until_ms if old_signs else None,
        )


def _sorted(types: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(set(types)))


def _new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
