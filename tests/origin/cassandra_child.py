"""A process for the tests to stop and to kill in the middle of a flush.

python cassandra_child.py URL BATCH VIDEO_ID...
"""

from __future__ import annotations

import asyncio
import sys

from origin.counters import Batch
from origin.metadata import MetadataUnavailable, open_metadata
from origin.model import CountKind

NOW_MS = 1_800_000_000_000


async def flush(url: str, batch_id: str, video_ids: list[int]) -> None:
    """Says when it begins, and what came of it."""
    batch = Batch(batch_id, {(each, CountKind.LIKES): 1 for each in video_ids}, {}, "")
    metadata = open_metadata(url)
    await metadata.check()
    print("begins", flush=True)
    try:
        print(await metadata.apply_counts(batch, NOW_MS))
    except MetadataUnavailable as error:
        print(type(error).__name__)
    await metadata.close()


if __name__ == "__main__":
    asyncio.run(flush(sys.argv[1], sys.argv[2], [int(word) for word in sys.argv[3:]]))
