"""What a client of aiokafka hears of its group's changes, for as long as its member listens to it. Shell."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from aiokafka import ConsumerRebalanceListener, TopicPartition


@dataclass(frozen=True, slots=True)
class Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """A client that was given up may still be told of a change that it had begun."""

    listens: Callable[[], bool]
    revoked: Callable[[], Awaitable[None]]
    assigned: Callable[[Iterable[TopicPartition]], Awaitable[None]]

    async def on_partitions_revoked(self, _revoked: Iterable[TopicPartition]) -> None:
        if self.listens():
            await self.revoked()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        if self.listens():
            await self.assigned(assigned)
