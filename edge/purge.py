"""Purges from outside: what an operator's document asks for, and the follower of the `purges` topic."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from edge.cache.invalidation import BadPurge, Purge
from edge.node.node import CacheNode
from edge.store.base import StoreError
from origin.deadletters import dead_letter
from origin.eventlog.base import Consumer, EventLog, EventLogError, Record
from origin.events import MalformedEvent, PurgeEvent, Topic, decode

_BATCH = 100
_POLL_S = 1.0
_RETRY_S = 1.0

logger = logging.getLogger(__name__)


def read_purge(document: Mapping[str, object]) -> Purge:
    """The purge that a JSON document asks for: exactly one of `url`, `prefix`, `tag`, and optionally `soft`.

    A URL may be given whole or as its path. Raises BadPurge.
    """
    unknown = set(document) - {"url", "prefix", "tag", "soft"}
    if unknown:
        raise BadPurge(f"unknown members: {', '.join(sorted(unknown))}")
    soft = document.get("soft", False)
    kinds = [kind for kind in ("url", "prefix", "tag") if kind in document]
    if len(kinds) != 1 or not isinstance(soft, bool):
        raise BadPurge("give one of url, prefix and tag; soft is true or false")
    value = document[kinds[0]]
    if not isinstance(value, str):
        raise BadPurge(f"{kinds[0]} is a string")
    match kinds[0]:
        case "url":
            return Purge("url", _path(value), soft)
        case "prefix":
            return Purge("prefix", _path(value), soft)
        case _:
            return Purge("tag", value, soft)


def _path(url: str) -> str:
    """The path of a whole URL, without the edge's token prefix."""
    _, found, rest = url.partition("://")
    path = "/" + rest.partition("/")[2] if found else url
    if path.startswith("/p/"):
        path = "/" + path.removeprefix("/p/").partition("/")[2]
    return path.partition("?")[0]


class PurgeFollower:
    """Applies every record of the topic `purges` to a node.

    Every edge follows with a group of its own, so each gets all.
    """

    def __init__(self, eventlog: EventLog, node: CacheNode, group: str) -> None:
        self._eventlog = eventlog
        self._node = node
        self._group = group

    async def run(self) -> None:
        """Follow until cancelled.

        A log that does not answer is asked again; a record is committed once it was applied.
        """
        while True:
            try:
                consumer = await self._eventlog.consumer(self._group, [Topic.PURGES])
            except EventLogError:
                logger.warning("the purges cannot be followed yet", exc_info=True)
                await asyncio.sleep(_RETRY_S)
                continue
            try:
                await self._follow(consumer)
            except (EventLogError, StoreError):
                logger.warning("following the purges failed, beginning again", exc_info=True)
                await asyncio.sleep(_RETRY_S)
            finally:
                await consumer.close()

    async def _follow(self, consumer: Consumer) -> None:
        while True:
            for record in await consumer.poll(_BATCH, _POLL_S):
                await self._apply(record)
                await consumer.commit(record.position)

    async def _apply(self, record: Record) -> None:
        try:
            event = decode(PurgeEvent, record.value)
            purge = Purge("tag", event.tag, event.soft)
        except (MalformedEvent, BadPurge) as error:
            # Keeping it would stop every later purge.
            logger.warning("a purge cannot be read", extra={"position": str(record.position), "error": str(error)})
            poison = error if isinstance(error, MalformedEvent) else MalformedEvent(str(error))
            await self._eventlog.append(*dead_letter(record, self._group, poison))
            return
        affected = await self._node.purge(purge)
        logger.info("purged", extra={"tag": event.tag, "keys": affected, "request_id": event.request_id})
