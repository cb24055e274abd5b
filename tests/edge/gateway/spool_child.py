"""A process for the crash test to kill: writers that append, and a reader that consumes behind them.

python -m tests.edge.gateway.spool_child FOLDER ROUND

Says `kept WRITER ROUND N` once a record is acknowledged, `took WRITER ROUND N` for each that it hands over, before it
is consumed.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from edge.gateway.spool.model import SpoolSettings
from edge.gateway.spool.spool import Spool, open_spool

WRITERS = 8
SETTINGS = SpoolSettings(segment_bytes=4096)


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def write(spool: Spool, writer: int, round_: str) -> None:
    number = 0
    while True:
        text = f"{writer} {round_} {number}"
        await spool.append(writer, text.encode())
        say("kept", text)
        number += 1


async def read(spool: Spool) -> None:
    while True:
        await spool.filled()
        records = await spool.peek(20)
        for each in records:
            say("took", each.payload.decode())
        if records:
            await spool.consume(records)


async def main(folder: Path, round_: str) -> None:
    spool = await open_spool(folder, SETTINGS, lambda: time.time_ns() // 1_000_000)
    await asyncio.gather(read(spool), *(write(spool, writer, round_) for writer in range(WRITERS)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
