"""A process that takes records of the topic `t` as a member of the group `g`, commits some, and waits to be ended.

    python -m tests.origin.kafka_child URL RECORDS COMMITTED

Says `ready` when it has taken RECORDS and committed the first COMMITTED of them, and then each value it is given.
"""

from __future__ import annotations

import asyncio
import sys

from origin.eventlog import Record, open_eventlog


async def main(url: str, records: int, committed: int) -> None:
    log = open_eventlog(url, lambda: 0)
    consumer = await log.consumer("g", ["t"])
    taken: list[Record] = []
    while len(taken) < records:
        taken += await consumer.poll(records - len(taken), 1)
    await consumer.commit(taken[committed - 1].position)
    print("ready", flush=True)
    while True:
        for record in await consumer.poll(1, 1):
            print(record.value.decode(), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
