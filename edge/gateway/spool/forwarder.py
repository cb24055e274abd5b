"""Hands what is spooled over to the origin, oldest first. Shell.

A round is a run of records. Users are forwarded side by side, the records of one user one after another; the round is
consumed when all of it is done, so a crash repeats a round at most, from its beginning and in order. A user's records
wait in the spool until then, so nothing of theirs goes another way meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from edge.gateway.ports import Social
from edge.gateway.spool import acts
from edge.gateway.spool.circuit import NOT_NOW, Circuit
from edge.gateway.spool.model import Place, Spooled, SpoolError, SpoolSettings
from edge.gateway.spool.spool import Spool
from origin.retry import Backoff
from origin.retrying import surely

logger = logging.getLogger(__name__)
R = TypeVar("R")
_BACKOFF = Backoff(base_s=0.2, cap_s=5)


class Forwarder:
    """`run` never ends; cancel it at any point. `inner` is the origin's Social itself; `chance` gives a random number
    in [0, 1) for backoff."""

    def __init__(
        self, spool: Spool, inner: Social, circuit: Circuit, settings: SpoolSettings, chance: Callable[[], float]
    ) -> None:
        self._spool = spool
        self._inner = inner
        self._circuit = circuit
        self._settings = settings
        self._chance = chance
        self._failures: Counter[Place] = Counter()
        """Of the records of this round, at which the origin failed other than by being away."""

    async def run(self) -> None:
        """Forward whenever something waits. An origin or a disk that is away is waited for."""
        while True:
            await self._spool.filled()
            records = await self._surely(lambda: self._spool.peek(self._settings.forward_records))
            if records:
                await self._round(records)

    async def _round(self, records: Sequence[Spooled]) -> None:
        queues: dict[int, deque[Spooled]] = {}
        for each in records:
            queues.setdefault(each.key, deque()).append(each)
        waiting = list(queues.values())
        self._failures.clear()
        attempt = 0
        while waiting:
            before = sum(map(len, waiting))
            waiting = await self._pass(waiting)
            if not waiting:
                break
            self._spool.stats.retries += 1
            self._spool.measure()
            progressed = sum(map(len, waiting)) < before and not self._failures
            attempt = 0 if progressed else attempt + 1
            await asyncio.sleep(_BACKOFF.delay_s(attempt, self._chance()))
        await self._surely(lambda: self._spool.consume(records))
        self._circuit.is_open = False

    async def _pass(self, waiting: Sequence[deque[Spooled]]) -> list[deque[Spooled]]:
        """Try every queue, until so many did not get through as are tried at once; returns those that are left, the
        failed ones last, so that they do not keep others back."""
        untried = deque(waiting)
        failed: list[deque[Spooled]] = []

        async def work() -> None:
            while untried and len(failed) < self._settings.forward_at_once:
                queue = untried.popleft()
                if not await self._drained(queue):
                    failed.append(queue)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(min(self._settings.forward_at_once, len(untried))):
                tasks.create_task(work())
        return [*untried, *failed]

    async def _drained(self, queue: deque[Spooled]) -> bool:
        while queue:
            if not await self._done(queue[0]):
                return False
            queue.popleft()
        return True

    async def _done(self, record: Spooled) -> bool:
        """Whether the record needs no further try: taken, refused or given up."""
        try:
            said = acts.decode(record.payload)
        except acts.MalformedActs as error:
            return self._given_up(record, error)
        try:
            async with asyncio.timeout(self._settings.forward_deadline_s):
                refused = await self._inner.interact(record.key, said.interactions, said.request_id)
        except NOT_NOW as error:
            logger.info("forwarding waits", extra={"error": str(error) or type(error).__name__})
            return False
        except Exception as error:
            self._failures[record.end] += 1
            if self._failures[record.end] < self._settings.attempts_most:
                logger.warning("forwarding fails", extra={"user_id": str(record.key), "error": repr(error)})
                return False
            return self._given_up(record, error)
        self._spool.stats.forwarded += len(said.interactions) - len(refused)
        self._spool.stats.refused += len(refused)
        for each in refused:
            logger.info(
                "a spooled act is refused",
                extra={"user_id": str(record.key), "problem": each.problem, "request_id": said.request_id},
            )
        return True

    def _given_up(self, record: Spooled, error: Exception) -> bool:
        self._spool.stats.poison += 1
        logger.error(
            "a spooled record is poison and dropped",
            extra={"user_id": str(record.key), "at_ms": record.at_ms, "error": repr(error)},
        )
        return True

    async def _surely(self, step: Callable[[], Awaitable[R]]) -> R:
        def waits(error: Exception, _attempt: int) -> None:
            logger.warning("the spool does not answer the forwarder", extra={"error": str(error)})

        return await surely(step, (SpoolError,), _BACKOFF, self._chance, waits)
