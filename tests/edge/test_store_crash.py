from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from edge.cache.ranges import Span
from edge.store import open_store
from tests.edge.cachewriter import body_of

ROOT = Path(__file__).parents[2]


def _write_and_die(url: str, entries: int) -> None:
    command = [sys.executable, "-m", "tests.edge.cachewriter", url]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(entries):
            assert process.stdout.readline()
        process.kill()


@pytest.mark.slow
async def test_a_killed_process_leaves_only_whole_entries_behind(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/cache?bytes=3000000"
    seen = 0
    for written in (3, 40, 150):
        await asyncio.to_thread(_write_and_die, url, written)
        store = await open_store(url)
        keys = await store.under("/")
        for key in keys:
            (entry,) = await store.find(key)
            body = await entry.open()
            assert b"".join([block async for block in body.read(Span(0, 2**40))]) == body_of(key)
            await body.aclose()
        seen = len(keys)
        await store.close()
    assert seen > 20
    bodies = [path for path in (tmp_path / "cache" / "bodies").rglob("*") if path.is_file()]
    assert len(bodies) <= seen + 1
