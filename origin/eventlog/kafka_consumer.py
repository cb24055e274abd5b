"""A member of a consumer group on Kafka.

aiokafka reads ahead, keeps the member in its group and follows the group's changes in tasks of its own, so an owner
that works for long between two polls keeps its partitions; what is read ahead is bounded by the fetch sizes in
`kafka_member`. When the group changes, nothing more is given out and the owner has HAND_OVER_S to commit what it holds;
then the partitions are shared out anew. Where work is still under way they stay, and reading goes on as if nothing had
been; those that others ought to have follow as soon as that work has ended, by another change.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition, errors

from origin.eventlog.base import EventLogError, LogUnavailable, Position, Record
from origin.eventlog.handover import Holdings
from origin.eventlog.in_hand import Partition
from origin.eventlog.kafka_address import KafkaAddress
from origin.eventlog.kafka_errors import log_errors
from origin.eventlog.kafka_listener import Listener
from origin.eventlog.kafka_member import connect, leave, subscribe
from origin.eventlog.kafka_offsets import committed, lag
from origin.eventlog.kafka_reader import record_of

JOIN_S = 20.0
"""How long joining waits for the group to share out its partitions; a member that died delays that."""
HAND_OVER_S = 3.0
COMMIT_S = 10.0
LAG_S = 5.0
ASK_S = 1.0
"""How often a member that waits for its group is asked for what keeps it from there."""
_NOWHERE = TopicPartition("", 0)
"""Holds no records. aiokafka tells of an error of the group only who asks for some."""


class KafkaConsumer:
    """Topics are by their names of the port; `address` adds the prefix."""

    def __init__(
        self,
        address: KafkaAddress,
        group: str,
        topics: Sequence[str],
        start: Mapping[tuple[str, int], int],
        left: Callable[[KafkaConsumer], None],
    ) -> None:
        self._address = address
        self._group = group
        self._topics = tuple(topics)
        self._holdings = Holdings(dict(start))
        self._left = left
        self._client: AIOKafkaConsumer | None = None
        self._shared_out = asyncio.Event()
        """The group is at rest: records may be given out."""
        self._can_commit = asyncio.Event()
        self._committed = asyncio.Event()
        self._committing = asyncio.Lock()
        self._finishing = 0
        """How many are done but not committed yet, though nothing before them is under way."""
        self._joining = asyncio.Lock()
        self._taking: asyncio.Timeout | None = None
        self._turn = 0
        self._closed = False

    async def join(self) -> None:
        """Reach the group and wait for its partitions. Raises the port's errors."""
        await self._joined()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(JOIN_S):
                await self._shared_out.wait()

    async def _joined(self) -> AIOKafkaConsumer:
        async with self._joining:
            self._must_be_open()
            if self._client is None:
                client = await connect(self._address, self._group, self._topics, self._holdings)
                try:
                    self._must_be_open()
                except LogUnavailable:
                    await leave(client)
                    raise
                self._client = client
                self._subscribe(client)
            return self._client

    def _must_be_open(self) -> None:
        if self._closed:
            raise LogUnavailable(f"this consumer of {self._group} is closed")

    def _subscribe(self, client: AIOKafkaConsumer) -> None:
        hears = partial(self._uses, client), partial(self._revoked, client), partial(self._assigned, client)
        subscribe(client, self._address, self._topics, Listener(*hears))

    async def _revoked(self, client: AIOKafkaConsumer) -> None:
        """The group changes: give out nothing, and wait for the owner's commits, for a while."""
        self._rest_ends()
        if self._can_commit.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HAND_OVER_S):
                    while self._is_at_work() and not self._closed and self._can_commit.is_set():
                        self._committed.clear()
                        await self._committed.wait()
        if self._uses(client):
            self._can_commit.clear()

    def _is_at_work(self) -> bool:
        return bool(self._holdings.busy()) or self._finishing > 0

    def _rest_ends(self) -> None:
        self._shared_out.clear()
        if self._taking is not None:
            # A poll that waits for records would take them before it is known where reading goes on.
            with contextlib.suppress(RuntimeError):
                self._taking.reschedule(asyncio.get_running_loop().time())

    async def _assigned(self, client: AIOKafkaConsumer, assigned: Iterable[TopicPartition]) -> None:
        """The group is at rest again."""
        kept = self._holdings.take(self._partition(each) for each in assigned)
        offsets = await committed(client, [self._there(partition) for partition in kept])
        if not self._uses(client):
            # Its successor is told of partitions of its own.
            return
        known = {self._partition(there): offset for there, offset in offsets.items()}
        for partition, offset in self._holdings.resume(known).items():
            client.seek(self._there(partition), offset)
        self._can_commit.set()
        self._shared_out.set()

    def _uses(self, client: AIOKafkaConsumer) -> bool:
        """Whether it has not been given up meanwhile."""
        return self._client is client

    def _partition(self, there: TopicPartition) -> Partition:
        return there.topic.removeprefix(self._address.topic_prefix), there.partition

    def _there(self, partition: Partition) -> TopicPartition:
        return TopicPartition(self._address.topic_prefix + partition[0], partition[1])

    async def poll(self, max_records: int, timeout_s: float) -> Sequence[Record]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        with log_errors(self._address):
            while (records := await self._taken(max_records, deadline)) is None and loop.time() < deadline:
                pass
        return records or []

    async def _taken(self, max_records: int, deadline: float) -> list[Record] | None:
        """None when the group changed meanwhile, or had no rest until the deadline."""
        client = await self._client_once(self._shared_out, deadline)
        if client is not None:
            async with self._given_up_on_errors(client):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(None) as self._taking:
                        return await self._take(client, max_records, deadline)
        return None

    async def _client_once(self, state: asyncio.Event, deadline: float) -> AIOKafkaConsumer | None:
        """The client once its group is in this state; None when that lasts longer, or another one takes its place.
        Raises what keeps it from there."""
        client = await self._joined()
        try:
            async with asyncio.timeout_at(deadline):
                await state.wait()
        except TimeoutError:
            if self._uses(client):
                await self._ask(client)
            return None
        return client if self._uses(client) else None

    async def _ask(self, client: AIOKafkaConsumer) -> None:
        async with self._given_up_on_errors(client):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0):
                    await client.getmany(_NOWHERE)

    @contextlib.asynccontextmanager
    async def _given_up_on_errors(self, client: AIOKafkaConsumer) -> AsyncIterator[None]:
        """aiokafka gives up a member after some errors; whoever needs it next joins anew."""
        try:
            yield
        except errors.KafkaError:
            if self._uses(client):
                self._client = None
                self._shared_out.clear()
                self._can_commit.clear()
                await leave(client)
            raise

    async def _take(self, client: AIOKafkaConsumer, max_records: int, deadline: float) -> list[Record]:
        # No await between the first record taken and the return: to cancel a poll loses nothing.
        taken: list[Record] = []
        for partition in self._in_turn():
            found = await client.getmany(self._there(partition), timeout_ms=0, max_records=max_records - len(taken))
            taken += self._given(found)
            if len(taken) == max_records:
                break
        left_ms = (deadline - asyncio.get_running_loop().time()) * 1000
        if not taken and left_ms > 0:
            taken += self._given(await client.getmany(timeout_ms=left_ms, max_records=max_records))
        return taken

    def _in_turn(self) -> list[Partition]:
        """Another partition is first each time, so that a busy one never starves the others."""
        held = sorted(self._holdings.held)
        self._turn += 1
        turn = self._turn % len(held) if held else 0
        return held[turn:] + held[:turn]

    def _given(self, found: Mapping[TopicPartition, Sequence[Any]]) -> list[Record]:
        records: list[Record] = []
        for there, messages in found.items():
            partition = self._partition(there)
            records += [record_of(partition[0], message) for message in messages]
            self._holdings.give(partition, messages[-1].offset + 1)
        return records

    @property
    def in_hand(self) -> int:
        return len(self._holdings.in_hand)

    def release(self, position: Position) -> None:
        # What another member has done while it could not be told is not begun again.
        if self._is_news((position.topic, position.partition), position.offset + 1):
            self._holdings.in_hand.release(position)

    async def begin(self, position: Position) -> bool:
        # What is begun while the group changes would go to another member all the same.
        while not self._shared_out.is_set() and not self._closed:
            try:
                with log_errors(self._address):
                    await self._client_once(self._shared_out, asyncio.get_running_loop().time() + ASK_S)
            except EventLogError:
                await asyncio.sleep(ASK_S)
        return not self._closed and self._holdings.in_hand.begin(position)

    async def finish(self, position: Position) -> None:
        done = self._holdings.in_hand.finish(position)
        self._finishing += 1
        try:
            if done is not None:
                await self._commit_up_to(done)
        finally:
            self._finishing -= 1
            # A rebalance that waits for commits waits for the end of this work, too.
            self._committed.set()
        await self._hand_over()

    async def _hand_over(self) -> None:
        """Have the group share out anew when a partition that others ought to have is worked on no more."""
        if not self._holdings.can_hand_over():
            return
        # Under the lock, because a commit on its way would be refused.
        async with self._committing:
            if self._client is not None and self._shared_out.is_set() and self._holdings.can_hand_over():
                self._rest_ends()
                self._can_commit.clear()
                with log_errors(self._address):
                    self._subscribe(self._client)

    async def commit(self, position: Position) -> None:
        await self._commit_up_to(position)
        await self._hand_over()

    async def _commit_up_to(self, position: Position) -> None:
        partition, next_offset = (position.topic, position.partition), position.offset + 1
        with log_errors(self._address):
            async with asyncio.timeout(COMMIT_S), self._committing:
                client = await self._client_that_commits()
                while self._is_news(partition, next_offset):
                    try:
                        await self._commit(client, partition, next_offset)
                    except errors.CommitFailedError:
                        # The group changes: what is still ours afterwards is committed then.
                        if self._uses(client):
                            self._can_commit.clear()
                        self._committed.set()
                        client = await self._client_that_commits()

    async def _client_that_commits(self) -> AIOKafkaConsumer:
        loop = asyncio.get_running_loop()
        while (client := await self._client_once(self._can_commit, loop.time() + ASK_S)) is None:
            pass
        return client

    def _is_news(self, partition: Partition, next_offset: int) -> bool:
        return partition in self._holdings.held and self._holdings.advances(partition, next_offset)

    async def _commit(self, client: AIOKafkaConsumer, partition: Partition, next_offset: int) -> None:
        there = self._there(partition)
        if not self._holdings.known(partition):
            self._holdings.learn(partition, await client.committed(there) or 0)
        if self._holdings.advances(partition, next_offset):
            await client.commit({there: next_offset})
            self._holdings.commit(partition, next_offset)
            self._committed.set()

    async def lag(self) -> int:
        with log_errors(self._address):
            async with asyncio.timeout(LAG_S):
                client = await self._joined()
                return await lag(client, [self._address.topic_prefix + topic for topic in self._topics])

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._committed.set()
        self._shared_out.set()
        self._left(self)
        if self._client is not None:
            await leave(self._client)
