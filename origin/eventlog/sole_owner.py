"""Work out of order by a member that keeps what it has claimed until it closes: nothing is shared out anew meanwhile,
so what was released is its own to begin. Rules file."""

from __future__ import annotations

from abc import ABC, abstractmethod

from origin.eventlog.base import Position
from origin.eventlog.in_hand import InHand


class SoleOwner(ABC):
    """That part of a `Consumer`. `commit` tells `_hand` what it has committed."""

    def __init__(self) -> None:
        self._hand = InHand()

    @property
    def in_hand(self) -> int:
        return len(self._hand)

    def release(self, position: Position) -> None:
        self._hand.release(position)

    async def begin(self, position: Position) -> bool:
        return self._hand.begin(position)

    async def finish(self, position: Position) -> None:
        if (done := self._hand.finish(position)) is not None:
            await self.commit(done)

    @abstractmethod
    async def commit(self, position: Position) -> None: ...
