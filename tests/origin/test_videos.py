from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from origin.counters import Increment, Run
from origin.deadletters import MALFORMED, NEWER, read_letter
from origin.deleting import Deletions
from origin.eventlog import LogUnavailable, Position
from origin.events import DEAD_LETTERS, PurgeEvent, Topic, VideoChange, VideoEvent, encode
from origin.metadata import NotFound
from origin.model import CountKind, Failure, Publication, VideoStatus, Visibility
from origin.packaging import PackagingCatalog
from origin.progress import Packaging, RungProgress, Stage, open_progress
from origin.refusals import NotCreator
from origin.videos import Videos, video_event
from tests.ports import free_port

ENCODING = Packaging(Stage.ENCODING_REST, (RungProgress(1080, 0.5, False), RungProgress(540, 1.0, True)))


@pytest.fixture
def videos(house) -> Videos:
    return Videos(house.metadata, house.counters, house.eventlog, house.clock, house.changes, house.progress)


@pytest.fixture
def catalog(house) -> PackagingCatalog:
    return PackagingCatalog(house.metadata, house.objects, house.eventlog, house.clock, house.changes, house.progress)


@contextlib.asynccontextmanager
async def deleting(house) -> AsyncIterator[None]:
    task = asyncio.create_task(Deletions(house.metadata, house.objects, house.eventlog, house.clock, lambda: 0.5).run())
    yield
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def a_publication(revision: int = 1) -> Publication:
    return Publication(revision, {"hls.m3u8": "v/1/x/hls.m3u8"}, ("v540-aa",), (), 5000, 1080, 1920)


async def test_counts_include_what_is_not_flushed(house, videos):
    creator = await house.user("cat")
    video = await house.video(creator)
    view = Increment("", video.video_id, CountKind.VIEWS, 3, Position("interactions", 0, 0))
    await house.counters.apply("counts", [Run("interactions", 0, -1, 0)], [view])
    assert (await videos.view(video.video_id, 0)).video.counts.views == 3


async def test_with_the_counters_away_flushed_counts_are_shown(house, videos):
    video = await house.video(await house.user("cat"))
    await house.counters.close()
    assert (await videos.view(video.video_id, 0)).video.counts.views == 0


@pytest.mark.parametrize(
    ("status", "visibility", "stranger_sees", "creator_sees"),
    [
        (VideoStatus.READY, Visibility.PUBLIC, True, True),
        (VideoStatus.PLAYABLE, Visibility.UNLISTED, True, True),
        (VideoStatus.READY, Visibility.PRIVATE, False, True),
        (VideoStatus.PROCESSING, Visibility.PUBLIC, False, True),
        (VideoStatus.REJECTED, Visibility.PUBLIC, False, True),
        (VideoStatus.FAILED, Visibility.PUBLIC, False, True),
        (VideoStatus.DELETED, Visibility.PUBLIC, False, False),
    ],
)
async def test_who_sees_a_video(house, videos, status, visibility, stranger_sees, creator_sees):
    creator = await house.user("cat")
    video = await house.video(creator, status, visibility)
    for viewer_id, sees in ((0, stranger_sees), (creator.user_id, creator_sees)):
        if sees:
            assert (await videos.view(video.video_id, viewer_id)).video.video_id == video.video_id
        else:
            with pytest.raises(NotFound):
                await videos.view(video.video_id, viewer_id)


async def test_views_keep_the_order_asked_for_and_leave_out_what_does_not_play(house, videos):
    creator, viewer = await house.user("cat"), await house.user("dog")
    one, two = await house.video(creator), await house.video(creator)
    hidden = await house.video(creator, VideoStatus.PROCESSING)
    await house.metadata.set_like(viewer.user_id, one.video_id, True, house.now_ms)
    await house.metadata.set_follow(viewer.user_id, creator.user_id, True, house.now_ms)
    views = await videos.views([two.video_id, hidden.video_id, 99, one.video_id], viewer.user_id)
    assert [v.video.video_id for v in views] == [two.video_id, one.video_id]
    assert [(v.liked, v.following) for v in views] == [(False, True), (True, True)]


async def test_a_creator_lists_more_than_a_stranger(house, videos):
    creator = await house.user("cat")
    public = await house.video(creator)
    unlisted = await house.video(creator, visibility=Visibility.UNLISTED)
    own = await videos.by_creator(creator.user_id, creator.user_id, None, 10)
    others = await videos.by_creator(creator.user_id, 0, None, 10)
    assert [v.video.video_id for v in own] == [unlisted.video_id, public.video_id]
    assert [v.video.video_id for v in others] == [public.video_id]


async def test_an_edit_is_told_and_tags_follow_the_description(house, videos):
    creator = await house.user("cat")
    video = await house.video(creator)
    view = await videos.edit(video.video_id, creator.user_id, "now #Dogs and #dogs", Visibility.PRIVATE)
    assert view.video.tags == ("dogs",)
    (event,) = await house.events(VideoEvent, Topic.VIDEOS)
    assert (event.change, event.visibility, event.tags) == (VideoChange.EDITED, "private", ("dogs",))


async def test_edges_are_purged_behind_an_edit_of_the_visibility_and_no_other(house, videos):
    creator = await house.user("cat")
    seen, told = await house.video(creator), await house.video(creator)
    await videos.edit(told.video_id, creator.user_id, "other words", None)
    await videos.edit(seen.video_id, creator.user_id, None, Visibility.PRIVATE)
    async with deleting(house):
        purges = await house.eventlog.consumer("test", [Topic.PURGES])
        assert [record.key for record in await purges.poll(10, 5)] == [f"video-{seen.video_id}"]


async def test_an_edit_that_no_log_takes_is_not_made(house, videos):
    creator = await house.user("cat")
    video = await house.video(creator)
    await house.eventlog.close()
    with pytest.raises(LogUnavailable):
        await videos.edit(video.video_id, creator.user_id, "other words", None)
    assert await house.metadata.video(video.video_id) == video


async def test_edges_are_purged_also_when_a_crash_came_between_the_event_and_the_edit(house):
    video = await house.video(await house.user("cat"))
    event = video_event(replace(video, visibility=Visibility.PRIVATE), VideoChange.EDITED, house.clock())
    await house.eventlog.append(Topic.VIDEOS, "1", encode(replace(event, visibility_set=True)))
    async with deleting(house):
        purges = await house.eventlog.consumer("test", [Topic.PURGES])
        assert len(await purges.poll(1, 10)) == 1


async def test_a_video_event_that_is_poison_is_set_aside_with_the_reason_and_the_rest_flows(house, videos):
    creator = await house.user("cat")
    video = await house.video(creator)
    await house.eventlog.append(Topic.VIDEOS, "1", b"not json")
    await house.eventlog.append(Topic.VIDEOS, "2", b'{"schema": 99}')
    await videos.delete(video.video_id, creator.user_id)
    async with deleting(house):
        purges = await house.eventlog.consumer("test", [Topic.PURGES])
        assert len(await purges.poll(1, 10)) == 1
    letters = [read_letter(record) for record in await house.eventlog.read(DEAD_LETTERS[Topic.VIDEOS], {}, 10)]
    assert [(letter.code, letter.value) for letter in letters] == [
        (MALFORMED, b"not json"),
        (NEWER, b'{"schema": 99}'),
    ]


async def test_only_the_creator_edits_and_deletes(house, videos):
    creator, other = await house.user("cat"), await house.user("dog")
    video = await house.video(creator)
    hidden = await house.video(creator, visibility=Visibility.PRIVATE)
    for act in (videos.delete(video.video_id, other.user_id), videos.edit(video.video_id, other.user_id, "x", None)):
        with pytest.raises(NotCreator):
            await act
    with pytest.raises(NotFound):
        await videos.delete(hidden.video_id, other.user_id)


async def test_a_deleted_video_is_gone_purged_and_its_objects_removed(house, videos):
    creator = await house.user("cat")
    video = await house.video(creator)
    await house.objects.put(f"v/{video.video_id}/v540-aa/0001.m4s", b"media")
    await videos.delete(video.video_id, creator.user_id)
    with pytest.raises(NotFound):
        await videos.view(video.video_id, creator.user_id)
    with pytest.raises(NotFound):
        await videos.delete(video.video_id, creator.user_id)
    async with deleting(house):
        purges = await house.eventlog.consumer("test", [Topic.PURGES])
        assert len(await purges.poll(1, 5)) == 1
        async with asyncio.timeout(20):
            while [info async for info in house.objects.list(f"v/{video.video_id}/")]:  # noqa: ASYNC110 -- a store tells nobody
                await asyncio.sleep(0.01)
    (purge,) = await house.events(PurgeEvent, Topic.PURGES)
    assert (purge.tag, purge.soft) == (f"video-{video.video_id}", False)


async def test_watching_a_video_shows_each_step_to_its_end(house, videos, catalog):
    creator = await house.user("cat")
    video = await house.video(creator, VideoStatus.QUEUED)
    seen: list[tuple[str, float]] = []

    async def watch() -> None:
        async for view in videos.changes(video.video_id, creator.user_id):
            seen.append((view.video.status.value, view.video.progress))

    async def shown(steps: int) -> None:
        while len(seen) < steps:  # noqa: ASYNC110 -- a list tells nobody
            await asyncio.sleep(0.01)

    task = asyncio.create_task(watch())
    async with asyncio.timeout(20):
        await shown(1)
        assert await catalog.begin_processing(video.video_id)
        await shown(2)
        await catalog.report_progress(video.video_id, 0.5, ENCODING)
        await shown(3)
        await catalog.publish(video.video_id, a_publication(1), VideoStatus.PLAYABLE)
        await shown(4)
        await catalog.publish(video.video_id, a_publication(2), VideoStatus.READY)
        await task
    assert [status for status, _ in seen] == ["queued", "processing", "processing", "playable", "ready"]
    assert seen[2][1] == 0.5


async def test_a_watcher_notices_what_another_process_changed(house, videos):
    creator = await house.user("cat")
    video = await house.video(creator, VideoStatus.PROCESSING)
    views = videos.changes(video.video_id, creator.user_id)
    await anext(views)
    await house.metadata.transition(video.video_id, {VideoStatus.PROCESSING}, VideoStatus.FAILED, Failure("x", "y"))
    async with asyncio.timeout(20):
        assert (await anext(views)).video.status is VideoStatus.FAILED
    with pytest.raises(StopAsyncIteration):
        await anext(views)


async def test_watching_ends_when_the_video_is_deleted(house, videos):
    creator = await house.user("cat")
    video = await house.video(creator, VideoStatus.PROCESSING)
    views = videos.changes(video.video_id, creator.user_id)
    await anext(views)
    await videos.delete(video.video_id, creator.user_id)
    async with asyncio.timeout(20):
        with pytest.raises(StopAsyncIteration):
            await anext(views)


async def test_watching_what_one_may_not_see_is_not_found(house, videos):
    video = await house.video(await house.user("cat"), VideoStatus.PROCESSING)
    with pytest.raises(NotFound):
        await anext(videos.changes(video.video_id, 0))


async def test_a_job_that_was_cut_short_may_begin_again(house, catalog):
    video = await house.video(await house.user("cat"), VideoStatus.QUEUED)
    for _ in range(2):
        assert (await catalog.begin_processing(video.video_id)).status is VideoStatus.PROCESSING
    await catalog.publish(video.video_id, a_publication(), VideoStatus.PLAYABLE)
    assert (await catalog.begin_processing(video.video_id)).status is VideoStatus.PLAYABLE
    assert await catalog.begin_processing(99) is None


async def test_a_publication_is_told_again_when_it_is_repeated(house, catalog):
    video = await house.video(await house.user("cat"), VideoStatus.PROCESSING)
    assert await catalog.publish(video.video_id, a_publication(), VideoStatus.READY)
    assert not await catalog.publish(video.video_id, a_publication(), VideoStatus.READY)
    events = await house.events(VideoEvent, Topic.VIDEOS)
    assert [(e.change, e.revision, e.duration_ms) for e in events] == [(VideoChange.PUBLISHED, 1, 5000)] * 2
    assert (await house.metadata.video(video.video_id)).progress == 1.0


async def test_a_clip_that_waits_for_review_is_told_with_its_status_and_one_that_does_not_is_not(house, catalog):
    creator = await house.user("cat")
    held = await house.video(creator, VideoStatus.PROCESSING)
    ended = await house.video(creator, VideoStatus.FAILED)
    for video in (held, ended):
        await catalog.hold(video.video_id)
    [event] = await house.events(VideoEvent, Topic.VIDEOS)
    assert (event.video_id, event.change, event.status) == (held.video_id, VideoChange.HELD, "processing")
    assert await house.events(PurgeEvent, Topic.PURGES) == []


async def test_an_end_is_told_with_its_status_and_reason(house, catalog):
    video = await house.video(await house.user("cat"), VideoStatus.PROCESSING)
    await catalog.reject(video.video_id, Failure("moderation", "Not here."))
    [event] = await house.events(VideoEvent, Topic.VIDEOS)
    assert (event.change, event.status) == (VideoChange.REJECTED, "rejected")
    assert (event.failure_code, event.failure_detail) == ("moderation", "Not here.")


async def test_what_was_made_for_a_deleted_video_is_removed(house, videos, catalog):
    creator = await house.user("cat")
    video = await house.video(creator, VideoStatus.PROCESSING)
    await videos.delete(video.video_id, creator.user_id)
    await house.objects.put(f"v/{video.video_id}/v540-aa/0001.m4s", b"media")
    assert not await catalog.publish(video.video_id, a_publication(), VideoStatus.READY)
    assert not await catalog.report_progress(video.video_id, 0.5, ENCODING)
    assert [info async for info in house.objects.list("")] == []


async def test_a_job_is_told_to_stop_when_its_video_has_ended_and_its_progress_moves_no_more(house, videos, catalog):
    creator = await house.user("cat")
    video = await house.video(creator, VideoStatus.PROCESSING)
    assert await catalog.report_progress(video.video_id, 0.5, ENCODING)
    assert await catalog.publish(video.video_id, a_publication(), VideoStatus.READY)
    assert not await catalog.report_progress(video.video_id, 0.6, ENCODING)
    assert (await house.metadata.video(video.video_id)).progress == 1.0


@pytest.mark.parametrize(
    ("end", "status", "change"),
    [("reject", VideoStatus.REJECTED, VideoChange.REJECTED), ("fail", VideoStatus.FAILED, VideoChange.FAILED)],
)
async def test_an_end_is_kept_and_told(house, catalog, end, status, change):
    video = await house.video(await house.user("cat"), VideoStatus.PROCESSING)
    failure = Failure("code", "Because.")
    await getattr(catalog, end)(video.video_id, failure)
    ended = await house.metadata.video(video.video_id)
    assert (ended.status, ended.failure) == (status, failure)
    assert [e.change for e in await house.events(VideoEvent, Topic.VIDEOS)] == [change]
    assert await catalog.begin_processing(video.video_id) is None
    assert not await catalog.publish(video.video_id, a_publication(), VideoStatus.READY)


async def test_only_its_creator_is_told_the_stage_and_the_rungs_and_only_while_it_is_packaged(house, videos, catalog):
    creator, other = await house.user("cat"), await house.user("dog")
    video = await house.video(creator, VideoStatus.QUEUED)
    await catalog.begin_processing(video.video_id)
    await catalog.report_progress(video.video_id, 0.5, ENCODING)
    assert (await videos.view(video.video_id, creator.user_id)).packaging == ENCODING
    assert [view.packaging for view in await videos.by_creator(creator.user_id, creator.user_id, None, 9)] == [ENCODING]
    await catalog.publish(video.video_id, a_publication(1), VideoStatus.PLAYABLE)
    assert (await videos.view(video.video_id, creator.user_id)).packaging == ENCODING
    assert (await videos.view(video.video_id, other.user_id)).packaging is None
    assert [view.packaging for view in await videos.views([video.video_id], 0)] == [None]
    await catalog.publish(video.video_id, a_publication(2), VideoStatus.READY)
    assert (await videos.view(video.video_id, creator.user_id)).packaging is None


async def _ready(catalog, videos, video):
    await catalog.publish(video.video_id, a_publication(), VideoStatus.READY)


async def _failed(catalog, videos, video):
    await catalog.fail(video.video_id, Failure("code", "Because."))


async def _rejected(catalog, videos, video):
    await catalog.reject(video.video_id, Failure("code", "Because."))


async def _held(catalog, videos, video):
    await catalog.hold(video.video_id)


async def _deleted(catalog, videos, video):
    await videos.delete(video.video_id, video.creator_id)


@pytest.mark.parametrize("end", [_ready, _failed, _rejected, _held, _deleted])
async def test_with_its_end_the_note_on_its_packaging_is_gone(house, videos, catalog, end):
    video = await house.video(await house.user("cat"), VideoStatus.PROCESSING)
    await catalog.report_progress(video.video_id, 0.5, ENCODING)
    assert await house.progress.noted([video.video_id])
    await end(catalog, videos, video)
    assert await house.progress.noted([video.video_id]) == {}


async def test_what_a_frozen_packager_notes_after_the_end_is_told_nobody(house, videos, catalog):
    creator = await house.user("cat")
    video = await house.video(creator, VideoStatus.READY)
    assert not await catalog.report_progress(video.video_id, 0.5, ENCODING)
    await house.progress.note(video.video_id, ENCODING)
    assert (await videos.view(video.video_id, creator.user_id)).packaging is None


async def test_without_the_speed_layer_only_the_total_is_told(house):
    away = open_progress(f"redis://127.0.0.1:{free_port()}", house.clock)
    catalog = PackagingCatalog(house.metadata, house.objects, house.eventlog, house.clock, house.changes, away)
    videos = Videos(house.metadata, house.counters, house.eventlog, house.clock, house.changes, away)
    creator = await house.user("cat")
    video = await house.video(creator, VideoStatus.PROCESSING)
    assert await catalog.report_progress(video.video_id, 0.5, ENCODING)
    view = await videos.view(video.video_id, creator.user_id)
    assert (view.video.progress, view.packaging) == (0.5, None)
    assert await catalog.publish(video.video_id, a_publication(), VideoStatus.READY)
    await away.close()


async def test_a_watcher_is_told_of_a_rung_also_where_the_total_stays(house, videos):
    creator = await house.user("cat")
    video = await house.video(creator, VideoStatus.PROCESSING)
    views = videos.changes(video.video_id, creator.user_id)
    assert (await anext(views)).packaging is None
    await house.progress.note(video.video_id, ENCODING)
    house.changes.announce(video.video_id)
    async with asyncio.timeout(20):
        assert (await anext(views)).packaging == ENCODING
    await views.aclose()
