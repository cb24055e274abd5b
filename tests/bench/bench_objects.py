"""Files against S3 in one run: segments, parts of an upload, and the memory of many parts at once. JSON lines.

Run it: `python -m tests.bench.bench_objects s3://key:secret@bucket?endpoint=…`. Medians of three rounds. CPU is of this
process with its threads, the client's side alone; of a server on the same machine the wall figures have it too.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import tracemalloc
from collections.abc import AsyncIterator
from itertools import count

from origin.objects import Objects, open_objects, prepare_objects
from tests.bench.load import Work, load

ROUNDS = 3
SECONDS = 1.0
SEGMENT_BYTES = 512 << 10
PART_BYTES = 5 << 20
PIECE_BYTES = 1 << 20
CHUNK = b"x" * 65_536
"""A block as the servers hand it over."""


def say(backend: str, measure: str, **figures: float) -> None:
    rounded = {name: round(figure, 2) for name, figure in figures.items()}
    sys.stdout.write(json.dumps({"bench": "objects", "backend": backend, "measure": measure, **rounded}) + "\n")
    sys.stdout.flush()


async def body(size_bytes: int) -> AsyncIterator[bytes]:
    for _ in range(size_bytes // len(CHUNK)):
        yield CHUNK


async def rate(backend: str, measure: str, work: Work, size_bytes: int, at_once: int) -> None:
    """Call `work` with growing numbers from `at_once` tasks for SECONDS, three times."""
    rounds = [await _round(work, size_bytes, at_once) for _ in range(ROUNDS)]
    speed, cpu, latency = (statistics.median(figures) for figures in zip(*rounds, strict=True))
    say(backend, measure, mb_per_second=speed, cpu_s_per_gb=cpu, p50_ms=latency, at_once=at_once)


async def _round(work: Work, size_bytes: int, at_once: int) -> tuple[float, float, float]:
    done = await load(work, count(1), at_once, SECONDS)
    sent = done.calls * size_bytes
    return sent / done.wall_s / 1e6, done.cpu_s / (sent / 1e9), done.wait_ms(50)


async def bench(backend: str, url: str) -> None:
    await prepare_objects(url)
    objects = open_objects(url)
    segment = b"x" * SEGMENT_BYTES

    async def put(n: int) -> None:
        await objects.put(f"v/1/{n % 50}", segment)

    async def get(n: int) -> None:
        async for _block in objects.get(f"v/1/{n % 10}"):
            pass

    async def parts(n: int, size_bytes: int, count: int) -> None:
        identifier = await objects.create_multipart(f"raw/{n % 10}")
        for number in range(1, count + 1):
            await objects.put_part(identifier, number, body(size_bytes))
        await objects.complete(identifier, await objects.list_parts(identifier))

    await asyncio.gather(*(put(n) for n in range(10)))
    for at_once in (1, 8):
        await rate(backend, "put_512_kib", put, SEGMENT_BYTES, at_once)
        await rate(backend, "get_512_kib", get, SEGMENT_BYTES, at_once)
        await rate(backend, "upload_of_4_parts_of_5_mib", lambda n: parts(n, PART_BYTES, 4), 4 * PART_BYTES, at_once)
    await rate(backend, "upload_of_20_parts_of_1_mib", lambda n: parts(n, PIECE_BYTES, 20), 20 * PIECE_BYTES, 1)
    for at_once in (10, 50):
        await memory(backend, objects, at_once)
    await objects.delete_prefix("raw/")
    await objects.delete_prefix("v/")
    await objects.close()


async def memory(backend: str, objects: Objects, at_once: int) -> None:
    """Peak of traced memory while as many parts arrive and are stored at once."""
    identifiers = [await objects.create_multipart(f"raw/{n}") for n in range(at_once)]
    tracemalloc.start()
    await asyncio.gather(*(objects.put_part(identifier, 1, body(PART_BYTES)) for identifier in identifiers))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    say(backend, "parts_of_5_mib_at_once", parts=at_once, peak_mib=peak / (1 << 20))
    for identifier in identifiers:
        await objects.abort(identifier)


async def main(urls: list[str]) -> None:
    """Bench a folder, then the stores given."""
    with tempfile.TemporaryDirectory(prefix="reelway-bench-") as folder:
        await bench("files", f"file://{folder}")
        for url in urls:
            await bench("s3", url)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
