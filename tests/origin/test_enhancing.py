"""Hot videos get further renditions while they are ready."""

from __future__ import annotations

from dataclasses import replace

import pytest

from origin.enhancing import HEAT_HOURS, Enhancements
from origin.metadata.heat import HOUR_MS
from origin.model import CountKind, Publication, Video, VideoStatus, Visibility
from tests.batches import a_batch

FIRST = Publication(2, {"hls.m3u8": "v/1/r2/x/hls.m3u8"}, ("v540-aa",), (), 5000, 1080, 1920)
WITH_AV1 = replace(FIRST, revision=3, renditions=("v540-aa", "v540av1-bb"))
LEASE_MS = 60_000


@pytest.fixture
def enhancements(house) -> Enhancements:
    return Enhancements(house.metadata, house.objects, house.clock)


async def ready(house, video_id: int, **changes) -> Video:
    video = Video(video_id, 7, "", VideoStatus.READY, Visibility.PUBLIC, 1_000, published_at_ms=2_000)
    await house.metadata.create_video(replace(video, **{"publication": FIRST, **changes}))
    return await house.metadata.video(video_id)


async def test_the_hottest_public_videos_of_a_day_come_with_their_rows(house, enhancements):
    for video_id in (1, 2, 3):
        await ready(house, video_id)
    await ready(house, 4, visibility=Visibility.PRIVATE)
    long_ago = house.clock() - (HEAT_HOURS + 1) * HOUR_MS
    await house.metadata.apply_counts(a_batch("old", {(3, CountKind.VIEWS): 10_000}), long_ago)
    views = {(1, CountKind.VIEWS): 10, (2, CountKind.VIEWS): 20, (4, CountKind.VIEWS): 30}
    await house.metadata.apply_counts(a_batch("new", views, after="old"), house.clock())
    hot = await enhancements.hottest(10)
    assert [(each.video.video_id, each.heat) for each in hot] == [(2, 20), (1, 10)]
    assert hot[0].video.publication == FIRST
    assert len(await enhancements.hottest(1)) == 1


async def test_a_ready_video_is_published_anew_and_stays_ready(house, enhancements):
    before = await ready(house, 1)
    assert await enhancements.publish(1, WITH_AV1)
    assert await house.metadata.video(1) == replace(before, publication=WITH_AV1)


async def test_a_publication_that_rests_on_an_earlier_one_is_refused(house, enhancements):
    await ready(house, 1)
    assert await enhancements.publish(1, WITH_AV1)
    assert not await enhancements.publish(1, replace(WITH_AV1, renditions=("v540-aa", "v540av1-cc")))
    assert (await house.metadata.video(1)).publication == WITH_AV1


@pytest.mark.parametrize("status", sorted(set(VideoStatus) - {VideoStatus.READY, VideoStatus.DELETED}))
async def test_only_what_is_ready_is_published_anew(house, enhancements, status):
    before = await ready(house, 1, status=status)
    assert not await enhancements.publish(1, WITH_AV1)
    assert await house.metadata.video(1) == before


async def test_what_was_stored_for_a_video_that_was_deleted_meanwhile_is_removed(house, enhancements):
    await ready(house, 1)
    await house.metadata.transition(1, {VideoStatus.READY}, VideoStatus.DELETED)
    await house.objects.put("v/1/v540av1-bb/0001.m4s", b"late")
    assert not await enhancements.publish(1, WITH_AV1)
    assert [info async for info in house.objects.list("v/1/")] == []


async def test_a_claim_is_held_until_its_end_and_can_be_given_back(house, enhancements):
    assert await enhancements.claim(1, "a", LEASE_MS)
    assert not await enhancements.claim(1, "b", LEASE_MS)
    assert await enhancements.claim(1, "a", 0)
    assert await enhancements.claim(1, "b", LEASE_MS)
