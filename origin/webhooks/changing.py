"""Changes of one webhook, by its user and by deliveries at once. Shell."""

from __future__ import annotations

from collections.abc import Callable

from origin.metadata.base import Metadata, MetadataUnavailable
from origin.subscriptions import Webhook

_TRIES = 8


async def changed(metadata: Metadata, user_id: int, webhook_id: int, change: Callable[[Webhook], Webhook]) -> Webhook:
    """The webhook as it is after `change`, which is applied to what is there. Raises NotFound, MetadataError."""
    for _ in range(_TRIES):
        before = await metadata.webhook(user_id, webhook_id)
        after = change(before)
        if after == before or await metadata.replace_webhook(before, after):
            return after
    raise MetadataUnavailable(f"webhook {webhook_id} is changed by too many at once")
