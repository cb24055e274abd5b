"""Sends what is in the topic `webhooks`, each record once for each time that it is there. Shell.

Nothing waits here: a record that is not taken goes on to another topic (see `settling`), so a receiver that hangs holds
up no partition. An offset is committed only after its record was taken by the receiver, dropped or appended elsewhere;
what a crash or the end of a drain cut short is sent again, under its id.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass

from origin.cancelling import cancelled
from origin.eventlog.base import Consumer, EventLog, Record
from origin.events import Topic, WebhookEvent, decode
from origin.metadata.base import Metadata, NotFound
from origin.subscriptions import Webhook
from origin.trace import request_id
from origin.webhooks.message import TEST
from origin.webhooks.poison import GROUP, set_aside
from origin.webhooks.rooms import Rooms, RoomSettings
from origin.webhooks.schedule import Answer
from origin.webhooks.sender import Sender
from origin.webhooks.settling import Settling
from origin.webhooks.signature import parse_secret, signed
from origin.webhooks.standing import secrets_of
from origin.webhooks.stats import WebhookStats
from origin.webhooks.stores import Patience
from origin.webhooks.target import BadTarget, Reach, parse_target

logger = logging.getLogger(__name__)
_POLL_S = 1.0


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    at_once: int = 64
    """Records that are worked on, to all receivers together; no more than the sender's places."""
    rooms: RoomSettings = RoomSettings()
    uncommitted: int = 1024
    """Records: a slow one holds the commit of all done behind it, and a crash sends those again."""


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
        self._stats = stats
        self._settings = settings or DeliverySettings()
        self._rooms = Rooms(self._settings.rooms)
        self._patience = Patience(stats, chance)
        self._surely = self._patience.surely
        self._settling = Settling(metadata, eventlog, clock, mint, self._patience)
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
            while self._works and consumer.in_hand >= self._settings.uncommitted:
                await asyncio.wait(self._works, return_when=asyncio.FIRST_COMPLETED)
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
            await self._handle(decode(WebhookEvent, record.value))
        except Exception as error:
            # Whatever it is: left begun, the record would hold up its partition's commits for ever.
            await set_aside(record, error, self._eventlog, self._patience)
        await self._surely(lambda: consumer.finish(record.position))

    async def _handle(self, event: WebhookEvent) -> None:
        request_id.set(event.request_id)
        try:
            webhook = await self._surely(lambda: self._metadata.webhook(event.user_id, event.webhook_id))
        except NotFound:
            self._stats.dropped += 1
            return
        if webhook.disabled is not None:
            await self._settling.drop(event)
            return
        failing = webhook.failing_since_ms is not None or event.kind == TEST
        if not self._rooms.enter(event.webhook_id, event.user_id, failing=failing):
            await self._settling.put_off(event)
            return
        self._stats.running += 1
        try:
            answer = await self._sent(webhook, event)
        finally:
            self._stats.running -= 1
            self._rooms.leave(event.webhook_id, event.user_id, failing=failing)
        await self._settling.settle(webhook, event, answer)

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
