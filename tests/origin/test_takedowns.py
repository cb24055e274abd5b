"""A person takes a video down: at once, whatever packaging does meanwhile; and can undo it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import httpx
import pytest

from origin.app import OriginApp
from origin.events import PurgeEvent, Topic, UploadEvent, VideoChange, VideoEvent
from origin.metadata import NotFound
from origin.model import Failure, Publication, VideoStatus
from origin.packaging import PackagingCatalog
from origin.refusals import NothingToTakeDown, NotTakenDown
from origin.reviewing import Reviews
from origin.reviews import hold
from origin.videos import Videos

PUBLICATION = Publication(1, {"hls.m3u8": "v/1/x/hls.m3u8"}, ("v540-aa",), (), 5000, 1080, 1920)


@pytest.fixture
def reviews(house) -> Reviews:
    return Reviews(house.eventlog, house.metadata, house.objects, house.clock)


@pytest.fixture
def catalog(house) -> PackagingCatalog:
    return PackagingCatalog(house.metadata, house.objects, house.eventlog, house.clock, house.changes, house.progress)


@pytest.fixture
def videos(house) -> Videos:
    return Videos(house.metadata, house.counters, house.eventlog, house.clock, house.changes, house.progress)


async def published(house, catalog, status: VideoStatus = VideoStatus.READY) -> int:
    video = await house.video(await house.user("cat"), VideoStatus.PROCESSING)
    assert await catalog.publish(video.video_id, PUBLICATION, status)
    return video.video_id


async def changes(house) -> list[VideoChange]:
    return [event.change for event in await house.events(VideoEvent, Topic.VIDEOS)]


async def queued(house) -> list[tuple[int, bool]]:
    return [(event.video_id, event.cleared) for event in await house.events(UploadEvent, Topic.UPLOADS)]


async def test_a_taken_down_video_leaves_feeds_and_edges_and_comes_back_as_it_was(house, catalog, reviews):
    video_id = await published(house, catalog)
    before = await house.metadata.video(video_id)
    await reviews.take_down(video_id, "Stolen.")
    down = await house.metadata.video(video_id)
    assert (down.status, down.failure) == (VideoStatus.REJECTED, Failure("taken_down", "Stolen."))
    assert down.publication == PUBLICATION
    await reviews.restore(video_id)
    assert await house.metadata.video(video_id) == replace(before, takedowns=1)
    assert await changes(house) == [VideoChange.PUBLISHED, VideoChange.REJECTED, VideoChange.PUBLISHED]
    assert [event.soft for event in await house.events(PurgeEvent, Topic.PURGES)] == [True, False, True]
    assert await queued(house) == []


async def test_its_files_are_there_for_nobody(house, catalog, reviews):
    video_id = await published(house, catalog)
    await house.objects.put(f"v/{video_id}/v540-aa/0001.m4s", b"media")
    transport = httpx.ASGITransport(OriginApp(house.metadata, house.objects, house.clock))
    path = f"/v/{video_id}/v540-aa/0001.m4s"
    async with httpx.AsyncClient(transport=transport, base_url="http://origin") as client:
        assert (await client.get(path)).status_code == 200
        await reviews.take_down(video_id, "Stolen.")
        assert (await client.get(path)).status_code == 404
        await reviews.restore(video_id)
        assert (await client.get(path)).status_code == 200


async def test_taking_down_twice_keeps_the_first_reason_and_tells_again(house, catalog, reviews):
    video_id = await published(house, catalog)
    await reviews.take_down(video_id, "Stolen.")
    await reviews.take_down(video_id, "Other.")
    assert (await house.metadata.video(video_id)).failure == Failure("taken_down", "Stolen.")
    assert await changes(house) == [VideoChange.PUBLISHED, VideoChange.REJECTED, VideoChange.REJECTED]


@pytest.mark.parametrize("status", [VideoStatus.PROCESSING, VideoStatus.PLAYABLE, VideoStatus.READY])
async def test_undoing_what_was_never_taken_down_is_refused_and_changes_nothing(house, reviews, status):
    video = await house.video(await house.user("cat"), status)
    with pytest.raises(NotTakenDown, match=str(video.video_id)):
        await reviews.restore(video.video_id)
    assert await house.metadata.video(video.video_id) == video
    assert (await queued(house), await changes(house)) == ([], [])
    with pytest.raises(NotFound):
        await reviews.restore(12345)


@pytest.mark.parametrize("status", [VideoStatus.PROCESSING, VideoStatus.PLAYABLE])
async def test_a_takedown_wins_over_the_publication_that_packaging_was_about(house, catalog, reviews, status):
    video = await house.video(await house.user("cat"), status)
    await reviews.take_down(video.video_id, "Stolen.")
    assert not await catalog.report_progress(video.video_id, 0.5, "encoding_rest")
    assert not await catalog.publish(video.video_id, PUBLICATION, VideoStatus.READY)
    assert (await house.metadata.video(video.video_id)).status is VideoStatus.REJECTED
    assert await changes(house) == [VideoChange.REJECTED]


async def test_a_takedown_between_a_publication_and_its_announcement_is_told_last(house, catalog, reviews, monkeypatch):
    video = await house.video(await house.user("cat"), VideoStatus.PROCESSING)
    append = house.eventlog.append

    async def taken_down_meanwhile(topic, key, value):
        monkeypatch.setattr(house.eventlog, "append", append)
        await reviews.take_down(video.video_id, "Stolen.")
        await append(topic, key, value)

    monkeypatch.setattr(house.eventlog, "append", taken_down_meanwhile)
    await catalog.publish(video.video_id, PUBLICATION, VideoStatus.READY)
    assert await changes(house) == [VideoChange.REJECTED, VideoChange.PUBLISHED, VideoChange.REJECTED]


@pytest.mark.parametrize(
    ("status", "cleared"),
    [(VideoStatus.QUEUED, False), (VideoStatus.PROCESSING, False), (VideoStatus.PLAYABLE, True)],
)
async def test_an_undo_has_packaging_go_on_and_moderation_asked_where_it_had_not_allowed(
    house, reviews, status, cleared
):
    video = await house.video(await house.user("cat"), status)
    await reviews.take_down(video.video_id, "Stolen.")
    await reviews.restore(video.video_id)
    assert (await house.metadata.video(video.video_id)).status is status
    assert await queued(house) == [(video.video_id, cleared)]


async def held(house, video_id: int) -> None:
    event = UploadEvent(video_id, 1, f"raw/{video_id}", house.now_ms)
    await house.eventlog.append(Topic.UPLOADS_REVIEW, str(video_id), hold(event, "unsure"))


@pytest.mark.parametrize("marked", [True, False])
async def test_an_undone_takedown_of_a_held_clip_has_it_wait_again(house, reviews, marked):
    video = await house.video(await house.user("cat"), VideoStatus.PROCESSING)
    since_ms = house.now_ms
    await held(house, video.video_id)
    if marked:
        await house.metadata.set_held(video.video_id, since_ms)
    await reviews.take_down(video.video_id, "Stolen.")
    house.now_ms += 5000
    for _ in range(2):
        await reviews.restore(video.video_id)
        assert (await house.metadata.video(video.video_id)).held_at_ms == since_ms
        assert [view.video.video_id for view in await reviews.waiting(5)] == [video.video_id]
    assert await queued(house) == []
    assert await changes(house) == [VideoChange.REJECTED, VideoChange.HELD, VideoChange.HELD]


async def test_an_undo_does_not_leave_a_clip_waiting_that_the_queue_does_not_hold(house, reviews):
    video = await house.video(await house.user("cat"), VideoStatus.PROCESSING)
    await house.metadata.set_held(video.video_id, house.now_ms)
    await reviews.take_down(video.video_id, "Stolen.")
    await reviews.restore(video.video_id)
    assert (await house.metadata.video(video.video_id)).held_at_ms is None
    assert await queued(house) == [(video.video_id, False)]


async def test_what_a_person_allowed_before_the_takedown_stays_allowed(house, reviews):
    video = await house.video(await house.user("cat"), VideoStatus.PROCESSING)
    await held(house, video.video_id)
    await reviews.allow(video.video_id)
    await reviews.take_down(video.video_id, "Stolen.")
    await reviews.restore(video.video_id)
    assert await queued(house) == [(video.video_id, True)] * 2
    assert await reviews.waiting(5) == []


async def test_a_decision_that_does_not_say_which_allows_nothing(house, reviews):
    video = await house.video(await house.user("cat"), VideoStatus.PROCESSING)
    await held(house, video.video_id)
    note = b'{"schema":1,"decided":"%d"}' % video.video_id
    await house.eventlog.append(Topic.UPLOADS_REVIEW, str(video.video_id), note)
    await reviews.take_down(video.video_id, "Stolen.")
    await reviews.restore(video.video_id)
    assert await queued(house) == [(video.video_id, False)]


async def test_a_rejection_that_came_after_the_takedown_allows_nothing(house, reviews, monkeypatch):
    video = await house.video(await house.user("cat"), VideoStatus.PROCESSING)
    await held(house, video.video_id)
    transition = house.metadata.transition

    async def taken_down_meanwhile(*given):
        await reviews.take_down(video.video_id, "Stolen.")
        return await transition(*given)

    with monkeypatch.context() as race:
        race.setattr(house.metadata, "transition", taken_down_meanwhile)
        await reviews.reject(video.video_id, "Not here.")
    await reviews.restore(video.video_id)
    assert await queued(house) == [(video.video_id, False)]


async def test_its_creator_is_told_cannot_bring_it_back_and_may_delete_it(house, catalog, reviews, videos):
    video_id = await published(house, catalog, VideoStatus.PLAYABLE)
    creator_id = (await house.metadata.video(video_id)).creator_id
    watched = videos.changes(video_id, creator_id)
    assert (await anext(watched)).video.status is VideoStatus.PLAYABLE
    await reviews.take_down(video_id, "Stolen.")
    told = (await asyncio.wait_for(anext(watched), 5)).video
    assert (told.status, told.failure) == (VideoStatus.REJECTED, Failure("taken_down", "Stolen."))
    await videos.edit(video_id, creator_id, "mine", None)
    assert (await house.metadata.video(video_id)).status is VideoStatus.REJECTED
    with pytest.raises(NotFound):
        await videos.view(video_id, creator_id + 1)
    await videos.delete(video_id, creator_id)
    assert (await house.metadata.video(video_id)).status is VideoStatus.DELETED
    await reviews.restore(video_id)
    assert (await house.metadata.video(video_id)).status is VideoStatus.DELETED


@pytest.mark.parametrize("status", [VideoStatus.UPLOADING, VideoStatus.FAILED, VideoStatus.REJECTED])
async def test_what_nobody_sees_is_not_taken_down(house, reviews, status):
    video = await house.video(await house.user("cat"), status)
    with pytest.raises(NothingToTakeDown, match=status):
        await reviews.take_down(video.video_id, "Stolen.")
    assert (await house.metadata.video(video.video_id)).status is status


async def test_a_deleted_or_unknown_video_is_not_found(house, reviews):
    video = await house.video(await house.user("cat"), VideoStatus.DELETED)
    for video_id in (video.video_id, 12345):
        with pytest.raises(NotFound):
            await reviews.take_down(video_id, "Stolen.")
