"""A process that fills a cache folder until it is killed.

`python tests/edge/cachewriter.py URL` prints a line per entry.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys

from edge.cache.model import Stored, Terms
from edge.store import open_store


def body_of(key: str) -> bytes:
    """The body that belongs to a key: whoever reads it can tell whether it is whole."""
    seed = hashlib.sha256(key.encode()).digest()
    return seed * (1 + seed[0] * 20)


async def main(url: str) -> None:
    """Write, replace and remove entries for ever."""
    store = await open_store(url)
    number = 0
    while True:
        key = f"/v/{number % 50}/{number % 7}"
        writer = await store.writer()
        await writer.write(body_of(key))
        await writer.commit(Stored(key, "", 200, (), (), Terms(1000, 0), number, len(body_of(key))))
        if number % 5 == 0:
            await store.remove(f"/v/{(number + 3) % 50}/{(number + 1) % 7}")
        number += 1
        sys.stdout.write(f"{key}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
