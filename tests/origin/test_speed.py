from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import redis.asyncio

from origin.counters import Increment, Run, open_counters
from origin.eventlog import Position
from origin.model import CountKind
from origin.speed import SpeedUnavailable, open_speed
from origin.speed.embedded import EmbeddedSpeed


async def value_of(url: str, key: str) -> bytes | None:
    client = redis.asyncio.Redis.from_url(url)
    try:
        return await client.get(key)
    finally:
        await client.aclose()


async def keep(url: str, key: str, value: str) -> None:
    client = redis.asyncio.Redis.from_url(url)
    await client.set(key, value)
    await client.aclose()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie that its new parent has not reaped yet is dead too.
    return ") Z " not in Path(f"/proc/{pid}/stat").read_text()


async def until_dead(pid: int) -> None:
    async with asyncio.timeout(10):
        while is_alive(pid):  # noqa: ASYNC110 -- not our child, nobody tells
            await asyncio.sleep(0.02)


async def test_the_embedded_server_answers_keeps_its_data_and_listens_on_no_port(tmp_path):
    speed = await open_speed("embedded:", tmp_path)
    await keep(speed.url, "k", "v")
    client = redis.asyncio.Redis.from_url(speed.url, decode_responses=True)
    settings = await client.config_get("*")
    await client.aclose()
    assert settings["port"] == "0"
    assert settings["appendonly"] == "yes"
    assert settings["maxmemory-policy"] == "volatile-ttl"
    assert int(settings["maxmemory"]) > 0
    await speed.close()
    await speed.close()
    again = await open_speed("embedded:", tmp_path)
    assert await value_of(again.url, "k") == b"v"
    await again.close()


async def test_a_server_that_dies_is_started_again_with_its_data(tmp_path):
    speed = EmbeddedSpeed(tmp_path / "speed", lambda: 0.1)
    await speed.start()
    await keep(speed.url, "k", "v")
    os.kill(speed.pid, signal.SIGKILL)
    async with asyncio.timeout(10):
        while True:
            try:
                assert await value_of(speed.url, "k") == b"v"
                break
            except (redis.exceptions.RedisError, OSError):
                await asyncio.sleep(0.05)
    await speed.close()


async def test_a_folder_has_one_server(tmp_path, monkeypatch):
    first = await open_speed("embedded:", tmp_path)
    launcher = Path(__file__).parents[2] / "origin/speed/launcher.py"
    impatient = tmp_path / "launcher.py"
    impatient.write_text(launcher.read_text().replace("LOCK_WAIT_S = 10", "LOCK_WAIT_S = 0.2"))
    monkeypatch.setattr("origin.speed.embedded.launcher.__file__", str(impatient))
    with pytest.raises(SpeedUnavailable, match="in use by process"):
        await open_speed("embedded:", tmp_path)
    await first.close()


async def test_a_long_folder_name_still_gives_a_socket(tmp_path):
    folder = tmp_path / ("x" * 120)
    speed = await open_speed("embedded:", folder)
    await keep(speed.url, "k", "v")
    assert await value_of(speed.url, "k") == b"v"
    await speed.close()


async def test_a_folder_that_cannot_be_made_is_an_error_with_a_reason(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SpeedUnavailable, match="did not start"):
        await open_speed("embedded:", tmp_path / "file")


async def test_other_servers_are_passed_through(tmp_path):
    for url in ("redis://h:1/0", "rediss://h", "redis+cluster://a,b", "redis+sentinel://a/m", "unix:///s", "memory:"):
        speed = await open_speed(url, tmp_path)
        assert speed.url == url
        await speed.close()
    with pytest.raises(ValueError, match=r"URL of a speed layer.*embedded:"):
        await open_speed("memcached://x", tmp_path)


PARENT = """
    import asyncio, sys
    from pathlib import Path
    from origin.speed import open_speed

    async def main():
        speed = await open_speed("embedded:", Path(sys.argv[1]))
        print(speed.pid, flush=True)
        await asyncio.sleep(600)

    asyncio.run(main())
"""


@pytest.mark.slow
async def test_killing_the_parent_leaves_no_server_behind_and_the_next_start_finds_the_data(tmp_path):
    parent = subprocess.Popen(  # noqa: ASYNC220 -- a child that this loop does not watch
        [sys.executable, "-c", textwrap.dedent(PARENT), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    with parent:
        server = int(await asyncio.to_thread(parent.stdout.readline))
        await keep(f"unix://{tmp_path}/speed/speed.sock", "k", "v")
        parent.kill()
    again = await open_speed("embedded:", tmp_path)
    assert not is_alive(server)
    assert await value_of(again.url, "k") == b"v"
    await again.close()
    await until_dead(server)


async def test_a_flood_of_event_ids_fills_the_memory_and_stops_no_count(tmp_path):
    speed = await open_speed("embedded:", tmp_path)
    client = redis.asyncio.Redis.from_url(speed.url, decode_responses=True)
    used = int((await client.info("memory"))["used_memory"])
    await client.config_set("maxmemory", used + (1 << 20))
    counters = open_counters(speed.url)
    counted = 0
    for batch in range(60):
        first = batch * 500
        counted += await counters.apply(
            "counts",
            [Run("interactions", 0, -1, first + 499)],
            [
                Increment(f"flood-{n}", 7, CountKind.VIEWS, 1, Position("interactions", 0, n))
                for n in range(first, first + 500)
            ],
        )
    assert int((await client.info("stats"))["evicted_keys"]) > 0
    assert counted == 30_000
    assert await counters.pending([7]) == {(7, CountKind.VIEWS): 30_000}
    await counters.close()
    await client.aclose()
    await speed.close()
