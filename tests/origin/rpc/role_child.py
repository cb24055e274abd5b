"""A role in a process of its own, for the fault tests to kill and to freeze: says on stdout where it listens.

python -m tests.origin.rpc.role_child [PORT]
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator

from origin.rpc import origin_pb2 as pb
from origin.rpc.serving import RpcServer, Service
from tests.origin.rpc.wire import ERRORS, VIDEOS, Script

DEADLY = 666


async def answer(request) -> pb.VideoView:
    """Says which process this is; one video is the end of it."""
    if request.video_id == DEADLY:
        os._exit(1)
    return pb.VideoView(creator=pb.User(user_id=os.getpid()))


async def changes(request) -> AsyncIterator[pb.VideoView]:
    yield await answer(request)
    await asyncio.Event().wait()


async def main(port: str) -> None:
    server = RpcServer(f"127.0.0.1:{port}", [Service(VIDEOS, Script(answer, changes=changes))], ERRORS)
    print(await server.start(), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "0"))
