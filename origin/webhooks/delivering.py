"""Sends what is in the topic `webhooks`, each record once for each time that it is there. Shell.

Nothing waits here: a failed attempt goes on to a topic that waits (see `timers`), and so does a record whose webhook
has no room, so a receiver that hangs holds up no partition. An offset is committed only after its record was taken by
the receiver, dropped or appended elsewhere; what a crash or the end of a drain cut short is sent again, under its id.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from origin.cancelling import cancelled
from origin.deadletters import dead_letter
from origin.eventlog.base import Consumer, EventLog, Record
from origin.events import MalformedEvent, Topic, WebhookEvent, decode, encode
from origin.metadata.base import Metadata, NotFound
from origin.subscriptions import Attempt, Outcome, Webhook
from origin.trace import request_id
from origin.webhooks.changing import changed
from origin.webhooks.message import TEST
from origin.webhooks.rooms import Rooms, RoomSettings
from origin.webhooks.schedule import (
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
from origin.webhooks.sender import Sender
from origin.webhooks.signature import parse_secret, signed
from origin.webhooks.standing import after_attempt, secrets_of
from origin.webhooks.stats import WebhookStats
from origin.webhooks.stores import Patience
from origin.webhooks.target import BadTarget, Reach, parse_target

logger = logging.getLogger(__name__)
GROUP = "webhooks"
_POLL_S = 1.0
_OUTCOMES: dict[type[Fate], Outcome] = {
    Delivered: Outcome.DELIVERED,
    Again: Outcome.RETRYING,
    GivenUp: Outcome.GIVEN_UP,
    Unsubscribed: Outcome.DISABLED,
}


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    at_once: int = 64
    """Records that are worked on, to all receivers together; no more than the sender's places."""
    rooms: RoomSettings = RoomSettings()


class Deliveries:
    """`clock` gives epoch milliseconds, `mint` a Snowflake, `chance` a random number in [0, 1) for backoff."""

    def __init__(
        self,
        metadata: Metadata,
        eventlog: EventLog,
        sender: Sender,
        reach: Reach,
        clock: Callable[[], int],
        mint: Callable[[], int],
        chance: Callable[[], float],
        stats: WebhookStats,
        settings: DeliverySettings | None = None,
    ) -> None:
        self._metadata = metadata
        self._eventlog = eventlog
        self._sender = sender
        self._reach = reach
        self._clock = clock
        self._mint = mint
        self._stats = stats
        self._settings = settings or DeliverySettings()
        self._rooms = Rooms(self._settings.rooms)
        self._surely = Patience(stats, chance).surely
        self._loop: asyncio.Task[None] | None = None
        self._works: set[asyncio.Task[None]] = set()
        self._draining = False

    async def run(self) -> None:
        """Send until `drain`; stores that are away are waited for."""
        async with contextlib.AsyncExitStack() as stack:
            consumer = await self._surely(lambda: self._eventlog.consumer(GROUP, [Topic.WEBHOOKS]))
            # Closed last: what ends meanwhile still commits.
            stack.push_async_callback(consumer.close)
            stack.push_async_callback(cancelled, self._works)
            self._loop = asyncio.create_task(self._consume(consumer))
            stack.push_async_callback(cancelled, {self._loop})
            await asyncio.wait({self._loop})
            if self._works:
                await asyncio.wait(set(self._works))
            if not self._loop.cancelled():
                self._loop.result()

    async def drain(self, grace_s: float) -> None:
        """Take no more, give attempts under way `grace_s` to end, then cut them short: they are made again."""
        self._draining = True
        if self._loop is not None:
            self._loop.cancel()
        if self._works:
            await asyncio.wait(set(self._works), timeout=grace_s)
        await cancelled(self._works)

    async def _consume(self, consumer: Consumer) -> None:
        room = asyncio.Semaphore(self._settings.at_once)
        while not self._draining:
            await room.acquire()
            records = await self._surely(lambda: consumer.poll(1, _POLL_S))
            if not records:
                room.release()
                continue
            [record] = records
            consumer.release(record.position)
            task = asyncio.create_task(self._work_off(record, consumer))
            self._works.add(task)
            task.add_done_callback(self._works.discard)
            task.add_done_callback(lambda _: room.release())

    async def _work_off(self, record: Record, consumer: Consumer) -> None:
        if not await consumer.begin(record.position):
            return
        try:
            event = decode(WebhookEvent, record.value)
        except MalformedEvent as error:
            self._stats.malformed += 1
            place = str(record.position)
            logger.warning("a webhook's record is poison", extra={"position": place, "error": str(error)})
            letter = dead_letter(record, GROUP, error)
            await self._surely(lambda: self._eventlog.append(*letter))
        else:
            request_id.set(event.request_id)
            await self._handle(event)
        await self._surely(lambda: consumer.finish(record.position))

    async def _handle(self, event: WebhookEvent) -> None:
        try:
            webhook = await self._surely(lambda: self._metadata.webhook(event.user_id, event.webhook_id))
        except NotFound:
            self._stats.dropped += 1
            return
        if webhook.disabled is not None:
            self._stats.dropped += 1
            await self._note(event, Outcome.DISABLED, Answer(None, "the webhook is disabled"), None)
            return
        failing = webhook.failing_since_ms is not None or event.kind == TEST
        if not self._rooms.enter(event.webhook_id, event.user_id, failing=failing):
            self._stats.put_off += 1
            later = replace(event, put_off=event.put_off + 1)
            await self._append(TOPICS[without_room(event.put_off)], later)
            return
        self._stats.running += 1
        try:
            answer = await self._sent(webhook, event)
        finally:
            self._stats.running -= 1
            self._rooms.leave(event.webhook_id, event.user_id, failing=failing)
        await self._settle(webhook, event, answer)

    async def _sent(self, webhook: Webhook, event: WebhookEvent) -> Answer:
        now_ms, body = self._clock(), event.body.encode()
        try:
            target = parse_target(webhook.url, self._reach)
            keys = [parse_secret(each) for each in secrets_of(webhook, now_ms)]
            return await self._sender.send(target, signed(keys, event.message_id, now_ms // 1000, body), body)
        except BadTarget as error:
            # The operator's reach may have shrunk.
            return Answer(None, str(error))
        except Exception:
            # A fault of ours is a failed attempt, too: left as it is, the record would hold up its partition.
            logger.exception("a webhook's message could not be sent", extra={"webhook_id": event.webhook_id})
            return Answer(None, "something broke on our side")

    async def _settle(self, webhook: Webhook, event: WebhookEvent, answer: Answer) -> None:
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
        made = replace(event, attempt=event.attempt + 1, put_off=0, error_code=code, error_detail=answer.error)
        if isinstance(fate, Again):
            await self._append(TOPICS[fate.wait_s], made)
        elif isinstance(fate, GivenUp) and event.kind != TEST:
            await self._append(Topic.WEBHOOKS_DEAD, made)
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
