"""What every backend of the ready lists promises. A backend is added to `conftest.SPEED_LAYERS`, never special-cased
below."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from feed.ready import Entry, ReadyFeeds, ReadyUnavailable, Update, open_ready
from feed.settings import ReadySettings
from origin.speed import open_speed

NOW_MS = 1_800_000_000_000
SETTINGS = ReadySettings(history_cap=16, read_timeout_s=5, write_timeout_s=5)
DAY_S = 24 * 3600


@pytest.fixture
async def ready(layer) -> AsyncIterator[ReadyFeeds]:
    opened = open_ready(layer.fresh(), lambda: NOW_MS, SETTINGS)
    yield opened
    await opened.close()


def entries(*ids: int, source: str = "personal") -> tuple[Entry, ...]:
    return tuple(Entry(video_id, source) for video_id in ids)


async def test_a_user_without_a_list_has_none(ready):
    read = await ready.read(1)
    assert read.entries is None
    assert read.history == ()
    assert await ready.ttl_s(1) is None


async def test_a_list_comes_back_in_order_with_its_sources(ready):
    listed = (Entry(30), Entry(10, "explore"), Entry(20, "trending"), Entry(1 << 62))
    await ready.replace([Update(1, listed, DAY_S)])
    assert (await ready.read(1)).entries == listed
    assert (await ready.read(2)).entries is None


async def test_a_new_list_takes_the_place_of_the_old(ready):
    await ready.replace([Update(1, entries(1, 2, 3, source="fresh"), DAY_S)])
    await ready.replace([Update(1, entries(2, 9), 3600)])
    assert (await ready.read(1)).entries == entries(2, 9)
    assert await ready.ttl_s(1) == 3600


async def test_an_empty_list_is_told_from_no_list(ready):
    await ready.replace([Update(1, entries(5), DAY_S), Update(1, (), DAY_S)])
    assert (await ready.read(1)).entries == ()


async def test_many_users_are_updated_at_once(ready):
    await ready.replace([Update(user, entries(user, user + 1), DAY_S) for user in range(1, 300)])
    for user in (1, 150, 299):
        assert (await ready.read(user)).entries == entries(user, user + 1)


async def test_a_reader_sees_the_old_list_or_the_new_one(ready):
    lists = [entries(*range(1, 101)), entries(*range(201, 301))]
    await ready.replace([Update(1, lists[0], DAY_S)])

    async def write() -> None:
        for turn in range(50):
            await ready.replace([Update(1, lists[turn % 2], DAY_S)])

    writer = asyncio.create_task(write())
    while not writer.done():
        assert (await ready.read(1)).entries in lists
        await asyncio.sleep(0)
    await writer


async def test_the_history_grows_in_order(ready):
    await ready.shown({1: [5, 6], 2: [7]})
    await ready.replace([Update(1, entries(9), DAY_S, watched=(8,))])
    await ready.shown({1: [5]})
    assert (await ready.read(1)).history == (5, 6, 8, 5)
    assert (await ready.read(2)).history == (7,)


async def test_the_history_keeps_its_newest_within_twice_the_cap(ready):
    for start in range(0, 200, 10):
        await ready.shown({1: range(start, start + 10)})
    history = (await ready.read(1)).history
    assert SETTINGS.history_cap <= len(history) <= 2 * SETTINGS.history_cap
    assert history == tuple(range(200 - len(history), 200))


async def test_looking_keeps_a_list_alive_as_long_as_an_active_users(ready):
    await ready.replace([Update(1, entries(5), SETTINGS.inactive_ttl_s)])
    assert await ready.ttl_s(1) == SETTINGS.inactive_ttl_s
    await ready.shown({1: [5], 2: [5]})
    assert await ready.ttl_s(1) == SETTINGS.active_ttl_s
    assert (await ready.read(2)).entries is None


async def test_updating_nobody_is_no_error(ready):
    await ready.replace([])
    await ready.shown({})


def test_an_unknown_scheme_is_refused_by_name():
    with pytest.raises(ValueError, match="'http'"):
        open_ready("http://127.0.0.1", lambda: NOW_MS)


class TestRedisOnly:
    """Of the wire: what only a server of its own can do wrong."""

    async def test_the_list_is_as_the_contract_says(self, tmp_path):
        from redis.asyncio import Redis

        speed = await open_speed("embedded:", tmp_path)
        ready = open_ready(speed.url, lambda: NOW_MS)
        plain = Redis.from_url(speed.url, decode_responses=True)
        await ready.replace([Update(42, (Entry(7, "explore"), Entry(8)), DAY_S)])
        assert await plain.lrange("feed:42", 0, -1) == ["7", "8"]
        assert 0 < await plain.ttl("feed:42") <= DAY_S
        await plain.rpush("feed:43", "not a number")
        with pytest.raises(ReadyUnavailable):
            await ready.read(43)
        await plain.aclose()
        await ready.close()
        await speed.close()

    async def test_a_server_that_is_away_is_unavailable(self, tmp_path):
        ready = open_ready(f"unix://{tmp_path}/nobody.sock", lambda: NOW_MS)
        for call in (ready.read(1), ready.replace([Update(1, (), 1)]), ready.shown({1: [2]}), ready.ttl_s(1)):
            with pytest.raises(ReadyUnavailable):
                await call
        await ready.close()

    async def test_a_server_that_hangs_is_unavailable_in_time(self, tmp_path):
        async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError):
                await reader.read()
            writer.close()

        server = await asyncio.start_unix_server(hang, tmp_path / "hang.sock")
        ready = open_ready(f"unix://{tmp_path}/hang.sock", lambda: NOW_MS, ReadySettings(read_timeout_s=0.05))
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises(ReadyUnavailable):
            await ready.read(1)
        assert loop.time() - began < 20
        await ready.close()
        server.close()
        await server.wait_closed()
