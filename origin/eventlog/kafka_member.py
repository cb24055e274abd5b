"""Joins and leaves a consumer group with aiokafka's consumer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener

from origin.eventlog.base import LogUnavailable, LogUnprepared
from origin.eventlog.handover import Holdings
from origin.eventlog.kafka_address import KafkaAddress
from origin.eventlog.kafka_assignor import Assignor
from origin.eventlog.kafka_connection import client_arguments
from origin.eventlog.kafka_errors import MIGRATE, explained, log_errors, said

logger = logging.getLogger(__name__)
CONNECT_S = 5.0
CLOSE_S = 5.0
HEARTBEAT_MS = 500
"""How late a member notices that the group changes."""
SESSION_MS = 10_000
"""After this long without a heartbeat a member counts as dead."""
REBALANCE_MS = 30_000
REQUEST_MS = 15_000
"""More than a session, because joining waits for members that died."""
RETRY_MS = 250
PARTITION_FETCH_BYTES = 512 << 10
FETCH_BYTES = 8 << 20
NEVER_MS = 2**31 - 1


async def connect(address: KafkaAddress, group: str, topics: Sequence[str], holdings: Holdings) -> AIOKafkaConsumer:
    """Reach the brokers. Raises the port's errors."""
    client = AIOKafkaConsumer(
        **client_arguments(address),
        group_id=address.topic_prefix + group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        partition_assignment_strategy=[Assignor(holdings, address.topic_prefix)],
        max_poll_interval_ms=NEVER_MS,
        session_timeout_ms=SESSION_MS,
        heartbeat_interval_ms=HEARTBEAT_MS,
        rebalance_timeout_ms=REBALANCE_MS,
        request_timeout_ms=REQUEST_MS,
        retry_backoff_ms=RETRY_MS,
        max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
        fetch_max_bytes=FETCH_BYTES,
    )
    there = [address.topic_prefix + topic for topic in topics]
    try:
        with log_errors(address):
            async with asyncio.timeout(CONNECT_S):
                await client.start()
                missing = set(there) - await client.topics()
    except BaseException as error:
        await client.stop()
        if isinstance(error, LogUnavailable):
            raise await explained(address, error) from error
        raise
    if missing:
        await client.stop()
        raise LogUnprepared(f"{address.shown} has no topic {', '.join(sorted(missing))}: {MIGRATE}")
    return client


def subscribe(
    client: AIOKafkaConsumer, address: KafkaAddress, topics: Sequence[str], listener: ConsumerRebalanceListener
) -> None:
    """Join the group; for a member, have it share out its partitions anew: until then it can commit nothing.

    `listener` hears when that begins and ends."""
    client.subscribe([address.topic_prefix + topic for topic in topics], listener=listener)


async def leave(client: AIOKafkaConsumer) -> None:
    """Leave the group and disconnect; what lasts longer than CLOSE_S ends by itself when its requests time out."""
    leaving = asyncio.create_task(client.stop())
    await asyncio.wait({leaving}, timeout=CLOSE_S)
    if leaving.done() and (error := leaving.exception()) is not None:
        logger.warning("left a consumer group without a word", extra={"error": said(error)})
