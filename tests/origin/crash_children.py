"""Processes for the crash tests to kill: each says on stdout what was acknowledged, one line at a time.

python crash_children.py NAME FOLDER
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

from origin.counters import open_counters
from origin.counting import Counting
from origin.eventlog import open_eventlog
from origin.metadata import open_metadata
from origin.objects import open_objects
from origin.speed import open_speed

WRITERS = 8
PART_BYTES = 1_500_000


def say(*words: object) -> None:
    print(*words, flush=True)


def clock() -> int:
    return time.time_ns() // 1_000_000  # shells read the clock


async def append(folder: Path) -> None:
    """Several writers append as fast as they can; says each record that is durable."""
    log = open_eventlog(f"sqlite://{folder}/events.db", clock)

    async def write(writer: int) -> None:
        n = 0
        while True:
            position = await log.append("t", str(writer), b"%d:%d" % (writer, n))
            say(position.offset, writer, n)
            n += 1

    await asyncio.gather(*(write(writer) for writer in range(WRITERS)))


def part_of(number: int) -> bytes:
    return bytes([number % 251]) * PART_BYTES


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 65_536):
        yield data[start : start + 65_536]


async def store(folder: Path) -> None:
    """Multiparts of three parts, completed, and small objects; says each part and object that is durable."""
    objects = open_objects(f"file://{folder}/objects")
    n = 0
    while True:
        key = f"raw/{clock()}-{n}"
        identifier = await objects.create_multipart(key)
        parts = []
        for number in (1, 2, 3):
            part = await objects.put_part(identifier, number, pieces(part_of(number)))
            parts.append(part)
            say("part", identifier, number, part.etag)
        info = await objects.complete(identifier, parts)
        say("object", key, info.size_bytes, info.etag)
        small = await objects.put(f"small/{key}", b"x" * (n % 1000 + 1))
        say("object", small.key, small.size_bytes, small.etag)
        n += 1


async def count(folder: Path) -> None:
    """Consumes and flushes as `up` would, with the embedded speed layer; says the server's pid."""
    speed = await open_speed("embedded:", folder)
    say(speed.pid)
    counting = Counting(
        open_eventlog(f"sqlite://{folder}/events.db", clock),
        open_counters(speed.url),
        open_metadata(f"sqlite://{folder}/metadata.db"),
        clock,
        random.random,
        flush_every_s=0.02,
    )
    await counting.run()


CHILDREN = {"append": append, "store": store, "count": count}

if __name__ == "__main__":
    asyncio.run(CHILDREN[sys.argv[1]](Path(sys.argv[2])))
