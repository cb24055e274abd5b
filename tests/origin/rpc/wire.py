"""A scripted role behind a real server, and clients of it over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

from origin.rpc import origin_pb2 as pb
from origin.rpc.channel import RemoteRole
from origin.rpc.errors import ORIGIN_ERRORS, Errors
from origin.rpc.serving import RpcServer, Service

VIDEOS = pb.DESCRIPTOR.services_by_name["Videos"]
ERRORS = Errors(ORIGIN_ERRORS)


class Script:
    """Behaves as a test says: one function for every method that it does not replace."""

    def __init__(self, behaviour: Callable[[Any], Any] | None = None, **methods: Callable[[Any], Any]) -> None:
        self._behaviour = behaviour
        self.__dict__.update(methods)

    def __getattr__(self, name: str) -> Any:
        return self._behaviour


class Wire:
    """Servers and clients that are closed at the end of the test."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack

    async def serve(self, script: Script, bind: str = "127.0.0.1:0", **kwargs: Any) -> tuple[RpcServer, str]:
        """The server and where it is."""
        server = RpcServer(bind, [Service(VIDEOS, script)], ERRORS, **kwargs)
        port = await server.start()
        self._stack.push_async_callback(server.stop, 0)
        return server, f"127.0.0.1:{port}"

    def role(self, target: str, **kwargs: Any) -> RemoteRole:
        role = RemoteRole("origin", target, [VIDEOS], ERRORS, **kwargs)
        self._stack.push_async_callback(role.close)
        return role


async def done(request) -> pb.Done:
    return pb.Done()


class Ticking:
    """A stream that never ends, and says when it was closed."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()

    async def __call__(self, request) -> AsyncIterator[pb.VideoView]:
        try:
            yield pb.VideoView(liked=True)
            await asyncio.Event().wait()
        finally:
            self.closed.set()


def changes(role):
    return role.follow(VIDEOS, "Changes", pb.ChangesRequest(video_id=1), pb.VideoView)


async def delete(role: RemoteRole) -> pb.Done:
    """A call that is never repeated."""
    return await role.ask(VIDEOS, "Delete", pb.DeleteRequest(video_id=1), pb.Done)


async def view(role: RemoteRole, video_id: int = 1) -> pb.VideoView:
    """A call that may be repeated."""
    return await role.ask(VIDEOS, "View", pb.ViewRequest(video_id=video_id), pb.VideoView)
