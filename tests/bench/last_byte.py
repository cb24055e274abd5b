"""How long a client waits behind the last byte of a clip. Reelway answers when the video is queued for packaging, so
this is the way from the last byte to the queue: its part made durable, the parts joined, the event appended."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator

import httpx

RUNS = 5
ARRIVES_S = 0.3
"""For all but the last byte to be taken in."""


async def last_byte_ms(endpoint: str, token: str, clip: bytes) -> float:
    """The median over uploads that are each one request."""
    headers = {"Tus-Resumable": "1.0.0", "Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(headers=headers, timeout=60) as client:
        return statistics.median([await _waited_ms(client, endpoint, clip) for _ in range(RUNS)])


async def _waited_ms(client: httpx.AsyncClient, endpoint: str, clip: bytes) -> float:
    begun_s = 0.0

    async def body() -> AsyncIterator[bytes]:
        nonlocal begun_s
        yield clip[:-1]
        await asyncio.sleep(ARRIVES_S)
        begun_s = time.perf_counter()
        yield clip[-1:]

    made = await client.post(endpoint, headers={"Upload-Length": str(len(clip))})
    where = httpx.URL(endpoint).join(made.headers["location"])
    octets = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream", "Content-Length": str(len(clip))}
    answer = await client.patch(where, headers=octets, content=body())
    assert answer.status_code == 204, answer.text
    return (time.perf_counter() - begun_s) * 1000
