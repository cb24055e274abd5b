"""The event log on Kafka: topics of several partitions, replicated, shared by the processes of many machines."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence, Set

from origin.eventlog.base import LogUnavailable, Position, Record
from origin.eventlog.kafka_address import KafkaAddress
from origin.eventlog.kafka_connection import quieten
from origin.eventlog.kafka_consumer import KafkaConsumer
from origin.eventlog.kafka_producer import KafkaProducer
from origin.eventlog.kafka_reader import read
from origin.eventlog.kafka_topics import check_topics
from origin.eventlog.topics import topic_names

logger = logging.getLogger(__name__)


class KafkaEventLog:
    """Connects when it is used first. `appended_at_ms` is by the brokers' clocks."""

    def __init__(self, address: KafkaAddress) -> None:
        self._address = address
        self._producer = KafkaProducer(address)
        self._consumers: set[KafkaConsumer] = set()
        self._brokers: Set[str] = frozenset()
        """Those that were up when they were looked at last."""
        self._closed = False
        quieten()

    async def append(self, topic: str, key: str, value: bytes) -> Position:
        (position,) = await self.append_many(topic, [(key, value)])
        return position

    async def append_many(self, topic: str, records: Sequence[tuple[str, bytes]]) -> Sequence[Position]:
        if not records:
            return []
        there = self._address.topic_prefix + topic
        places = await self._producer.append(there, [(key.encode(), value) for key, value in records])
        return [Position(topic, partition, offset) for partition, offset in places]

    async def consumer(
        self, group: str, topics: Sequence[str], start: Mapping[tuple[str, int], int] | None = None
    ) -> KafkaConsumer:
        self._refuse_closed()
        consumer = KafkaConsumer(self._address, group, topics, start or {}, self._consumers.discard)
        self._consumers.add(consumer)
        try:
            await consumer.join()
        except BaseException:
            await consumer.close()
            raise
        return consumer

    async def read(self, topic: str, after: Mapping[int, int], limit: int) -> Sequence[Record]:
        self._refuse_closed()
        return await read(self._address, topic, after, limit)

    async def check(self) -> None:
        self._refuse_closed()
        await check_topics(self._address)
        self._tell(await self._producer.ready([self._address.topic_prefix + name for name in topic_names()]))

    def _tell(self, brokers: Set[str]) -> None:
        """One line when a broker goes or comes; aiokafka's own come with every attempt."""
        for broker in sorted(self._brokers - brokers):
            logger.warning("a Kafka broker is down", extra={"log": self._address.shown, "broker": broker})
        for broker in sorted(brokers - self._brokers if self._brokers else ()):
            logger.info("a Kafka broker is up", extra={"log": self._address.shown, "broker": broker})
        self._brokers = brokers

    def _refuse_closed(self) -> None:
        if self._closed:
            raise LogUnavailable("the log is closed")

    async def close(self) -> None:
        self._closed = True
        for consumer in tuple(self._consumers):
            await consumer.close()
        await self._producer.close()
