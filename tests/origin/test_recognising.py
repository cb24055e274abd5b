"""Uploads that are like what was taken down, or like another video that plays."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from origin.deleting import GROUP
from origin.events import Topic
from origin.model import Failure, User, VideoStatus
from origin.packaging import PackagingCatalog
from origin.prints import HASH_BYTES, Likeness, Print, mirrored
from origin.reuploads import Recognised
from origin.reviewing import Reviews
from origin.videos import Videos
from tests.origin.test_prints import a_print, glimpses, noisy, part
from tests.origin.test_videos import deleting

CLIP = a_print(1, sounds=100)


class Uploading:
    """Clips that get as far as moderation, and what people decide about them."""

    def __init__(self, house) -> None:
        self.house = house
        self.catalog = PackagingCatalog(
            house.metadata, house.objects, house.eventlog, house.clock, house.changes, house.progress
        )
        self.reviews = Reviews(house.eventlog, house.metadata, house.objects, house.clock)
        self.videos = Videos(house.metadata, house.counters, house.eventlog, house.clock, house.changes, house.progress)

    async def upload(self, creator: User, print_: Print) -> tuple[int, Recognised | None]:
        """A clip that is published, unless it is like one that was taken down."""
        video = await self.house.video(creator, VideoStatus.PROCESSING)
        found = await self.catalog.recognise(video.video_id, print_)
        if found is None:
            await self.house.metadata.transition(video.video_id, {VideoStatus.PROCESSING}, VideoStatus.READY)
        else:
            await self.catalog.reject(video.video_id, Failure("taken_down_before", ""))
        return video.video_id, found

    async def original_of(self, video_id: int) -> int | None:
        return (await self.house.metadata.video(video_id)).reupload_of


@pytest.fixture
def uploading(house) -> Uploading:
    return Uploading(house)


@contextlib.asynccontextmanager
async def deleted(house, uploading: Uploading, video_id: int) -> AsyncIterator[None]:
    async with deleting(house):
        video = await house.metadata.video(video_id)
        await uploading.videos.delete(video_id, video.creator_id)

        while await left(house) > 0:  # noqa: ASYNC110 -- nothing tells
            await asyncio.sleep(0.01)
        yield


async def left(house) -> int:
    """Events of videos that are not done yet."""
    consumer = await house.eventlog.consumer(GROUP, [Topic.VIDEOS])
    try:
        return await consumer.lag()
    finally:
        await consumer.close()


async def test_what_was_taken_down_stays_down_until_that_is_undone(house, uploading):
    ann, bob = await house.user("ann"), await house.user("bob")
    first, _ = await uploading.upload(ann, CLIP)
    await uploading.reviews.take_down(first, "Not here.")
    for who in (bob, ann):
        copy, found = await uploading.upload(who, mirrored(noisy(CLIP, 40)))
        assert found == Recognised(first, Likeness.SAME)
        assert await uploading.original_of(copy) == first
    await uploading.reviews.restore(first)
    copy, found = await uploading.upload(bob, mirrored(noisy(CLIP, 40)))
    assert (found, await uploading.original_of(copy)) == (None, first)


async def test_a_trimmed_copy_of_what_was_taken_down_is_the_same(house, uploading):
    first, _ = await uploading.upload(await house.user("ann"), CLIP)
    await uploading.reviews.take_down(first, "Not here.")
    _, found = await uploading.upload(await house.user("bob"), part(CLIP, 19, 20))
    assert found == Recognised(first, Likeness.SAME)


async def test_what_only_resembles_or_sounds_like_it_is_for_a_person(house, uploading):
    first, _ = await uploading.upload(await house.user("ann"), CLIP)
    await uploading.reviews.take_down(first, "Not here.")
    bob = await house.user("bob")
    near, far = noisy(CLIP, 10).pictures, noisy(CLIP, 130).pictures
    by_turns = b"".join((near, far)[turn % 2][HASH_BYTES * turn : HASH_BYTES * (turn + 1)] for turn in range(48))
    _, found = await uploading.upload(bob, Print(by_turns))
    assert found == Recognised(first, Likeness.SIMILAR)
    assert not found.certain
    copy, found = await uploading.upload(bob, Print(a_print(2).pictures, CLIP.sound))
    assert str(found) == f"it sounds like video {first}, which was taken down"
    assert await uploading.original_of(copy) is None


def over(pictures: int, sound: Print = CLIP) -> Print:
    """That sound under other pictures."""
    return Print(a_print(pictures).pictures, sound.sound)


async def test_music_that_another_video_plays_to_calls_no_person_until_that_is_taken_down_too(house, uploading):
    ann, bob = await house.user("ann"), await house.user("bob")
    first, _ = await uploading.upload(ann, CLIP)
    second, _ = await uploading.upload(bob, over(3))
    await uploading.reviews.take_down(first, "Not here.")
    ours = (await house.video(bob, VideoStatus.PROCESSING)).video_id
    assert await uploading.catalog.recognise(ours, over(4)) is None
    assert await uploading.catalog.recognise(ours, CLIP) == Recognised(first, Likeness.SAME)
    await uploading.reviews.take_down(second, "Nor this.")
    assert await uploading.catalog.recognise(ours, over(4)) == Recognised(first, Likeness.SOUND)


async def test_of_a_sound_one_clip_alone_waits_for_a_person_who_allows_it(house, uploading):
    ann, bob = await house.user("ann"), await house.user("bob")
    first, _ = await uploading.upload(ann, CLIP)
    await uploading.reviews.take_down(first, "Not here.")
    held = await house.video(bob, VideoStatus.PROCESSING)
    assert await uploading.catalog.recognise(held.video_id, over(3)) == Recognised(first, Likeness.SOUND)
    await house.metadata.transition(held.video_id, {VideoStatus.PROCESSING}, VideoStatus.READY)
    _, found = await uploading.upload(bob, over(4))
    assert found is None


async def test_a_clip_that_sounds_like_what_plays_is_neither_marked_nor_held(house, uploading):
    ann, bob = await house.user("ann"), await house.user("bob")
    await uploading.upload(ann, CLIP)
    other, found = await uploading.upload(bob, over(3))
    assert (found, await uploading.original_of(other)) == (None, None)


async def test_glimpses_of_a_clip_tell_whether_it_may_have_been_taken_down_and_are_not_kept(house, uploading):
    first, _ = await uploading.upload(await house.user("ann"), CLIP)
    copy = glimpses(mirrored(noisy(CLIP, 20)))
    assert not await uploading.catalog.resembles_taken_down(99, copy)
    await uploading.reviews.take_down(first, "Not here.")
    assert await uploading.catalog.resembles_taken_down(99, copy)
    assert not await uploading.catalog.resembles_taken_down(99, glimpses(a_print(2)))
    assert dict(await house.metadata.prints([99])) == {}


async def test_a_copy_of_what_plays_is_marked_and_published_whoever_uploads_it(house, uploading):
    ann = await house.user("ann")
    first, _ = await uploading.upload(ann, CLIP)
    for who in (await house.user("bob"), ann):
        copy, found = await uploading.upload(who, noisy(CLIP, 20))
        assert (found, await uploading.original_of(copy)) == (None, first)
    assert await uploading.original_of(first) is None


async def test_another_clip_is_neither_marked_nor_held(house, uploading):
    first, _ = await uploading.upload(await house.user("ann"), CLIP)
    await uploading.reviews.take_down(first, "Not here.")
    other, found = await uploading.upload(await house.user("bob"), a_print(2, sounds=100))
    assert (found, await uploading.original_of(other)) == (None, None)


async def test_a_clip_that_is_packaged_again_does_not_find_itself(house, uploading):
    first, _ = await uploading.upload(await house.user("ann"), CLIP)
    await uploading.reviews.take_down(first, "Not here.")
    assert await uploading.catalog.recognise(first, CLIP) is None
    assert await uploading.original_of(first) is None


async def test_a_deleted_video_is_forgotten(house, uploading):
    first, _ = await uploading.upload(await house.user("ann"), CLIP)
    async with deleted(house, uploading, first):
        assert dict(await house.metadata.prints([first])) == {}
    assert await uploading.catalog.recognise(first, CLIP) is None
    assert dict(await house.metadata.prints([first])) == {}


async def test_what_was_taken_down_is_known_after_its_creator_deleted_it_until_that_is_undone(house, uploading):
    first, _ = await uploading.upload(await house.user("ann"), CLIP)
    await uploading.reviews.take_down(first, "Not here.")
    async with deleted(house, uploading, first):
        _, found = await uploading.upload(await house.user("bob"), CLIP)
    assert found == Recognised(first, Likeness.SAME)
    await uploading.reviews.restore(first)
    assert dict(await house.metadata.prints([first])) == {}
