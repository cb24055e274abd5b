"""Makes and checks the topics on Kafka."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping, Sequence

from aiokafka import errors
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from origin.eventlog.base import EventLogError, LogUnavailable, LogUnprepared
from origin.eventlog.kafka_address import KafkaAddress
from origin.eventlog.kafka_connection import client_arguments
from origin.eventlog.kafka_errors import MIGRATE, explained, log_errors
from origin.eventlog.retention import Retention
from origin.eventlog.topics import Plan, TopicShape, min_in_sync, plan, topic_names, wanted

logger = logging.getLogger(__name__)
ADMIN_S = 5.0
PREPARE_S = 30.0
LOOK_AGAIN_S = 0.2
"""A topic just made is not known to every broker at once."""


@contextlib.asynccontextmanager
async def _admin(address: KafkaAddress, within_s: float) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(**client_arguments(address), request_timeout_ms=int(within_s * 1000))
    try:
        with log_errors(address):
            async with asyncio.timeout(within_s):
                await client.start()
                yield client
    except LogUnavailable as error:
        raise await explained(address, error) from error
    finally:
        await client.close()


async def _describe(client: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, TopicShape]:
    found = {}
    for topic in await client.describe_topics(list(names)):
        error = errors.for_code(topic["error_code"])
        if error is errors.TopicAuthorizationFailedError:
            raise error(topic["topic"])
        if error is errors.NoError:
            replicas = min(len(partition["replicas"]) for partition in topic["partitions"])
            found[topic["topic"]] = TopicShape(topic["topic"], len(topic["partitions"]), replicas)
    return found


async def described(address: KafkaAddress, names: Sequence[str]) -> Mapping[str, TopicShape]:
    """Those of the topics, by their whole names, that exist. Raises the port's errors."""
    async with _admin(address, ADMIN_S) as client:
        return await _describe(client, names)


async def check_topics(address: KafkaAddress) -> None:
    """Returns when brokers answer and every topic exists. Raises the port's errors."""
    names = [address.topic_prefix + name for name in topic_names()]
    missing = sorted(set(names) - set(await described(address, names)))
    if missing:
        raise LogUnprepared(f"{address.shown} has no topic {', '.join(missing)}: {MIGRATE}")


async def prepare_topics(address: KafkaAddress, retention: Retention) -> Sequence[str]:
    """Make the topics that are missing; returns what was made, and what is there but less than wanted.

    Raises the port's errors, and EventLogError when the brokers will not make a topic so.
    """
    shapes = wanted(address.topic_prefix, address.partitions, address.replication, retention)
    names = [shape.name for shape in shapes]
    async with _admin(address, PREPARE_S) as client:
        todo: Plan = plan(shapes, await _describe(client, names))
        made = await _make(client, todo.missing)
        while set(names) - set(await _describe(client, names)):  # noqa: ASYNC110 -- nothing tells when
            await asyncio.sleep(LOOK_AGAIN_S)
    return [*made, *todo.complaints]


async def _make(client: AIOKafkaAdminClient, shapes: Sequence[TopicShape]) -> list[str]:
    if not shapes:
        return []
    answer = await client.create_topics([_new_topic(shape) for shape in shapes])
    made = []
    for name, code, message in answer.topic_errors:
        error = errors.for_code(code)
        if error in {errors.InvalidReplicationFactorError, errors.InvalidPartitionsError}:
            raise EventLogError(f"topic {name} was not made: {message} See replication= in REELWAY_EVENTS_URL.")
        if error is errors.NoError:
            made.append(f"made topic {name}")
        elif error is not errors.TopicAlreadyExistsError:
            # Another `reelway migrate` may have been first; anything else is an error.
            raise error(message)
    return made


def _new_topic(shape: TopicShape) -> NewTopic:
    configs = {
        "min.insync.replicas": str(min_in_sync(shape.replication)),
        "retention.ms": str(shape.retention_ms),
        # A client's clock that is wrong would have its records refused, or kept too long.
        "message.timestamp.type": "LogAppendTime",
    }
    return NewTopic(shape.name, shape.partitions, shape.replication, topic_configs=configs)
