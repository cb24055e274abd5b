"""Clips that moderation could not decide about wait for a person, and are published or rejected by one."""

from __future__ import annotations

import pytest

from origin.events import Topic, UploadEvent, VideoChange, VideoEvent, decode
from origin.model import Failure, Publication, VideoStatus
from origin.packaging import PackagingCatalog
from origin.refusals import NotHeld
from origin.reviewing import Reviews
from origin.reviews import hold


class Crash(Exception):
    """The process ends here."""


def reviews_of(house) -> Reviews:
    return Reviews(house.eventlog, house.metadata, house.objects, house.clock)


async def held(house, creator, reason: str = "one frame scores 0.61", times: int = 1) -> int:
    video = await house.video(creator, VideoStatus.PROCESSING)
    event = UploadEvent(video.video_id, creator.user_id, f"raw/{video.video_id}", house.now_ms, attempt=1)
    for _ in range(times):
        await house.eventlog.append(Topic.UPLOADS_REVIEW, str(video.video_id), hold(event, reason))
    return video.video_id


async def marked(house, video_id: int) -> int | None:
    return (await house.metadata.video(video_id)).held_at_ms


async def queue(house) -> list[int]:
    return [each.video.video_id for each in await reviews_of(house).waiting(50)]


async def test_what_waits_is_listed_once_and_longest_first(house):
    cat = await house.user("cat")
    first, second = await held(house, cat, times=2), await held(house, cat)
    house.now_ms += 1000
    third = await held(house, cat, "the webhook asks for a person")
    waiting = await reviews_of(house).waiting(50)
    assert [each.video.video_id for each in waiting] == [first, second, third]
    assert waiting[2].reason == "the webhook asks for a person"
    assert waiting[2].since_ms == house.now_ms


async def test_an_allowed_clip_is_packaged_anew_without_asking_moderation(house):
    video_id = await held(house, await house.user("cat"), times=2)
    await reviews_of(house).allow(video_id)
    [event] = await house.events(UploadEvent, Topic.UPLOADS)
    assert (event.video_id, event.raw_s3_path, event.cleared) == (video_id, f"raw/{video_id}", True)
    assert (event.attempt, event.error_code, event.error_detail) == (0, "", "")
    assert await queue(house) == []


@pytest.mark.parametrize("done", range(3))
async def test_a_crash_between_any_two_steps_of_allowing_leaves_a_clip_that_can_be_allowed(house, monkeypatch, done):
    video_id = await held(house, await house.user("cat"))
    await house.metadata.set_held(video_id, house.now_ms)
    steps = iter(range(9))

    def cut_short(act):
        async def step(*given):
            if next(steps) == done:
                raise Crash
            await act(*given)

        return step

    with monkeypatch.context() as crash:
        crash.setattr(house.eventlog, "append", cut_short(house.eventlog.append))
        crash.setattr(house.metadata, "set_held", cut_short(house.metadata.set_held))
        with pytest.raises(Crash):
            await reviews_of(house).allow(video_id)
    packaged = await house.events(UploadEvent, Topic.UPLOADS)
    assert not packaged or await marked(house, video_id) is None
    await reviews_of(house).allow(video_id)
    events = await house.events(UploadEvent, Topic.UPLOADS)
    assert events
    assert all(event.cleared for event in events)
    assert (await marked(house, video_id), await queue(house)) == (None, [])


async def test_what_is_published_waits_no_longer_however_it_came_to_that(house):
    video_id = await held(house, await house.user("cat"))
    await house.metadata.set_held(video_id, house.now_ms)
    catalog = PackagingCatalog(
        house.metadata, house.objects, house.eventlog, house.clock, house.changes, house.progress
    )
    assert await catalog.publish(video_id, Publication(1, {}, (), (), 5000, 1080, 1920), VideoStatus.PLAYABLE)
    assert (await marked(house, video_id), await queue(house)) == (None, [])


async def test_a_rejected_clip_ends_and_its_creator_is_told_why(house):
    video_id = await held(house, await house.user("cat"))
    await reviews_of(house).reject(video_id, "Not here.")
    video = await house.metadata.video(video_id)
    assert (video.status, video.failure) == (VideoStatus.REJECTED, Failure("moderation", "Not here."))
    assert [event.change for event in await house.events(VideoEvent, Topic.VIDEOS)] == [VideoChange.REJECTED]
    assert await queue(house) == []


async def test_what_is_deleted_or_decided_waits_no_longer(house):
    cat = await house.user("cat")
    deleted, decided, unknown = await held(house, cat), await held(house, cat), 12345
    await house.metadata.transition(deleted, set(VideoStatus), VideoStatus.DELETED)
    await reviews_of(house).allow(decided)
    for video_id in (deleted, decided, unknown):
        with pytest.raises(NotHeld, match=str(video_id)):
            await reviews_of(house).allow(video_id)
        with pytest.raises(NotHeld):
            await reviews_of(house).reject(video_id, "No.")
    assert len(await house.eventlog.read(Topic.UPLOADS, {}, 10)) == 1


async def test_a_clip_that_is_held_again_after_a_decision_waits_again(house):
    cat = await house.user("cat")
    video_id = await held(house, cat)
    await reviews_of(house).allow(video_id)
    event = UploadEvent(video_id, cat.user_id, "raw/1", house.now_ms)
    await house.eventlog.append(Topic.UPLOADS_REVIEW, str(video_id), hold(event, "again"))
    assert await queue(house) == [video_id]


async def test_records_that_cannot_be_read_stop_nothing(house):
    await house.eventlog.append_many(
        Topic.UPLOADS_REVIEW,
        [("1", value) for value in (b"\xff", b"[]", b"{}", b'{"schema":9}', b'{"schema":1,"decided":"x"}')],
    )
    video_id = await held(house, await house.user("cat"))
    assert await queue(house) == [video_id]


async def test_a_long_queue_is_read_to_its_end(house, monkeypatch):
    monkeypatch.setattr("origin.reviewing.READ_AT_ONCE", 3)
    cat = await house.user("cat")
    ids = [await held(house, cat) for _ in range(8)]
    assert await queue(house) == ids
    assert [each.video.video_id for each in await reviews_of(house).waiting(4)] == ids[:4]


def test_a_held_event_keeps_what_the_upload_was():
    event = UploadEvent(5, 7, "raw/5", 1, request_id="r")
    kept = decode(UploadEvent, hold(event, "unsure"))
    assert (kept.raw_s3_path, kept.request_id, kept.error_detail, kept.cleared) == ("raw/5", "r", "unsure", False)
