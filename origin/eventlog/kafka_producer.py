"""The one producer of a process: idempotent, acknowledged by all replicas, and never waited for beyond a deadline.

What is given to aiokafka is retried there until the brokers take it, in order and once, also after whoever appended it
has given up waiting. What waits is bounded: at the bound an append fails at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence, Set
from functools import partial

from aiokafka import AIOKafkaProducer, errors

from origin.eventlog.base import LogUnavailable, LogUnprepared
from origin.eventlog.kafka_address import KafkaAddress
from origin.eventlog.kafka_connection import client_arguments
from origin.eventlog.kafka_errors import MIGRATE, explained, log_errors, said

logger = logging.getLogger(__name__)
WAITING_BYTES = 16 << 20
"""Of records that are not acknowledged yet."""
RECORD_BYTES = 200
"""What a waiting record costs beside its key and value."""
BATCH_BYTES = 128 << 10
"""Of one partition in one request; several records share a request only while another one is under way."""
REQUEST_TIMEOUT_MS = 5_000
RETRY_MS = 50
READY_S = 5.0
CLOSE_S = 2.0
"""For records that wait at the end."""


class KafkaProducer:
    """Started at the first append, and again after an error that aiokafka cannot go on from."""

    def __init__(self, address: KafkaAddress) -> None:
        self._address = address
        self._starting: asyncio.Task[AIOKafkaProducer] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._closed = False
        self.waiting_bytes = 0

    async def append(self, topic: str, records: Sequence[tuple[bytes, bytes]]) -> list[tuple[int, int]]:
        """Append (key, value) records to a topic by its whole name; returns partition and offset of each.

        Raises the port's errors.
        """
        sizes = [len(key) + len(value) + RECORD_BYTES for key, value in records]
        if self._closed:
            raise LogUnavailable("the log is closed")
        if self.waiting_bytes + sum(sizes) > WAITING_BYTES:
            raise LogUnavailable(f"{self.waiting_bytes} bytes of records wait for {self._address.shown} already")
        self.waiting_bytes += sum(sizes)
        acks: list[asyncio.Future[object]] = []
        try:
            with log_errors(self._address):
                async with asyncio.timeout(self._address.append_deadline_ms / 1000):
                    producer = await self._running()
                    await self._know(producer, topic)
                    for (key, value), size in zip(records, sizes, strict=True):
                        ack = await self._send(producer, topic, key, value)
                        ack.add_done_callback(partial(self._settled, producer, size))
                        acks.append(ack)
                    # Not awaited themselves: to cancel one would lose sight of a record that is on its way.
                    await asyncio.wait(acks)
                return [(ack.result().partition, ack.result().offset) for ack in acks]  # type: ignore[attr-defined]
        finally:
            self.waiting_bytes -= sum(sizes[len(acks) :])

    async def ready(self, topics: Sequence[str]) -> Set[str]:
        """Be started and know the topics, so that the first append takes no longer than others; the brokers that are up
        (`host:port`), as they say.

        Raises the port's errors.
        """
        if self._closed:
            raise LogUnavailable("the log is closed")
        with log_errors(self._address):
            async with asyncio.timeout(READY_S):
                producer = await self._running()
                for topic in topics:
                    await self._know(producer, topic)
                if not await producer.client.force_metadata_update():
                    raise TimeoutError
                return frozenset(f"{each.host}:{each.port}" for each in producer.client.cluster.brokers())

    def _settled(self, producer: AIOKafkaProducer, size: int, ack: asyncio.Future[object]) -> None:
        self.waiting_bytes -= size
        if not ack.cancelled() and isinstance(error := ack.exception(), errors.KafkaError):
            self._failed(producer, error)

    async def _send(self, producer: AIOKafkaProducer, topic: str, key: bytes, value: bytes) -> asyncio.Future[object]:
        try:
            ack: asyncio.Future[object] = await producer.send(topic, value, key)
        except errors.MessageSizeTooLargeError:
            raise
        except errors.KafkaError as error:
            self._failed(producer, error)
            raise
        return ack

    async def _know(self, producer: AIOKafkaProducer, topic: str) -> None:
        """aiokafka would look for a missing topic far beyond the deadline."""
        client = producer.client
        if client.cluster.partitions_for_topic(topic) is None:
            await client.add_topic(topic)
            if await client.force_metadata_update() and client.cluster.partitions_for_topic(topic) is None:
                raise LogUnprepared(f"{self._address.shown} has no topic {topic}: {MIGRATE}")

    async def _running(self) -> AIOKafkaProducer:
        if self._starting is None:
            self._starting = asyncio.create_task(self._start())
            self._starting.add_done_callback(self._started)
        return await asyncio.shield(self._starting)

    async def _start(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            **client_arguments(self._address),
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=BATCH_BYTES,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            retry_backoff_ms=RETRY_MS,
        )
        try:
            await producer.start()
        except BaseException as error:
            await producer.stop()
            if isinstance(error, errors.KafkaError):
                raise await explained(self._address, error) from error
            raise
        return producer

    def _started(self, task: asyncio.Task[AIOKafkaProducer]) -> None:
        if task.cancelled() or task.exception() is not None:
            self._starting = None

    def _failed(self, producer: AIOKafkaProducer, error: errors.KafkaError) -> None:
        """The next append starts another producer.

        Some errors end aiokafka's sender; after others a sequence number is missing, and brokers refuse what follows.
        """
        starting = self._starting
        if error.retriable or starting is None or not starting.done() or starting.result() is not producer:
            return
        logger.warning("starting another Kafka producer", extra={"error": said(error)})
        ending = asyncio.create_task(_end(producer))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
        self._starting = None

    async def close(self) -> None:
        """Wait a moment for what is on its way; what the brokers do not take then is given up."""
        self._closed = True
        starting, self._starting = self._starting, None
        if starting is not None and not starting.done():
            starting.cancel()
            await asyncio.wait({starting})
        elif starting is not None:
            await _end(starting.result())
        if self._ending:
            await asyncio.wait(set(self._ending))


async def _end(producer: AIOKafkaProducer) -> None:
    try:
        async with asyncio.timeout(CLOSE_S):
            await producer.stop()
    except (TimeoutError, errors.KafkaError):
        # aiokafka's stop waits for the brokers for ever, and leaves its sender running when it is cut short.
        producer._message_accumulator.fail_all(errors.ProducerClosed())  # noqa: SLF001
        sender = producer._sender.sender_task  # noqa: SLF001
        sender.cancel()
        await producer.client.close()
        await asyncio.wait({sender}, timeout=CLOSE_S)
        sender.cancel()
