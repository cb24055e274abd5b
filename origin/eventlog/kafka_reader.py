"""An operator's look at a topic on Kafka, without a group."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from origin.eventlog.base import LogUnprepared, Position, Record
from origin.eventlog.kafka_address import KafkaAddress
from origin.eventlog.kafka_connection import client_arguments
from origin.eventlog.kafka_errors import MIGRATE, log_errors
from origin.eventlog.kafka_topics import described

READ_S = 10.0
_WAIT_MS = 500


async def read(address: KafkaAddress, topic: str, after: Mapping[int, int], limit: int) -> Sequence[Record]:
    """Records of all partitions beyond `after`, the oldest first. Raises the port's errors."""
    there = address.topic_prefix + topic
    found = (await described(address, [there])).get(there)
    if found is None:
        raise LogUnprepared(f"{address.shown} has no topic {there}: {MIGRATE}")
    reader = AIOKafkaConsumer(**client_arguments(address), enable_auto_commit=False)
    try:
        with log_errors(address):
            async with asyncio.timeout(READ_S):
                await reader.start()
                places = [TopicPartition(there, number) for number in range(found.partitions)]
                messages = await _read(reader, places, after, limit)
    finally:
        await reader.stop()
    # Within a partition the order stays, so that what was cut off lies beyond what was given.
    oldest_first = heapq.merge(*messages, key=lambda message: message.timestamp)
    return [record_of(topic, message) for message in islice(oldest_first, limit)]


async def _read(
    reader: AIOKafkaConsumer, places: Sequence[TopicPartition], after: Mapping[int, int], limit: int
) -> list[list[Any]]:
    reader.assign(places)
    first, last = await reader.beginning_offsets(places), await reader.end_offsets(places)
    found: dict[TopicPartition, list[Any]] = {}
    for place in places:
        offset = max(first[place], after.get(place.partition, -1) + 1)
        reader.seek(place, offset)
        if offset < last[place]:
            found[place] = []
    wanted = set(found)
    while wanted:
        for place, messages in (await reader.getmany(*wanted, timeout_ms=_WAIT_MS)).items():
            found[place] += [message for message in messages if message.offset < last[place]]
            if len(found[place]) >= limit or messages[-1].offset + 1 >= last[place]:
                wanted.discard(place)
    return list(found.values())


def record_of(topic: str, message: Any) -> Record:
    """A message of aiokafka as a record of the port's `topic`."""
    position = Position(topic, message.partition, message.offset)
    return Record(position, (message.key or b"").decode(errors="replace"), message.value or b"", message.timestamp)
