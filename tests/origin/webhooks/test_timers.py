"""Topics that wait: what is due is moved on, in its order and not before its time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from origin.eventlog import open_eventlog
from origin.events import Topic
from origin.webhooks.schedule import TOPICS
from origin.webhooks.stats import WebhookStats
from origin.webhooks.timers import Timers


@dataclass
class StandingClock:
    """Goes on by sleeping only."""

    now_ms: int = 1_800_000_000_000

    def __call__(self) -> int:
        return self.now_ms

    async def sleep(self, seconds: float) -> None:
        self.now_ms += max(1, round(1000 * seconds))
        await asyncio.sleep(0)


async def moved(records: list[tuple[int, int]], kill_at: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Waits in seconds and times of what was appended and of what was moved, each by its number, with one restart."""
    clock = StandingClock()
    log = open_eventlog("memory:", clock)
    put: list[tuple[int, int]] = []
    for wait_s, gap_ms in records:
        clock.now_ms += gap_ms
        await log.append(TOPICS[wait_s], "1", str(len(put)).encode())
        put.append((wait_s, clock.now_ms))
    for upto in (kill_at, len(records)):
        task = asyncio.create_task(Timers(log, clock, lambda: 0.5, WebhookStats(), clock.sleep).run())
        numbers: set[bytes] = set()
        while len(numbers) < upto:
            await asyncio.sleep(0)
            numbers = {each.value for each in await log.read(Topic.WEBHOOKS, {}, 1000)}
        task.cancel()
        await asyncio.wait({task})
    taken = [(int(each.value), each.appended_at_ms) for each in await log.read(Topic.WEBHOOKS, {}, 1000)]
    await log.close()
    return put, taken


APPENDED = st.tuples(st.sampled_from(list(TOPICS)), st.integers(0, 8000))


@settings(max_examples=60)
@given(st.lists(APPENDED, min_size=1, max_size=12), st.integers(0, 12))
def test_each_record_is_moved_when_it_is_due_in_its_topics_order_and_none_is_lost(records, kill_at):
    put, taken = asyncio.run(moved(records, min(kill_at, len(records))))
    assert {number for number, _ in taken} == set(range(len(put)))
    for number, at_ms in taken:
        wait_s, appended_ms = put[number]
        assert at_ms >= appended_ms + 1000 * wait_s
    for wait_s in TOPICS:
        first = dict.fromkeys(number for number, _ in taken if put[number][0] == wait_s)
        assert list(first) == sorted(first)
