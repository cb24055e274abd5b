"""Connections of HTTP/1.1 outlive answers that came before the body was read."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from deploy.clock import now_ms
from deploy.listen import Listener
from deploy.setting_forms import Bind
from deploy.unread import MOST_BYTES, WAIT_S
from tests.ports import free_port


async def unreading(scope: Any, receive: Any, send: Any) -> None:
    """Reads a body only at `/read`."""
    if scope["path"] == "/read":
        while (await receive()).get("more_body"):
            pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
    await send({"type": "http.response.body", "body": b"done"})


@contextlib.asynccontextmanager
async def connected() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    address = Bind("127.0.0.1", free_port())
    listener = Listener(unreading, address, None, now_ms)
    await listener.start()
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        async with asyncio.timeout(20):
            yield reader, writer
    finally:
        writer.close()
        await listener.drain(0)


def head(path: str, length: int, more: bytes = b"") -> bytes:
    return b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%s\r\n" % (path.encode(), length, more)


async def answered(reader: asyncio.StreamReader) -> bool:
    try:
        answer = await reader.readuntil(b"\r\n\r\n")
        if answer.startswith(b"HTTP/1.1 100"):
            answer = await reader.readuntil(b"\r\n\r\n")
        return answer.startswith(b"HTTP/1.1 200") and await reader.readexactly(4) == b"done"
    except asyncio.IncompleteReadError:
        return False


@pytest.mark.parametrize("path", ["/", "/read"])
async def test_a_connection_outlives_an_answer_that_did_not_wait_for_the_body(path: str) -> None:
    async with connected() as (reader, writer):
        for _ in range(3):
            writer.write(head(path, 40_000))
            await asyncio.sleep(0.05)
            writer.write(bytes(40_000))
            assert await answered(reader)


async def test_a_body_that_never_comes_is_not_waited_for_long() -> None:
    async with connected() as (reader, writer):
        began = asyncio.get_running_loop().time()
        writer.write(head("/", 10))
        assert await answered(reader)
        assert asyncio.get_running_loop().time() - began < WAIT_S + 2


@pytest.mark.parametrize("request_head", [head("/", MOST_BYTES + 1), head("/", 10, b"Expect: 100-continue\r\n")])
async def test_a_body_that_is_long_or_held_back_is_answered_at_once(request_head: bytes) -> None:
    async with connected() as (reader, writer):
        began = asyncio.get_running_loop().time()
        writer.write(request_head)
        assert await answered(reader)
        assert asyncio.get_running_loop().time() - began < WAIT_S / 2
