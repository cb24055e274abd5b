"""How far a group has come in its partitions, by aiokafka's consumer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition, errors

from origin.eventlog.kafka_errors import said

logger = logging.getLogger(__name__)
COMMITTED_S = 3.0


async def committed(client: AIOKafkaConsumer, places: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
    """The next offset that the group wants of each; empty when that cannot be told soon."""
    try:
        async with asyncio.timeout(COMMITTED_S):
            offsets = await asyncio.gather(*map(client.committed, places))
    except (TimeoutError, errors.KafkaError) as error:
        logger.warning("a consumer goes on where it was", extra={"error": said(error)})
        return {}
    return {place: offset or 0 for place, offset in zip(places, offsets, strict=True)}


async def lag(client: AIOKafkaConsumer, topics: Sequence[str]) -> int:
    """Records of the topics, by their whole names, that the group has not committed."""
    places = [TopicPartition(topic, number) for topic in topics for number in client.partitions_for_topic(topic) or ()]
    first, last, *done = await asyncio.gather(
        client.beginning_offsets(places), client.end_offsets(places), *map(client.committed, places)
    )
    return sum(max(0, last[place] - max(first[place], offset or 0)) for place, offset in zip(places, done, strict=True))
