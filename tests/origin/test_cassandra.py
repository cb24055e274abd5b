"""What the Cassandra backend must show besides: lists over many buckets, flushes cut off, schemas of other versions."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from origin.ids import EPOCH_MS
from origin.metadata import (
    BatchForked,
    HandleTaken,
    Metadata,
    MetadataMisplaced,
    MetadataTooNew,
    MetadataUnavailable,
    MetadataUnprepared,
    NotFound,
    open_metadata,
    prepare_metadata,
)
from origin.metadata.cassandra_migrating import prepare, scripts
from origin.metadata.cassandra_target import parse_target
from origin.model import Comment, CountKind, Counts, Upload, UploadState, User, Video, VideoStatus, Visibility
from tests.batches import a_batch
from tests.cassandra_keyspaces import Keyspace, drop, fresh_name, keyspace

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
CHILD = Path(__file__).with_name("cassandra_child.py")
NOW_MS = 1_800_000_000_000
DAY_MS = 86_400_000
DAYS = (3, 4, 40, 41, 400)
FLUSHED = 400
"""Videos in a flush that is cut off: it takes the nodes a good part of a second."""


@pytest.fixture(scope="module")
def shared(cassandra) -> Iterator[Keyspace]:
    with keyspace(cassandra) as made:
        yield made


@pytest.fixture
def empty(shared) -> Keyspace:
    shared.clear()
    return shared


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Metadata]:
    store = open_metadata(url)
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
async def metadata(empty) -> AsyncIterator[Metadata]:
    async with opened(empty.url) as store:
        yield store


def id_on(day: int, n: int) -> int:
    return (day * DAY_MS + n) << 22


def a_video(video_id: int, creator_id: int = 7, visibility: Visibility = Visibility.PUBLIC) -> Video:
    return Video(video_id, creator_id, "about cats", VideoStatus.READY, visibility, NOW_MS)


async def all_pages(page: Callable[[int | None], Awaitable[Sequence[int]]]) -> list[int]:
    found: list[int] = []
    while some := await page(found[-1] if found else None):
        found += some
    return found


# lists over many buckets


async def test_pages_of_videos_go_on_over_days_and_months_without_a_gap(metadata):
    ids = [id_on(day, n) for day in DAYS for n in range(13)]
    hidden = {id_on(day, n) for day in DAYS for n in (2, 3, 4, 5, 12)}
    await asyncio.gather(
        *(
            metadata.create_video(a_video(each, 7, Visibility.PRIVATE if each in hidden else Visibility.PUBLIC))
            for each in ids
        )
    )
    shown = sorted(set(ids) - hidden, reverse=True)

    async def everybodys(before: int | None) -> list[int]:
        return [video.video_id for video in await metadata.newest_public(before, 3)]

    async def the_creators(before: int | None) -> list[int]:
        return [video.video_id for video in await metadata.videos_by_creator(7, before, 3, public_only=True)]

    async def all_of_the_creators(before: int | None) -> list[int]:
        return [video.video_id for video in await metadata.videos_by_creator(7, before, 4, public_only=False)]

    assert await all_pages(everybodys) == shown
    assert await all_pages(the_creators) == shown
    assert await all_pages(all_of_the_creators) == sorted(ids, reverse=True)
    assert dict(await metadata.user_counts(7))["videos"] == len(shown)


async def test_the_following_feed_goes_on_over_months_without_a_gap(metadata):
    ids = [id_on(day, n) for day in DAYS for n in range(9)]
    await asyncio.gather(*(metadata.create_video(a_video(each, creator_id=1 + n % 3)) for n, each in enumerate(ids)))
    await asyncio.gather(*(metadata.set_follow(50, creator, True, NOW_MS) for creator in (1, 2)))

    async def page(before: int | None) -> Sequence[int]:
        return await metadata.following_feed(50, before, 4)

    assert await all_pages(page) == sorted((each for n, each in enumerate(ids) if n % 3 != 2), reverse=True)


async def test_pages_of_comments_and_followers_go_on_over_days_without_a_gap(metadata):
    comments = [id_on(day, n) for day in DAYS for n in range(7)]
    await asyncio.gather(*(metadata.add_comment(Comment(each, 5, 7, "text", NOW_MS)) for each in comments))

    async def of_the_video(before: int | None) -> list[int]:
        return [comment.comment_id for comment in await metadata.comments(5, before, 3)]

    assert await all_pages(of_the_video) == sorted(comments, reverse=True)
    for day in DAYS:
        for n in range(4):
            await metadata.set_follow(1000 * day + n, 1, True, EPOCH_MS + day * DAY_MS)
    followers, before_ms = [], None
    while page := await metadata.followers(1, before_ms, 3):
        followers += [edge.user_id for edge in page]
        before_ms = page[-1].since_ms
    assert followers == [1000 * day + n for day in reversed(DAYS) for n in reversed(range(4))]
    assert (await metadata.user_counts(1))["followers"] == len(followers)


def an_upload(upload_id: int) -> Upload:
    return Upload(upload_id, 1, 7, UploadState.RECEIVING, None, "", "m1", "raw/1", NOW_MS, NOW_MS + DAY_MS)


async def test_uploads_are_listed_over_days_and_a_day_that_is_done_is_forgotten(metadata, empty):
    ids = [id_on(day, n) for day in DAYS for n in range(9)]
    await asyncio.gather(*(metadata.create_upload(an_upload(each)) for each in ids))

    async def page(after: int | None) -> list[int]:
        return [each.upload_id for each in await metadata.uploads_in(UploadState.RECEIVING, after or 0, 4)]

    assert await all_pages(page) == ids
    await asyncio.gather(*(metadata.advance_upload(each, UploadState.STORED) for each in ids[:18]))
    assert await all_pages(page) == ids[18:]
    named = empty.rows("SELECT bucket FROM buckets WHERE list = 'uploads receiving' AND owner = 0")
    assert sorted(row[0] for row in named) == [40, 41, 400]
    assert [each.upload_id for each in await metadata.uploads_in(UploadState.STORED, 0, 99)] == ids[:18]


async def test_a_list_longer_than_a_page_of_the_driver_is_read_to_its_end(metadata, empty):
    insert = empty.session.prepare("INSERT INTO hot_hours (hour, shard, video_id, score, flush) VALUES (?, 0, ?, 1, 1)")
    hour = NOW_MS // 3_600_000
    for start in range(1, 2_501, 500):
        answers = [empty.session.execute_async(insert, (hour, n)) for n in range(start, start + 500)]
        for answer in answers:
            answer.result()
    await metadata.apply_counts(a_batch("names the hour", {(2_500, CountKind.VIEWS): 1}), NOW_MS)
    await metadata.create_video(a_video(2_500))
    await metadata.create_video(a_video(1_999))
    assert {heat.video_id for heat in await metadata.hot(NOW_MS, 1, 5)} >= {2_500}


# what two processes do at once


async def test_of_two_processes_that_move_one_video_one_wins(empty):
    async with opened(empty.url) as one, opened(empty.url) as other:
        for video_id in range(1, 11):
            await one.create_video(Video(video_id, 7, "", VideoStatus.QUEUED, Visibility.PUBLIC, NOW_MS))
            won = await asyncio.gather(
                *(
                    store.transition(video_id, {VideoStatus.QUEUED}, VideoStatus.PROCESSING)
                    for store in (one, other, one)
                )
            )
            assert won.count(True) == 1


async def test_a_video_that_is_hidden_and_shown_at_once_is_listed_as_its_row_says(empty):
    async with opened(empty.url) as one, opened(empty.url) as other:
        for video_id in range(1, 9):
            await one.create_video(a_video(video_id))
            await asyncio.gather(
                one.edit_video(video_id, None, None, Visibility.PRIVATE),
                other.edit_video(video_id, None, None, Visibility.PUBLIC),
                one.edit_video(video_id, None, None, Visibility.PRIVATE),
                other.edit_video(video_id, None, None, Visibility.PUBLIC),
            )
        rows = await one.videos(range(1, 9))
        public = sorted((each for each in rows if rows[each].visibility is Visibility.PUBLIC), reverse=True)
        assert [video.video_id for video in await one.newest_public(None, 99)] == public
        assert [video.video_id for video in await one.videos_by_creator(7, None, 99, public_only=True)] == public
        assert (await one.user_counts(7))["videos"] == len(public)


async def test_a_follow_that_begins_and_ends_many_times_at_once_leaves_lists_that_agree(empty):
    async with opened(empty.url) as one, opened(empty.url) as other:
        for round_ in range(6):
            await asyncio.gather(
                *(store.set_follow(1, 2, following, NOW_MS) for store in (one, other) for following in (True, False))
            )
            # The log repeats the last act, which mends whatever the race left.
            await one.set_follow(1, 2, round_ % 2 == 0, NOW_MS)
            follows = round_ % 2 == 0
            assert await one.follows(1, [2]) == ({2} if follows else set())
            assert [edge.user_id for edge in await one.followers(2, None, 9)] == ([1] if follows else [])
            assert [edge.user_id for edge in await other.following(1, None, 9)] == ([2] if follows else [])
            assert (await other.user_counts(2))["followers"] == int(follows)


async def test_a_handle_claimed_by_a_process_that_died_can_be_had_again(metadata, empty):
    claim = "INSERT INTO handles (handle_key, user_id, change) VALUES (%s, 404, uuid())"
    empty.rows(f"{claim} USING TIMESTAMP 1000000", "long ago")
    empty.rows(claim, "just now")
    await metadata.create_user(User(1, "Long ago", False, NOW_MS))
    assert (await metadata.user(1)).handle == "Long ago"
    with pytest.raises(HandleTaken):
        await metadata.create_user(User(2, "just now", False, NOW_MS))
    with pytest.raises(NotFound):
        await metadata.user(2)


# flushes


async def likes_of(metadata: Metadata, video_ids: Sequence[int]) -> set[int]:
    found = await metadata.videos(video_ids)
    return {found[each].counts.likes for each in video_ids}


async def some_videos(metadata: Metadata, count: int) -> list[int]:
    ids = list(range(1, count + 1))
    for start in range(0, count, 100):
        await asyncio.gather(*(metadata.create_video(a_video(each)) for each in ids[start : start + 100]))
    return ids


async def test_two_processes_that_apply_one_flush_at_once_count_it_once(empty):
    async with opened(empty.url) as one, opened(empty.url) as other:
        ids = await some_videos(one, 100)
        deltas = {(each, CountKind.LIKES): 2 for each in ids}
        for batch_id, after in (("a", ""), ("b", "a"), ("c", "b")):
            batch = a_batch(batch_id, deltas, after)
            await asyncio.gather(*(store.apply_counts(batch, NOW_MS) for store in (one, other, one)))
        assert await likes_of(one, ids) == {6}
        assert {heat.score for heat in await other.hot(NOW_MS, 1, 200)} == {6 * 4}
        assert dict(await one.user_counts(7))["likes"] == 600


def start_flush(url: str, batch: str, ids: Sequence[int]) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, str(CHILD), url, batch, *map(str, ids)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": os.defpath},
    )
    assert child.stdout.readline() == "begins\n"
    return child


def rows_with(empty: Keyspace, likes: int) -> int:
    return sum(1 for row in empty.rows("SELECT likes FROM video_counts") if row[0] == likes)


async def until_some_rows_have(empty: Keyspace, likes: int, of: int) -> None:
    while not await asyncio.to_thread(rows_with, empty, likes):
        pass
    assert rows_with(empty, likes) < of, "the flush ended before it could be stopped"


async def test_a_flush_whose_process_was_killed_is_finished_by_its_repeat(metadata, empty):
    ids = await some_videos(metadata, FLUSHED)
    with start_flush(empty.url, "a", ids) as child:
        await until_some_rows_have(empty, 1, len(ids))
        child.kill()
    # An hour later: the heat is still that of the hour in which the flush began.
    batch = a_batch("a", {(each, CountKind.LIKES): 1 for each in ids})
    assert await metadata.apply_counts(batch, NOW_MS + 3_600_000)
    assert not await metadata.apply_counts(batch, NOW_MS)
    assert await likes_of(metadata, ids) == {1}
    assert {heat.score for heat in await metadata.hot(NOW_MS, 1, 2_000)} == {4}


async def test_a_flush_whose_process_was_killed_is_finished_before_another_is_refused(metadata, empty):
    ids = await some_videos(metadata, FLUSHED)
    with start_flush(empty.url, "a", ids) as child:
        await until_some_rows_have(empty, 1, len(ids))
        child.kill()
    forked = a_batch("b", {(each, CountKind.LIKES): 1 for each in ids})
    for _ in range(2):
        with pytest.raises(BatchForked):
            await metadata.apply_counts(forked, NOW_MS)
    assert await likes_of(metadata, ids) == {1}
    assert not await metadata.apply_counts(a_batch("a", forked.deltas), NOW_MS)
    assert {heat.score for heat in await metadata.hot(NOW_MS, 1, 2_000)} == {4}


async def test_a_flush_that_a_version_without_the_chain_numbered_forbids_none(metadata, empty):
    await some_videos(metadata, 1)
    views = {(1, CountKind.VIEWS): 1}
    await metadata.apply_counts(a_batch("a", views), NOW_MS)
    empty.rows("UPDATE count_batches SET flush = 2, newest_id = 'older' WHERE batch_id = 'newest' IF flush = 1")
    assert await metadata.apply_counts(a_batch("b", views, after="unknown"), NOW_MS)
    assert (await metadata.video(1)).counts == Counts(views=2)


async def test_a_process_that_sleeps_in_a_flush_adds_nothing_when_it_wakes_after_the_next(metadata, empty):
    ids = await some_videos(metadata, FLUSHED)
    deltas = {(each, CountKind.LIKES): 1 for each in ids}
    with start_flush(empty.url, "a", ids) as child:
        await until_some_rows_have(empty, 1, len(ids))
        child.send_signal(signal.SIGSTOP)
        assert await metadata.apply_counts(a_batch("a", deltas), NOW_MS)
        assert await metadata.apply_counts(a_batch("b", deltas, after="a"), NOW_MS)
        child.send_signal(signal.SIGCONT)
        assert await asyncio.to_thread(child.stdout.read) in {"True\n", "False\n", "MetadataUnavailable\n"}
    assert await likes_of(metadata, ids) == {2}
    assert {heat.score for heat in await metadata.hot(NOW_MS, 1, 2_000)} == {8}
    assert dict(await metadata.user_counts(7))["likes"] == 2 * FLUSHED


async def test_a_flush_that_a_later_one_overtook_unfinished_is_refused(metadata, empty):
    ids = await some_videos(metadata, 2)
    empty.rows("INSERT INTO count_batches (batch_id, flush, hour) VALUES ('lost', 0, 500000)")
    await metadata.apply_counts(a_batch("next", {(1, CountKind.VIEWS): 1}), NOW_MS)
    with pytest.raises(MetadataUnavailable, match="overtaken"):
        await metadata.apply_counts(a_batch("lost", {(1, CountKind.VIEWS): 5, (2, CountKind.VIEWS): 0}), NOW_MS)
    assert (await metadata.video(ids[0])).counts == Counts(views=1)


# schemas


async def test_two_who_migrate_at_once_make_one_schema(cassandra):
    url = cassandra.url(fresh_name())
    try:
        done = await asyncio.gather(prepare_metadata(url), prepare_metadata(url))
        assert sum(line.startswith("migrated") for lines in done for line in lines) == len(scripts())
        assert list(await prepare_metadata(url)) == []
        async with opened(url) as metadata:
            await metadata.check()
            await metadata.create_user(User(1, "cat", False, NOW_MS))
    finally:
        await asyncio.to_thread(drop, url)


async def test_a_migration_keeps_what_the_version_before_stored(cassandra):
    url = cassandra.url(fresh_name())
    target = parse_target(url)
    try:
        await prepare_metadata(url)
        known = len(scripts())
        newer = [*scripts(), "ALTER TABLE videos ADD IF NOT EXISTS note text; -- a comment; with a semicolon\n"]
        async with opened(url) as metadata:
            await metadata.create_video(a_video(1))
            done = await asyncio.to_thread(prepare, target, newer)
            assert done == [f"migrated {target.keyspace} to schema {known + 1}"]
            assert await metadata.video(1) == a_video(1)
            with pytest.raises(MetadataTooNew, match=rf"schema {known + 1}.*knows {known}"):
                await metadata.check()
        with pytest.raises(MetadataTooNew):
            await prepare_metadata(url)
    finally:
        await asyncio.to_thread(drop, url)


async def test_a_schema_that_is_behind_or_missing_names_the_remedy(empty):
    async with opened(empty.url.replace(empty.target.keyspace, "nowhere_at_all")) as metadata:
        for call in (metadata.check, lambda: metadata.user(1)):
            with pytest.raises(MetadataUnprepared, match=r"nowhere_at_all.*reelway migrate"):
                await call()
    known = len(scripts())
    empty.rows(f"DELETE FROM schema_migrations WHERE scope = 'tables' AND version = {known}")
    async with opened(empty.url) as metadata:
        remedy = f"schema {known - 1}, this program needs {known}: run `reelway migrate`"
        with pytest.raises(MetadataUnprepared, match=remedy):
            await metadata.check()
        assert len(await prepare_metadata(empty.url)) == 1
        await metadata.check()


# reaching the cluster


async def test_a_data_centre_that_is_not_there_is_named_with_those_that_are(empty, cassandra):
    url = empty.url.replace(f"local_dc={cassandra.local_dc}", "local_dc=mars")
    async with opened(url) as metadata:
        with pytest.raises(
            MetadataMisplaced, match=f"no data centre 'mars': set local_dc to one of {cassandra.local_dc}"
        ):
            await metadata.check()


async def test_more_copies_than_nodes_are_refused_before_anything_is_made(cassandra):
    url = cassandra.url(fresh_name()).split("&replication")[0] + "&replication=99"
    with pytest.raises(MetadataMisplaced, match=r"copies.*set replication to at most"):
        await prepare_metadata(url)


async def test_a_cluster_that_is_away_is_unavailable_and_found_when_it_comes(empty, cassandra):
    door = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    closed = door.sockets[0].getsockname()[1]
    door.close()
    await door.wait_closed()
    url = empty.url.replace(cassandra.hosts, f"127.0.0.1:{closed}")
    async with opened(url) as metadata:
        with pytest.raises(MetadataUnavailable, match=f"no node of cassandra://127.0.0.1:{closed}/"):
            await metadata.check()
        async with relayed(cassandra, closed, opened_gate()):
            await eventually(metadata.check)


async def test_a_frozen_node_keeps_only_those_waiting_who_ask_it(empty, cassandra):
    gate = opened_gate()
    async with (
        relayed(cassandra, 0, gate) as port,
        opened(empty.url.replace(cassandra.hosts, f"127.0.0.1:{port}")) as metadata,
    ):
        await metadata.create_video(a_video(1))
        gate.clear()
        reading = asyncio.create_task(metadata.video(1))
        ticks = 0
        while not reading.done():
            await asyncio.sleep(0.01)
            ticks += 1
        with pytest.raises(MetadataUnavailable):
            await reading
        assert ticks > 100
        gate.set()
        await eventually(metadata.check)
        assert await metadata.video(1) == a_video(1)


def opened_gate() -> asyncio.Event:
    gate = asyncio.Event()
    gate.set()
    return gate


@asynccontextmanager
async def relayed(cassandra, port: int, gate: asyncio.Event) -> AsyncIterator[int]:
    """A port that leads to the first node; nothing passes while the gate is closed."""
    host, _, there = cassandra.hosts.split(",")[0].partition(":")

    async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            await gate.wait()
            sink.write(data)
        sink.close()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(host, int(there))
        await asyncio.gather(copy(reader, there_writer), copy(there_reader, writer), return_exceptions=True)
        writer.close()
        there_writer.close()

    server = await asyncio.start_server(relay, "127.0.0.1", port)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def eventually(call: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            return await call()
        except MetadataUnavailable:
            await asyncio.sleep(0.1)


async def test_the_drivers_threads_end_with_the_store(empty):
    before = set(threading.enumerate())
    async with opened(empty.url) as metadata:
        await metadata.check()
        assert set(threading.enumerate()) > before
    for _ in itertools.repeat(None, 100):
        left = {thread.name for thread in set(threading.enumerate()) - before if "asyncio_" not in thread.name}
        if not left:
            break
        await asyncio.sleep(0.05)
    assert left == set()


async def test_a_caller_that_goes_away_takes_no_other_with_it(metadata):
    await metadata.create_video(a_video(1))
    for _ in range(50):
        reading = asyncio.create_task(metadata.video(1))
        await asyncio.sleep(0)
        reading.cancel()
    assert [video.video_id for video in await metadata.newest_public(None, 1)] == [1]
