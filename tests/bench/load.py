"""Calls made as fast as they go, and what they took."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

Work = Callable[[int], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Load:
    waits_s: Sequence[float]
    """Of every call, ascending."""
    wall_s: float
    cpu_s: float
    """Of this process, its threads included."""

    @property
    def calls(self) -> int:
        return len(self.waits_s)

    @property
    def per_second(self) -> float:
        return self.calls / self.wall_s

    def wait_ms(self, percent: int) -> float:
        return self.waits_s[self.calls * percent // 100] * 1e3


async def load(work: Work, numbers: Iterator[int], at_once: int, seconds: float) -> Load:
    """Call `work` with the next number, from so many tasks for so long."""
    waits_s: list[float] = []
    end = time.perf_counter() + seconds

    async def run() -> None:
        while (begin := time.perf_counter()) < end:
            await work(next(numbers))
            waits_s.append(time.perf_counter() - begin)

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(run() for _ in range(at_once)))
    return Load(sorted(waits_s), time.perf_counter() - wall, time.process_time() - cpu)
