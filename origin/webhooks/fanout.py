"""Makes a message for each webhook of a video's creator out of each event that creators are told of. Shell.

A crash between append and commit repeats an event, and so makes the same message again under the same id.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from origin.eventlog.base import EventLog, Record
from origin.events import Topic, VideoChange, VideoEvent, WebhookEvent, decode, encode
from origin.metadata.base import Metadata, NotFound
from origin.webhooks.message import message_of
from origin.webhooks.poison import GROUP, set_aside
from origin.webhooks.standing import wants
from origin.webhooks.stats import WebhookStats
from origin.webhooks.stores import Patience

_POLL_S = 5.0
_RECORDS = 100


class FanOut:
    """`run` never ends; cancel it. `chance` gives a random number in [0, 1) for backoff."""

    def __init__(
        self, metadata: Metadata, eventlog: EventLog, chance: Callable[[], float], stats: WebhookStats
    ) -> None:
        self._metadata = metadata
        self._eventlog = eventlog
        self._stats = stats
        self._patience = Patience(stats, chance)
        self._surely = self._patience.surely

    async def run(self) -> None:
        """Consume the videos topic."""
        consumer = await self._surely(lambda: self._eventlog.consumer(GROUP, [Topic.VIDEOS]))
        try:
            while True:
                for record in await self._surely(lambda: consumer.poll(_RECORDS, _POLL_S)):
                    await self._work_off(record)
                    await self._surely(partial(consumer.commit, record.position))
        finally:
            await consumer.close()

    async def _work_off(self, record: Record) -> None:
        try:
            event = decode(VideoEvent, record.value)
            await self._surely(partial(self._announce, event))
        except Exception as error:
            # Whatever it is: come to again and again, the record would hold up the messages of all.
            await set_aside(record, error, self._eventlog, self._patience)

    async def _announce(self, event: VideoEvent) -> None:
        message = message_of(await self._told(event))
        if message is None:
            return
        webhooks = [each for each in await self._metadata.webhooks_of(event.creator_id) if wants(each, message.kind)]
        records = [
            (
                str(each.webhook_id),
                encode(
                    WebhookEvent(
                        each.webhook_id,
                        each.user_id,
                        message.message_id,
                        message.kind,
                        message.body,
                        request_id=event.request_id,
                    )
                ),
            )
            for each in webhooks
        ]
        if records:
            await self._eventlog.append_many(Topic.WEBHOOKS, records)
            self._stats.announced += len(records)

    async def _told(self, event: VideoEvent) -> VideoEvent:
        """With its status, which a packager of an earlier version does not tell."""
        if event.status or event.change is not VideoChange.PUBLISHED:
            return event
        try:
            return replace(event, status=(await self._metadata.video(event.video_id)).status)
        except NotFound:
            return event
