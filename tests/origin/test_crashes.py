"""Kill -9 in the middle of work: what was acknowledged is there, and counts are right."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from origin.counters import open_counters
from origin.counting import Counting
from origin.eventlog import open_eventlog
from origin.events import InteractionEvent, InteractionType, Topic, encode
from origin.metadata import open_metadata
from origin.model import Counts, Video, VideoStatus, Visibility
from origin.objects import NoSuchObject, open_objects
from origin.speed import open_speed
from tests.interactions import all_counted
from tests.running import running

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
CHILDREN = Path(__file__).with_name("crash_children.py")
PART_BYTES = 1_500_000


def start(name: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(CHILDREN), name, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": os.defpath},
    )


def killed_after(name: str, folder: Path, seconds: float) -> list[str]:
    """What a child acknowledged within `seconds` of its first word, before it was killed."""
    with start(name, folder) as child:
        first = child.stdout.readline()
        assert first, "the child died before it did anything"
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(seconds)
        child.kill()
        rest = child.stdout.read()
    lines = (first + rest).splitlines(keepends=True)
    # The last line may be half written.
    return [line.rstrip("\n") for line in lines if line.endswith("\n")]


async def test_every_acknowledged_append_is_there_after_a_kill(tmp_path):
    said: list[str] = []
    for round_ in range(3):
        said += await asyncio.to_thread(killed_after, "append", tmp_path, 0.4 + 0.1 * round_)
    assert len(said) > 100
    log = open_eventlog(f"sqlite://{tmp_path}/events.db", lambda: 0)
    records = {record.position.offset: record for record in await log.read("t", {}, 1_000_000)}
    await log.close()
    for line in said:
        offset, writer, n = map(int, line.split())
        assert (records[offset].key, records[offset].value) == (str(writer), b"%d:%d" % (writer, n))
    assert sorted(records) == list(range(len(records)))


async def test_a_consumer_resumes_at_once_after_a_kill(tmp_path):
    await asyncio.to_thread(killed_after, "append", tmp_path, 0.2)
    log = open_eventlog(f"sqlite://{tmp_path}/events.db", lambda: 0)
    consumer = await log.consumer("g", ["t"])
    async with asyncio.timeout(20):
        assert await consumer.poll(10, 0)
    await log.close()


async def test_every_acknowledged_part_and_object_is_there_after_a_kill(tmp_path):
    said: list[str] = []
    for round_ in range(4):
        said += await asyncio.to_thread(killed_after, "store", tmp_path, 0.15 + 0.07 * round_)
    objects = open_objects(f"file://{tmp_path}/objects")
    completed = {line.split()[1] for line in said if line.startswith("object")}
    parts = 0
    for kind, name, amount, etag in (line.split() for line in said):
        if kind == "object":
            assert (await objects.stat(name)).etag == etag
            data = b"".join([block async for block in objects.get(name)])
            assert len(data) == int(amount)
        else:
            parts += 1
            await check_part(objects, name, int(amount), etag, completed)
    assert parts > 3
    await objects.close()
    assert list((tmp_path / "objects/scratch").iterdir()) == []


async def check_part(objects, identifier: str, number: int, etag: str, completed: set[str]) -> None:
    try:
        stored = {part.number: part for part in await objects.list_parts(identifier)}
    except NoSuchObject:
        # Completed; the word about it may have been cut off.
        return
    assert stored[number].etag == etag
    assert stored[number].size_bytes == PART_BYTES


EVENTS = 6000
VIDEOS = 5


async def fill(folder: Path) -> dict[int, Counts]:
    """A log of views (some sent twice), likes and unlikes; returns the counts that are right."""
    metadata = open_metadata(f"sqlite://{folder}/metadata.db")
    for video_id in range(1, VIDEOS + 1):
        await metadata.create_video(Video(video_id, 7, "", VideoStatus.READY, Visibility.PUBLIC, created_at_ms=1))
    await metadata.close()
    chance = random.Random(5)
    views: dict[int, set[tuple[int, str]]] = {n: set() for n in range(1, VIDEOS + 1)}
    liked: dict[tuple[int, int], bool] = {}
    records = []
    for n in range(EVENTS):
        user, video = chance.randrange(20), chance.randrange(1, VIDEOS + 1)
        kind = chance.choice([InteractionType.VIEW, InteractionType.LIKE, InteractionType.UNLIKE])
        event_id = f"e{n if chance.random() < 0.8 else chance.randrange(n + 1)}"
        if kind is InteractionType.VIEW:
            views[video].add((user, event_id))
        else:
            liked[user, video] = kind is InteractionType.LIKE
        # An event id stands for one act: repeats are of the same user and video.
        key = f"{video}:{event_id}"
        records.append((str(user), encode(InteractionEvent(key, user, kind, video, 7, 1))))
    log = open_eventlog(f"sqlite://{folder}/events.db", lambda: 1)
    await log.append_many(Topic.INTERACTIONS, records)
    await log.close()
    likes = Counter(video for (_, video), likes in liked.items() if likes)
    return {video: Counts(views=len(views[video]), likes=likes[video]) for video in views}


@contextlib.contextmanager
def counting_child(folder: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    with start("count", folder) as child:
        try:
            yield child, int(child.stdout.readline())
        finally:
            child.kill()


def kill_at_every_step(folder: Path) -> None:
    """Kill the consumer, the speed layer or both, again and again, in the middle of consuming and flushing."""
    chance = random.Random(7)
    for round_ in range(8):
        with counting_child(folder) as (child, server), contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(0.05 + 0.25 * chance.random())
        with contextlib.suppress(ProcessLookupError):
            if round_ % 3 == 1:
                os.kill(server, signal.SIGKILL)
    for _ in range(2):
        with counting_child(folder) as (child, server), contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(0.1)
            os.kill(server, signal.SIGKILL)
            child.wait(0.7)


@contextlib.asynccontextmanager
async def counting_here(folder: Path) -> AsyncIterator[None]:
    speed = await open_speed("embedded:", folder)
    log, metadata = (
        open_eventlog(f"sqlite://{folder}/events.db", lambda: 1),
        open_metadata(f"sqlite://{folder}/metadata.db"),
    )
    counters = open_counters(speed.url)
    try:
        async with running(Counting(log, counters, metadata, lambda: 1, lambda: 0.5, 0.02)):
            await all_counted(log)
            yield
    finally:
        for store in (log, counters, metadata, speed):
            await store.close()


async def test_counts_are_right_however_often_consumer_and_speed_layer_are_killed(tmp_path):
    expected = await fill(tmp_path)
    await asyncio.to_thread(kill_at_every_step, tmp_path)
    async with counting_here(tmp_path):
        pass
    metadata = open_metadata(f"sqlite://{tmp_path}/metadata.db")
    videos = await metadata.videos(list(expected))
    await metadata.close()
    assert {video_id: video.counts for video_id, video in videos.items()} == expected
