"""The scorer in a process of its own, for the fault tests to kill and to freeze: it knows user 1 and VIDEOS videos.

python -m tests.feed.scorer_child [PORT]
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from feed.ready import open_ready
from feed.rpc.server import scorer_server
from feed.stream.embedded import ScorerWorker
from origin.eventlog import open_eventlog
from origin.metadata import open_metadata
from tests.feed.conftest import Acts, Clock, World
from tests.feed.conftest import InteractionType as Act

VIDEOS = 30
KNOWN_USER = 1
LIKED = 3


async def main(port: str) -> None:
    clock = Clock()
    world = World(
        clock, open_eventlog("memory:", clock), open_ready("memory:", clock), open_metadata("sqlite:///:memory:")
    )
    for video_id in range(1, VIDEOS + 1):
        await world.publish(video_id)
    await world.tell(Acts()(KNOWN_USER, Act.LIKE, LIKED))
    with tempfile.TemporaryDirectory() as folder:
        worker = ScorerWorker(world.log, world.ready, world.metadata, Path(folder) / "checkpoint", clock)
        await worker.open()
        await worker.step(0)
        print(await scorer_server(f"127.0.0.1:{port}", worker).start(), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "0"))
