"""What follows an attempt at a message, or stands in for one that cannot be made now. Shell."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from origin.eventlog.base import EventLog
from origin.events import Topic, WebhookEvent, encode
from origin.metadata.base import Metadata, NotFound
from origin.subscriptions import Attempt, Outcome, Webhook
from origin.webhooks.changing import changed
from origin.webhooks.message import TEST
from origin.webhooks.schedule import (
    PUT_OFFS,
    TOPICS,
    WAITS_S,
    Again,
    Answer,
    Delivered,
    Fate,
    GivenUp,
    Unsubscribed,
    after,
    without_room,
)
from origin.webhooks.standing import after_attempt
from origin.webhooks.stores import Patience

logger = logging.getLogger(__name__)
NO_ROOM = "not sent: as many others were under way as may be"
_OUTCOMES: dict[type[Fate], Outcome] = {
    Delivered: Outcome.DELIVERED,
    Again: Outcome.RETRYING,
    GivenUp: Outcome.GIVEN_UP,
    Unsubscribed: Outcome.DISABLED,
}


class Settling:
    """Notes what became of a message for its creator and appends it where it goes on. `clock` gives epoch milliseconds,
    `mint` a Snowflake."""

    def __init__(
        self,
        metadata: Metadata,
        eventlog: EventLog,
        clock: Callable[[], int],
        mint: Callable[[], int],
        patience: Patience,
    ) -> None:
        self._metadata = metadata
        self._eventlog = eventlog
        self._clock = clock
        self._mint = mint
        self._stats = patience.stats
        self._surely = patience.surely

    async def drop(self, event: WebhookEvent) -> None:
        """Its webhook is disabled."""
        self._stats.dropped += 1
        await self._note(event, Outcome.DISABLED, Answer(None, "the webhook is disabled"), None)

    async def put_off(self, event: WebhookEvent) -> None:
        """There is no room for it now."""
        fate = without_room(event.put_off, 0 if event.kind == TEST else PUT_OFFS)
        if isinstance(fate, Again):
            self._stats.put_off += 1
            await self._append(TOPICS[fate.wait_s], replace(event, put_off=event.put_off + 1))
            return
        await self._note(event, Outcome.GIVEN_UP, Answer(None, NO_ROOM), None)
        if event.kind == TEST:
            self._stats.dropped += 1
        else:
            await self._give_up(replace(event, error_code="no_room", error_detail=NO_ROOM))

    async def settle(self, webhook: Webhook, event: WebhookEvent, answer: Answer) -> None:
        """An attempt was made."""
        fate = after(event.attempt, answer, 0 if event.kind == TEST else len(WAITS_S))
        if isinstance(fate, Delivered):
            self._stats.delivered += 1
        else:
            self._stats.failed += 1
        # Before it goes on: the next attempt must not be noted before this one.
        await self._stand(webhook, event, fate)
        next_at_ms = self._clock() + 1000 * fate.wait_s if isinstance(fate, Again) else None
        await self._note(event, _OUTCOMES[type(fate)], answer, next_at_ms)
        code = "no_answer" if answer.status is None else f"status_{answer.status}"
        made = replace(event, attempt=event.attempt + 1, error_code=code, error_detail=answer.error)
        if isinstance(fate, Again):
            await self._append(TOPICS[fate.wait_s], made)
        elif isinstance(fate, GivenUp) and event.kind != TEST:
            await self._give_up(made)

    async def _give_up(self, event: WebhookEvent) -> None:
        await self._append(Topic.WEBHOOKS_DEAD, event)
        self._stats.given_up += 1

    async def _stand(self, webhook: Webhook, event: WebhookEvent, fate: Fate) -> None:
        change = partial(after_attempt, kind=event.kind, fate=fate, now_ms=self._clock())
        if change(webhook) == webhook:
            return
        try:
            now = await self._surely(lambda: changed(self._metadata, event.user_id, event.webhook_id, change))
        except NotFound:
            return
        if now.disabled is not None:
            self._stats.disabled += 1
            logger.warning("a webhook is disabled", extra={"webhook_id": event.webhook_id, "reason": now.disabled})

    async def _note(self, event: WebhookEvent, outcome: Outcome, answer: Answer, next_at_ms: int | None) -> None:
        async def note() -> None:
            attempt = Attempt(
                self._mint(),
                event.webhook_id,
                event.message_id,
                event.kind,
                event.attempt + 1,
                self._clock(),
                outcome,
                answer.status,
                answer.error,
                answer.duration_ms,
                next_at_ms,
            )
            await self._metadata.add_attempt(attempt, event.body)

        await self._surely(note)

    async def _append(self, topic: Topic | str, event: WebhookEvent) -> None:
        await self._surely(lambda: self._eventlog.append(topic, str(event.webhook_id), encode(event)))
