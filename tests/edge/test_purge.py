from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from edge.cache.invalidation import BadPurge, Purge, invalidated_keys
from edge.cache.model import Request, Stored, Terms
from edge.cache.recent import REMEMBERED_KEYS, REMEMBERED_PURGES, PurgeLog, RecentKeys
from edge.node.node import CacheNode
from edge.purge import PurgeFollower, read_purge
from edge.store import Store, open_store
from edge.upstream import InProcessUpstream
from origin.deadletters import MALFORMED, read_letter
from origin.eventlog import EventLog, open_eventlog
from origin.events import DEAD_LETTERS, PurgeEvent, Topic, encode


@pytest.mark.parametrize(
    ("document", "purge"),
    [
        ({"tag": "video-1"}, Purge("tag", "video-1")),
        ({"tag": "video-1", "soft": True}, Purge("tag", "video-1", soft=True)),
        ({"prefix": "/v/1/"}, Purge("prefix", "/v/1/")),
        ({"url": "/v/1/hls.m3u8"}, Purge("url", "/v/1/hls.m3u8")),
        ({"url": "https://edge:8444/p/abc/v/1/hls.m3u8?x=1"}, Purge("url", "/v/1/hls.m3u8")),
        ({"url": "https://edge:8444/v/1/hls.m3u8"}, Purge("url", "/v/1/hls.m3u8")),
    ],
)
def test_a_purge_document_is_read(document: dict[str, object], purge: Purge) -> None:
    assert read_purge(document) == purge


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"tag": "a", "url": "/b"},
        {"tag": ""},
        {"tag": 3},
        {"tag": "a", "soft": 1},
        {"prefix": "/v/1"},
        {"prefix": "v/"},
        {"x": 1, "tag": "a"},
    ],
)
def test_a_purge_that_says_nothing_clear_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(BadPurge):
        read_purge(document)


def test_only_a_successful_unsafe_request_invalidates_and_only_on_its_own_authority() -> None:
    request = Request("POST", "/a/b?x", "/a/b?x", ((b"host", b"edge"),))
    fields = ((b"location", b"c"), (b"content-location", b"http://edge/d?y"))
    assert invalidated_keys(request, 201, fields) == ("/a/b?x", "/a/c", "/d?y")
    assert invalidated_keys(request, 303, ((b"location", b"http://other/x"),)) == ("/a/b?x",)
    assert invalidated_keys(request, 500, fields) == ()
    assert invalidated_keys(request, 200, ((b"location", b"http://[bad"),)) == ("/a/b?x",)


def test_a_log_of_purges_that_forgot_says_yes() -> None:
    log = PurgeLog()
    log.note(Purge("tag", "a"))
    assert log.since(0, "/x", ("a",))
    assert not log.since(1, "/x", ("a",))
    assert not log.since(0, "/x", ("b",))
    for _ in range(REMEMBERED_PURGES):
        log.note(Purge("tag", "c"))
    assert log.since(0, "/x", ("b",))
    assert not log.since(1, "/x", ("b",))


def test_a_recent_key_is_forgotten_after_a_while_and_among_too_many() -> None:
    keys = RecentKeys(2.0)
    keys.note("/a", 10.0)
    assert keys.has("/a", 11.0)
    assert not keys.has("/a", 12.5)
    assert not keys.has("/b", 11.0)
    for number in range(REMEMBERED_KEYS):
        keys.note(f"/{number}", 11.0)
    assert not keys.has("/a", 11.0)
    assert keys.has("/0", 11.0)
    keys.forget("/0")
    assert not keys.has("/0", 11.0)


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    opened = await open_store("memory:")
    for video in (1, 2):
        writer = await opened.writer()
        key, tags = f"/v/{video}/hls.m3u8", (f"video-{video}",)
        await writer.commit(Stored(key, "", 200, (), (), Terms(10**9, 0), 0, 0, tags=tags))
    yield opened
    await opened.close()


@pytest.fixture
async def eventlog(tmp_path: Path) -> AsyncIterator[EventLog]:
    opened = open_eventlog(f"sqlite:///{tmp_path}/events.db", lambda: 1_800_000_000_000)
    yield opened
    await opened.close()


async def test_the_follower_applies_every_purge_and_survives_poison(store: Store, eventlog: EventLog) -> None:
    async def nothing(*_: object) -> None:
        raise AssertionError("a purge asks nobody")

    node = CacheNode(store, InProcessUpstream(nothing), lambda: 1)
    await eventlog.append(Topic.PURGES, "x", b"poison")
    await eventlog.append(Topic.PURGES, "video-1", encode(PurgeEvent("video-1", False, 1)))
    following = asyncio.create_task(PurgeFollower(eventlog, node, "edge-one").run())
    try:
        await _until(lambda: node.stats.purged == 1)
        (letter,) = [read_letter(record) for record in await eventlog.read(DEAD_LETTERS[Topic.PURGES], {}, 10)]
        assert (letter.code, letter.value, letter.group) == (MALFORMED, b"poison", "edge-one")
        assert await store.find("/v/1/hls.m3u8") == ()
        await eventlog.append(Topic.PURGES, "video-2", encode(PurgeEvent("video-2", True, 2)))
        await _until(lambda: node.stats.purged == 2)
        (stale,) = await store.find("/v/2/hls.m3u8")
        assert stale.stored.soft_purged_ms == 1
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following


async def _until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        for _ in range(1000):
            if done():
                return
            await asyncio.sleep(0.01)
