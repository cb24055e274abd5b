"""How long clips wait to be packaged, by a virtual clock: one user with many clips before twenty users with one each.

Run it: `python -m tests.bench.bench_queue`. JSON lines. `fifo` takes events in the order of the log, `fair` as the
packager does, which sees a window of the log. Every clip takes ten seconds, and two are packaged at a time.
"""

from __future__ import annotations

import heapq
import json
from collections import deque
from statistics import quantiles

from origin.eventlog.base import Position
from packager.queueing import FairQueue, Job
from packager.worker import WAITING_UPLOADS

JOB_S = 10
SLOTS = 2
HEAVY = 0


def waits(clips: int, window: int) -> dict[int, list[int]]:
    """User → seconds until each clip was begun; a window of one record is the log's own order."""
    users = [HEAVY] * clips + list(range(1, 21))
    log = deque(Job(Position("uploads", 0, number), user, number, 1) for number, user in enumerate(users))
    queue = FairQueue()
    free_at_s = [0] * SLOTS
    waited: dict[int, list[int]] = {}
    while log or len(queue):
        while log and len(queue) < window:
            queue.add(log.popleft())
        now_s = heapq.heappop(free_at_s)
        job = queue.next(frozenset())
        if job is None:
            break
        queue.begin(job.position)
        waited.setdefault(job.user_id, []).append(now_s)
        heapq.heappush(free_at_s, now_s + JOB_S)
    return waited


def main() -> None:
    for clips in (40, 200):
        for order, window in (("fifo", 1), ("fair", 64), ("fair", WAITING_UPLOADS)):
            waited = waits(clips, window)
            groups = {"heavy": waited.pop(HEAVY), "others": [wait for each in waited.values() for wait in each]}
            for users, seconds in groups.items():
                cuts = quantiles(seconds, n=20, method="inclusive")
                figures = {"clips": clips, "window": window, "users": users, "p50_s": cuts[9], "p95_s": cuts[18]}
                print(json.dumps({"bench": "queue", "order": order, **figures}))


if __name__ == "__main__":
    main()
