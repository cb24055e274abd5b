"""An edge's requests to its origin: CPU of each, beside the HTTP library's own pool of as many connections.

Run it: `python -m tests.bench.bench_upstream`. JSON lines; the two take turns in one run, against a server in a process
of its own that answers after 10 ms. `cpu_ms` is this process's, a median of ROUNDS.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from edge.upstream import HttpLimits, UpstreamRequest, open_upstream

CONNECTIONS = 64
REQUESTS = 1_000
ROUNDS = 5
AT_ONCE = (16, 64, 500)
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
Ask = Callable[[], Awaitable[None]]


def serve(told: Any) -> None:
    """Tells its port through the pipe, and answers until it is ended."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                await asyncio.sleep(0.01)
                writer.write(ANSWER)
                await writer.drain()
        writer.close()

    async def run() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=1024)
        told.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


async def cpu_ms(ask: Ask, at_once: int) -> float:
    """Of one request."""
    left = iter(range(REQUESTS))

    async def run() -> None:
        for _ in left:
            await ask()

    before = time.process_time()
    await asyncio.gather(*(run() for _ in range(at_once)))
    return (time.process_time() - before) / REQUESTS * 1e3


async def measure(port: int) -> None:
    limits = HttpLimits(max_connections=CONNECTIONS, pool_s=60, head_s=60, connect_s=10)
    upstream = open_upstream(f"http://127.0.0.1:{port}", limits)
    pool = httpx.AsyncHTTPTransport(
        limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    )

    async def ours() -> None:
        response = await upstream.send(UpstreamRequest("GET", "/segment"))
        async for _ in response.blocks():
            pass
        await response.aclose()

    async def theirs() -> None:
        response = await pool.handle_async_request(httpx.Request("GET", f"http://127.0.0.1:{port}/segment"))
        async for _ in response.aiter_raw():
            pass
        await response.aclose()

    for at_once in AT_ONCE:
        rounds = [(await cpu_ms(ours, at_once), await cpu_ms(theirs, at_once)) for _ in range(ROUNDS)]
        own, library = (statistics.median(each) for each in zip(*rounds, strict=True))
        line = {
            "bench": "upstream",
            "requests_at_once": at_once,
            "connections": CONNECTIONS,
            "cpu_ms": round(own, 3),
            "library_pool_cpu_ms": round(library, 3),
            "ratio": round(library / own, 2),
        }
        sys.stdout.write(json.dumps(line) + "\n")
    await upstream.close()
    await pool.aclose()


def main() -> None:
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(there,), daemon=True)
    server.start()
    try:
        asyncio.run(measure(here.recv()))
    finally:
        server.kill()
        server.join()


if __name__ == "__main__":
    main()
