"""A member of a Kafka group whose client aiokafka has given up: what waits goes on with its successor."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest
from aiokafka import ConsumerRebalanceListener, TopicPartition, errors

from origin.eventlog import LogUnavailable, Position, kafka_consumer
from origin.eventlog.kafka_address import KafkaAddress, parse_kafka_url
from origin.eventlog.kafka_consumer import KafkaConsumer

HERE = TopicPartition("t", 0)
FIRST = Position("t", 0, 0)


class ScriptedClient:
    """aiokafka's consumer: it tells of an error only who asks for records, and once stopped takes no commit."""

    def __init__(self) -> None:
        self.error: errors.KafkaError | None = None
        self.evicted = False
        self.stopped = False
        self.listener: ConsumerRebalanceListener | None = None
        self.commits: list[Mapping[TopicPartition, int]] = []

    def subscribe(self, _topics: Sequence[str], listener: ConsumerRebalanceListener) -> None:
        self.listener = listener

    async def share_out(self) -> None:
        assert self.listener is not None
        await self.listener.on_partitions_assigned([HERE])

    async def getmany(self, *_places: TopicPartition, **_options: int) -> Mapping[TopicPartition, Sequence[object]]:
        if self.stopped:
            raise errors.ConsumerStoppedError
        error, self.error = self.error, None
        if error is not None:
            raise error
        return {}

    async def committed(self, _place: TopicPartition) -> int:
        return 0

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        if self.evicted or self.stopped:
            raise errors.CommitFailedError
        self.commits.append(offsets)

    async def stop(self) -> None:
        self.stopped = True


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> list[ScriptedClient]:
    made: list[ScriptedClient] = []

    async def connect(*_: object) -> ScriptedClient:
        made.append(ScriptedClient())
        return made[-1]

    monkeypatch.setattr(kafka_consumer, "connect", connect)
    monkeypatch.setattr(kafka_consumer, "ASK_S", 0.02)
    return made


@pytest.fixture
async def consumer(clients: list[ScriptedClient]) -> KafkaConsumer:
    """It has begun the first of three records."""
    made = KafkaConsumer(address(), "g", ["t"], {}, lambda _: None)
    joining = asyncio.create_task(made.join())
    await until_made(clients, 1)
    await clients[0].share_out()
    await joining
    for offset in range(3):
        made.release(Position("t", 0, offset))
    assert await made.begin(FIRST)
    return made


def address() -> KafkaAddress:
    return parse_kafka_url("kafka://127.0.0.1:1")


async def until_made(clients: list[ScriptedClient], count: int) -> None:
    async with asyncio.timeout(5):
        while len(clients) < count:  # noqa: ASYNC110 -- nothing tells when
            await asyncio.sleep(0.01)


async def replaced(clients: list[ScriptedClient], consumer: KafkaConsumer) -> None:
    """A poll gives the first client up, and the next one joins with another."""
    clients[0].error = errors.KafkaError("the heartbeat failed")
    with pytest.raises(LogUnavailable):
        await consumer.poll(1, 0.01)
    polling = asyncio.create_task(consumer.poll(1, 0.2))
    await until_made(clients, 2)
    await clients[1].share_out()
    await polling


async def test_a_commit_that_waits_goes_by_the_client_that_takes_the_place_of_the_one_given_up(
    clients: list[ScriptedClient], consumer: KafkaConsumer
) -> None:
    clients[0].evicted = True
    finishing = asyncio.create_task(consumer.finish(FIRST))
    await asyncio.sleep(0.01)
    await replaced(clients, consumer)
    await finishing
    assert [client.commits for client in clients] == [[], [{HERE: 1}]]


async def test_what_keeps_a_member_from_its_share_is_heard_also_where_all_only_wait_to_commit(
    clients: list[ScriptedClient], consumer: KafkaConsumer
) -> None:
    clients[0].evicted = True
    clients[0].error = errors.KafkaError("the heartbeat failed")
    with pytest.raises(LogUnavailable, match="the heartbeat failed"):
        await consumer.finish(FIRST)
    again = asyncio.create_task(consumer.finish(FIRST))
    await until_made(clients, 2)
    await clients[1].share_out()
    await again
    assert clients[1].commits == [{HERE: 1}]


async def test_a_client_that_was_given_up_is_not_listened_to(
    clients: list[ScriptedClient], consumer: KafkaConsumer
) -> None:
    await replaced(clients, consumer)
    assert clients[0].listener is not None
    await clients[0].listener.on_partitions_revoked([HERE])
    await clients[0].listener.on_partitions_assigned([])
    await consumer.finish(FIRST)
    assert clients[1].commits == [{HERE: 1}]


async def test_what_another_member_has_done_is_not_begun_again(
    clients: list[ScriptedClient], consumer: KafkaConsumer
) -> None:
    await consumer.finish(FIRST)
    consumer.release(FIRST)
    assert not await consumer.begin(FIRST)
    assert consumer.in_hand == 2


async def test_a_consumer_closed_while_it_connects_leaves_no_member_behind(
    clients: list[ScriptedClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = KafkaConsumer(address(), "g", ["t"], {}, lambda _: None)
    connect = kafka_consumer.connect

    async def slowly(*arguments: object) -> object:
        await made.close()
        return await connect(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(kafka_consumer, "connect", slowly)
    with pytest.raises(LogUnavailable):
        await made.join()
    assert [client.stopped for client in clients] == [True]
