"""Topics of one test on a broker that all tests share."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Sequence

from aiokafka.admin import AIOKafkaAdminClient, NewTopic


@contextlib.asynccontextmanager
async def topics_of_our_own(hosts: str, names: Sequence[str], partitions: int, **configs: str) -> AsyncIterator[str]:
    """Make topics with a prefix that nobody else has, and give the prefix; delete whatever begins so at the end."""
    prefix = f"test-{uuid.uuid4().hex[:8]}-"
    topics = [prefix + name for name in names]
    admin = AIOKafkaAdminClient(bootstrap_servers=hosts.split(","))
    await admin.start()
    try:
        configs = {"message.timestamp.type": "LogAppendTime", **configs}
        await admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=configs) for topic in topics])
        while not set(topics) <= set(await admin.list_topics()):  # noqa: ASYNC110 -- nothing tells when
            await asyncio.sleep(0.05)
        try:
            yield prefix
        finally:
            made = [topic for topic in await admin.list_topics() if topic.startswith(prefix)]
            await admin.delete_topics(made)
    finally:
        await admin.close()
