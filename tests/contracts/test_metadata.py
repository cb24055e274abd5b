"""What every metadata store promises. A backend is added to BACKENDS, never special-cased below."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace

import numpy as np
import pytest

from origin.counters import Written
from origin.ids import since_epoch
from origin.metadata import (
    BatchForked,
    HandleTaken,
    Metadata,
    MetadataUnavailable,
    NotFound,
    NoWorkerNumber,
    open_metadata,
)
from origin.model import (
    Caption,
    Comment,
    CountKind,
    Counts,
    Failure,
    Publication,
    StartupFile,
    Upload,
    UploadKind,
    UploadState,
    UploadTerms,
    User,
    Video,
    VideoStatus,
    Visibility,
)
from origin.prints import HASH_BYTES, Print, bands
from origin.subscriptions import DAY_MS, Attempt, Disabled, Outcome, Sent, Webhook
from tests.batches import a_batch

BACKENDS = {
    "sqlite": lambda request: f"sqlite://{request.getfixturevalue('tmp_path')}/metadata.db",
    "sqlite in memory": lambda _: "sqlite:///:memory:",
    "cassandra": lambda request: request.getfixturevalue("empty_keyspace").url,
}
SLOW = {"cassandra"}
NOW_MS = 1_800_000_000_000
HOUR_MS = 3_600_000
LEASE_MS = 60_000
PLAYABLE, READY = VideoStatus.PLAYABLE, VideoStatus.READY


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in BACKENDS])
async def metadata(request) -> AsyncIterator[Metadata]:
    store = open_metadata(BACKENDS[request.param](request))
    yield store
    await store.close()


def a_video(video_id: int, **changes) -> Video:
    video = Video(video_id, 7, "about #cats", VideoStatus.READY, Visibility.PUBLIC, NOW_MS, tags=("cats",))
    return replace(video, **changes)


def a_publication(revision: int = 1) -> Publication:
    return Publication(
        revision,
        {"hls.m3u8": "v/1/master-aa/hls.m3u8"},
        ("v720-ab", "v540-cd"),
        (StartupFile("v540-cd/init.mp4", 800), StartupFile("v540-cd/0001.m4s", 90_000)),
        duration_ms=9_500,
        width=1080,
        height=1920,
        thumbhash="abc=",
    )


def an_upload(upload_id: int, **changes) -> Upload:
    upload = Upload(
        upload_id, 1, 7, UploadState.RECEIVING, None, "filename eA==", "m1", "raw/1", NOW_MS, NOW_MS + HOUR_MS
    )
    return replace(upload, **changes)


# users


async def test_users_are_found_by_id(metadata):
    user = User(1, "Åsa.Cat", guest=True, created_at_ms=NOW_MS)
    await metadata.create_user(user)
    assert await metadata.user(1) == user
    assert dict(await metadata.users([1, 2])) == {1: user}
    assert dict(await metadata.users([])) == {}
    with pytest.raises(NotFound):
        await metadata.user(2)


async def test_two_users_cannot_have_one_handle(metadata):
    await metadata.create_user(User(1, "cat", False, NOW_MS))
    with pytest.raises(HandleTaken):
        await metadata.create_user(User(2, "CAT", False, NOW_MS))
    with pytest.raises(NotFound):
        await metadata.user(2)


async def test_of_many_who_ask_for_one_handle_at_once_one_gets_it(metadata):
    results = await asyncio.gather(
        *(metadata.create_user(User(n, "cat", False, NOW_MS)) for n in range(1, 21)), return_exceptions=True
    )
    assert [type(r) for r in results].count(HandleTaken) == 19


async def test_a_renamed_guest_is_no_guest_and_frees_its_old_handle(metadata):
    await metadata.create_user(User(1, "guest1", True, NOW_MS))
    await metadata.create_user(User(2, "taken", False, NOW_MS))
    with pytest.raises(HandleTaken):
        await metadata.rename_user(1, "Taken")
    assert await metadata.rename_user(1, "Cat") == User(1, "Cat", False, NOW_MS)
    assert (await metadata.rename_user(1, "CAT")).handle == "CAT"
    await metadata.create_user(User(3, "guest1", True, NOW_MS))
    with pytest.raises(NotFound):
        await metadata.rename_user(9, "other")


# videos


async def test_a_video_comes_back_as_it_was_stored(metadata):
    bare = a_video(1, status=VideoStatus.UPLOADING, tags=())
    full = a_video(
        2,
        raw_key="raw/2",
        progress=0.5,
        published_at_ms=NOW_MS,
        publication=a_publication(),
        failure=Failure("code", "detail"),
        counts=Counts(1, 2, 3, 4),
        description="ä \U0001f600 'quoted'",
    )
    await metadata.create_video(bare)
    await metadata.create_video(full)
    assert await metadata.video(1) == bare
    assert await metadata.video(2) == full
    assert dict(await metadata.videos([2, 1, 3])) == {1: bare, 2: full}
    with pytest.raises(NotFound):
        await metadata.video(3)


async def test_ids_use_all_63_bits(metadata):
    await metadata.create_video(a_video((1 << 63) - 2))
    assert (await metadata.newest_public(None, 1))[0].video_id == (1 << 63) - 2


async def test_editing_changes_what_is_given(metadata):
    await metadata.create_video(a_video(1))
    edited = await metadata.edit_video(1, None, None, Visibility.PRIVATE)
    assert (edited.description, edited.visibility) == ("about #cats", Visibility.PRIVATE)
    edited = await metadata.edit_video(1, "", (), None)
    assert (edited.description, edited.tags, edited.visibility) == ("", (), Visibility.PRIVATE)
    assert await metadata.video(1) == edited
    with pytest.raises(NotFound):
        await metadata.edit_video(2, "x", None, None)


async def test_captions_are_kept_by_language_whoever_else_gives_some_at_once(metadata):
    english, again, german = (Caption("en", "English", "aa"), Caption("en", "E", "bb"), Caption("de", "Deutsch", "cc"))
    await metadata.create_video(a_video(1))
    await asyncio.gather(metadata.set_caption(1, "en", english), metadata.set_caption(1, "de", german))
    assert (await metadata.video(1)).captions == (german, english)
    assert (await metadata.set_caption(1, "en", again)).captions == (german, again)
    assert (await metadata.set_caption(1, "de", None)).captions == (again,)
    assert (await metadata.set_caption(1, "de", None)).captions == (again,)
    await metadata.create_video(a_video(2, captions=(german, english)))
    assert (await metadata.video(2)).captions == (german, english)


async def test_a_deleted_video_takes_no_captions(metadata):
    await metadata.create_video(a_video(1))
    await metadata.transition(1, set(VideoStatus), VideoStatus.DELETED)
    for video_id in (1, 2):
        with pytest.raises(NotFound):
            await metadata.set_caption(video_id, "en", Caption("en", "English", "aa"))


async def test_only_a_video_in_work_waits_for_a_person_and_not_once_it_is_published(metadata):
    await metadata.create_video(a_video(1, status=VideoStatus.PROCESSING))
    await metadata.create_video(a_video(2, status=VideoStatus.PROCESSING, held_at_ms=NOW_MS))
    await metadata.create_video(a_video(3))
    for video_id in (1, 3, 4):
        await metadata.set_held(video_id, NOW_MS)
    assert [(await metadata.video(number)).held_at_ms for number in (1, 2, 3)] == [NOW_MS, NOW_MS, None]
    await metadata.set_held(1, None)
    assert (await metadata.video(1)).held_at_ms is None
    assert await metadata.publish(2, a_publication(1), PLAYABLE, NOW_MS, {VideoStatus.PROCESSING})
    assert (await metadata.video(2)).held_at_ms is None


async def test_of_two_transitions_one_wins(metadata):
    await metadata.create_video(a_video(1, status=VideoStatus.QUEUED))
    won = await asyncio.gather(
        *(metadata.transition(1, {VideoStatus.QUEUED}, VideoStatus.PROCESSING) for _ in range(10))
    )
    assert won.count(True) == 1
    assert not await metadata.transition(2, {VideoStatus.QUEUED}, VideoStatus.PROCESSING)


async def test_a_failure_is_kept_until_the_next_transition(metadata):
    await metadata.create_video(a_video(1, status=VideoStatus.PROCESSING))
    failure = Failure("no_video", "There is no picture in it.")
    assert await metadata.transition(1, {VideoStatus.PROCESSING}, VideoStatus.FAILED, failure)
    assert (await metadata.video(1)).failure == failure
    assert await metadata.transition(1, {VideoStatus.FAILED}, VideoStatus.QUEUED)
    assert (await metadata.video(1)).failure is None


async def test_a_publication_replaces_an_older_one_and_never_a_newer(metadata):
    await metadata.create_video(a_video(1, status=VideoStatus.PROCESSING))
    allowed = {VideoStatus.PROCESSING, PLAYABLE}
    assert await metadata.publish(1, a_publication(1), PLAYABLE, NOW_MS, allowed)
    assert await metadata.publish(1, a_publication(3), READY, NOW_MS + 5, {PLAYABLE})
    assert not await metadata.publish(1, a_publication(3), READY, NOW_MS, {READY})
    assert not await metadata.publish(1, a_publication(2), PLAYABLE, NOW_MS, {READY})
    video = await metadata.video(1)
    assert video.publication == a_publication(3)
    assert (video.status, video.published_at_ms) == (READY, NOW_MS)


async def test_a_deleted_video_is_not_published_again(metadata):
    await metadata.create_video(a_video(1, status=VideoStatus.PROCESSING))
    assert await metadata.transition(1, set(VideoStatus), VideoStatus.DELETED)
    assert not await metadata.publish(1, a_publication(), READY, NOW_MS, {VideoStatus.PROCESSING})
    assert (await metadata.video(1)).status is VideoStatus.DELETED


async def test_a_takedown_keeps_what_the_video_was_and_its_undo_gives_it_back(metadata):
    for video_id, status in enumerate((VideoStatus.PROCESSING, PLAYABLE, READY), 1):
        before = a_video(video_id, status=status, publication=a_publication())
        await metadata.create_video(before)
        assert await metadata.take_down(video_id, {PLAYABLE, READY, status}, Failure("taken_down", "Why."))
        down = replace(
            before,
            status=VideoStatus.REJECTED,
            failure=Failure("taken_down", "Why."),
            taken_down_from=status,
            takedowns=1,
        )
        assert await metadata.video(video_id) == down
        assert not await metadata.take_down(video_id, {PLAYABLE, READY}, Failure("taken_down", "Again."))
        assert await metadata.video(video_id) == down
        assert video_id not in [video.video_id for video in await metadata.newest_public(None, 5)]
        assert await metadata.restore(video_id)
        assert await metadata.video(video_id) == replace(before, takedowns=1)
        assert not await metadata.restore(video_id)
    assert [video.video_id for video in await metadata.newest_public(None, 5)] == [3, 2]
    await metadata.create_video(replace(down, video_id=4))
    assert await metadata.video(4) == replace(down, video_id=4)
    assert not await metadata.take_down(9, {READY}, Failure("taken_down", ""))
    assert not await metadata.restore(9)


async def test_nothing_is_published_after_a_takedown(metadata):
    await metadata.create_video(a_video(1, status=PLAYABLE))
    assert await metadata.take_down(1, {PLAYABLE}, Failure("taken_down", ""))
    assert not await metadata.publish(1, a_publication(), READY, NOW_MS, {VideoStatus.PROCESSING, PLAYABLE})
    assert (await metadata.video(1)).publication is None
    assert await metadata.newest_public(None, 5) == []


async def test_a_takedown_outlasts_a_deletion_until_it_is_undone(metadata):
    await metadata.create_video(a_video(1))
    assert await metadata.take_down(1, {READY}, Failure("taken_down", ""))
    assert await metadata.transition(1, set(VideoStatus), VideoStatus.DELETED)
    assert (await metadata.video(1)).taken_down_from is READY
    assert await metadata.restore(1)
    video = await metadata.video(1)
    assert (video.status, video.taken_down_from) == (VideoStatus.DELETED, None)


async def test_of_takedowns_and_undoings_at_once_the_row_is_one_or_the_other(metadata):
    await metadata.create_video(a_video(1))
    failure = Failure("taken_down", "")
    await asyncio.gather(*(metadata.take_down(1, {READY}, failure) for _ in range(4)), metadata.restore(1))
    video = await metadata.video(1)
    assert (video.status, video.taken_down_from) in {(READY, None), (VideoStatus.REJECTED, READY)}


async def test_progress_is_kept_and_ignored_for_a_missing_video(metadata):
    await metadata.create_video(a_video(1))
    await metadata.set_progress(1, 0.25)
    await metadata.set_progress(2, 0.25)
    assert (await metadata.video(1)).progress == 0.25


async def test_listings_are_newest_first_paged_and_show_what_they_should(metadata):
    for video_id in range(1, 8):
        await metadata.create_video(a_video(video_id, status=READY if video_id % 2 else PLAYABLE))
    await metadata.create_video(a_video(8, visibility=Visibility.UNLISTED))
    await metadata.create_video(a_video(9, status=VideoStatus.PROCESSING))
    await metadata.create_video(a_video(10, status=VideoStatus.DELETED))
    await metadata.create_video(a_video(11, creator_id=8))

    def ids(videos) -> list[int]:
        return [video.video_id for video in videos]

    assert ids(await metadata.videos_by_creator(7, None, 3, public_only=True)) == [7, 6, 5]
    assert ids(await metadata.videos_by_creator(7, 5, 10, public_only=True)) == [4, 3, 2, 1]
    assert ids(await metadata.videos_by_creator(7, None, 4, public_only=False)) == [9, 8, 7, 6]
    assert ids(await metadata.newest_public(None, 3)) == [11, 7, 6]
    assert ids(await metadata.newest_public(6, 100)) == [5, 4, 3, 2, 1]


# prints


def a_print(seed: int, pictures: int = 6, sound: bytes = b"") -> Print:
    hashes = np.random.default_rng(seed).integers(0, 256, (pictures, HASH_BYTES), np.uint8) | 0x80
    return Print(hashes.tobytes(), sound)


async def test_what_a_video_is_a_re_upload_of_is_noted(metadata):
    await metadata.create_video(a_video(1))
    await metadata.create_video(a_video(2, reupload_of=1))
    await metadata.mark_reupload(1, 5)
    await metadata.mark_reupload(2, None)
    await metadata.mark_reupload(9, 5)
    assert [(await metadata.video(number)).reupload_of for number in (1, 2)] == [5, None]


async def test_a_print_comes_back_and_is_found_by_its_bands(metadata):
    one, other = a_print(1, sound=b"\x00\x00\x00\x01\xff\xff\xff\xff"), a_print(2, sound=b"\xff\xff\xff\xff")
    for _ in range(2):
        await metadata.keep_print(1, one)
    await metadata.keep_print((1 << 63) - 1, other)
    assert dict(await metadata.prints([1, 2, (1 << 63) - 1])) == {1: one, (1 << 63) - 1: other}
    assert Counter(await metadata.holders(bands(one))) == {1: len(bands(one)), (1 << 63) - 1: 1}
    assert list(await metadata.holders(bands(a_print(3)))) == []
    assert list(await metadata.holders(frozenset())) == []


async def test_a_long_print_is_kept_whole(metadata):
    long = a_print(1, 720, np.random.default_rng(1).integers(0, 256, 4 * 3000, np.uint8).tobytes())
    await metadata.keep_print(1, long)
    assert dict(await metadata.prints([1])) == {1: long}
    assert Counter(await metadata.holders(bands(long))) == {1: len(bands(long))}


async def test_a_forgotten_print_is_found_no_more(metadata):
    one = a_print(1)
    await metadata.keep_print(1, one)
    await metadata.keep_print(2, one)
    for _ in range(2):
        await metadata.forget_print(1)
    assert dict(await metadata.prints([1, 2])) == {2: one}
    assert set(await metadata.holders(bands(one))) == {2}


async def test_a_band_that_many_have_says_nothing_and_takes_no_more(metadata, monkeypatch):
    for module in ("sqlite_prints", "cassandra_prints"):
        monkeypatch.setattr(f"origin.metadata.{module}.BAND_MOST", 3)
    common = a_print(1, 1)
    for video_id in range(1, 6):
        await metadata.keep_print(video_id, common)
    assert len(await metadata.prints(range(1, 6))) == 5
    assert Counter(await metadata.holders(bands(common))) == dict.fromkeys((1, 2, 3), len(bands(common)))


# uploads


async def test_an_upload_lives_from_receiving_to_announced_and_never_back(metadata):
    upload = an_upload(5, terms=UploadTerms(UploadKind.FINAL, (3, 4, 3), "sha-256 AAAA", 8 << 20))
    await metadata.create_upload(upload)
    assert await metadata.upload(5) == upload
    await metadata.advance_upload(5, UploadState.ANNOUNCED)
    await metadata.advance_upload(5, UploadState.STORED)
    assert (await metadata.upload(5)).state is UploadState.ANNOUNCED
    await metadata.delete_upload(5)
    await metadata.delete_upload(5)
    with pytest.raises(NotFound):
        await metadata.upload(5)


async def test_a_deferred_length_is_fixed_once(metadata):
    await metadata.create_upload(an_upload(5))
    assert await metadata.set_upload_length(5, 100)
    assert await metadata.set_upload_length(5, 100)
    assert not await metadata.set_upload_length(5, 101)
    assert not await metadata.set_upload_length(6, 100)
    assert (await metadata.upload(5)).length == 100


async def test_a_digest_that_comes_late_is_kept_with_the_rest_of_the_terms(metadata):
    terms = UploadTerms(UploadKind.FINAL, partials=(5, 6))
    await metadata.create_upload(an_upload(1, terms=terms))
    await metadata.set_upload_digest(1, "sha-256 AAAA")
    await metadata.advance_upload(1, UploadState.STORED)
    kept = await metadata.upload(1)
    assert (kept.terms, kept.state) == (replace(terms, digest="sha-256 AAAA"), UploadState.STORED)
    await metadata.set_upload_digest(2, "sha-256 AAAA")
    with pytest.raises(NotFound):
        await metadata.upload(2)


async def test_uploads_are_listed_by_state_and_by_user(metadata):
    for upload_id in (1, 2, 3):
        await metadata.create_upload(an_upload(upload_id))
    await metadata.create_upload(an_upload(4, user_id=8))
    await metadata.advance_upload(2, UploadState.STORED)
    assert [u.upload_id for u in await metadata.uploads_in(UploadState.RECEIVING, 1, 10)] == [3, 4]
    assert [u.upload_id for u in await metadata.uploads_of(7, UploadState.RECEIVING, 10)] == [1, 3]
    assert [u.upload_id for u in await metadata.uploads_of(7, UploadState.RECEIVING, 1)] == [1]


# likes, comments, follows


async def test_liking_twice_is_liking_once(metadata):
    for _ in range(2):
        await metadata.set_like(1, 5, True, NOW_MS)
    assert set(await metadata.liked(1, [4, 5])) == {5}
    for _ in range(2):
        await metadata.set_like(1, 5, False, NOW_MS)
    assert set(await metadata.liked(1, [4, 5])) == set()


async def test_a_like_counts_by_what_it_changes(metadata):
    deltas = [await metadata.count_like(1, 5, liked, n) for n, liked in enumerate([True, True, False, False, True])]
    assert deltas == [1, 0, -1, 0, 1]
    assert await metadata.count_like(2, 5, True, 9) == 1
    assert await metadata.count_like(3, 5, False, 10) == 0


async def test_asking_again_for_a_like_gives_the_same_answer(metadata):
    asked = [(10, True), (11, False), (12, True), (13, True)]
    first = [await metadata.count_like(1, 5, liked, offset) for offset, liked in asked]
    assert [await metadata.count_like(1, 5, liked, offset) for offset, liked in asked] == first
    assert await metadata.count_like(1, 5, False, 9) == 0


async def test_comments_are_added_once_and_listed_newest_first(metadata):
    for comment_id in (1, 2, 3, 3):
        await metadata.add_comment(Comment(comment_id, 5, 7, f"text {comment_id}", NOW_MS))
    await metadata.add_comment(Comment(4, 6, 7, "elsewhere", NOW_MS))
    assert [c.comment_id for c in await metadata.comments(5, None, 2)] == [3, 2]
    assert [c.comment_id for c in await metadata.comments(5, 2, 2)] == [1]
    assert await metadata.comment(1) == Comment(1, 5, 7, "text 1", NOW_MS)
    assert await metadata.delete_comment(1)
    assert not await metadata.delete_comment(1)
    with pytest.raises(NotFound):
        await metadata.comment(1)


async def test_follows_are_listed_both_ways_and_every_page_position_is_its_own(metadata):
    for follower in range(10, 16):
        await metadata.set_follow(follower, 1, True, NOW_MS)
        await metadata.set_follow(10, follower + 100, True, NOW_MS)
    await metadata.set_follow(10, 1, True, NOW_MS + 50)
    pages, before_ms = [], None
    while page := await metadata.followers(1, before_ms, 2):
        pages += [edge.user_id for edge in page]
        before_ms = page[-1].since_ms
    assert pages == [15, 14, 13, 12, 11, 10]
    assert len(await metadata.following(10, None, 100)) == 7
    assert set(await metadata.follows(10, [1, 2, 110])) == {1, 110}
    await metadata.set_follow(10, 1, False, NOW_MS)
    await metadata.set_follow(10, 1, False, NOW_MS)
    assert set(await metadata.follows(10, [1])) == set()


async def test_a_user_is_counted(metadata):
    await metadata.create_video(a_video(1, counts=Counts(likes=3)))
    await metadata.create_video(a_video(2, counts=Counts(likes=4)))
    await metadata.create_video(a_video(3, counts=Counts(likes=9), visibility=Visibility.PRIVATE))
    await metadata.set_follow(1, 7, True, NOW_MS)
    await metadata.set_follow(2, 7, True, NOW_MS)
    await metadata.set_follow(7, 1, True, NOW_MS)
    assert dict(await metadata.user_counts(7)) == {"followers": 2, "following": 1, "videos": 2, "likes": 7}
    assert dict(await metadata.user_counts(99)) == {"followers": 0, "following": 0, "videos": 0, "likes": 0}


async def test_the_following_feed_merges_the_followed_creators_by_time(metadata):
    for video_id in range(1, 10):
        await metadata.create_video(a_video(video_id, creator_id=video_id % 3))
    await metadata.create_video(a_video(20, creator_id=1, visibility=Visibility.UNLISTED))
    await metadata.set_follow(50, 1, True, NOW_MS)
    await metadata.set_follow(50, 2, True, NOW_MS)
    assert list(await metadata.following_feed(50, None, 4)) == [8, 7, 5, 4]
    assert list(await metadata.following_feed(50, 5, 4)) == [4, 2, 1]
    assert list(await metadata.following_feed(51, None, 4)) == []


# counts


async def test_a_batch_is_applied_once(metadata):
    await metadata.create_video(a_video(1))
    first = a_batch("a", {(1, CountKind.VIEWS): 5, (1, CountKind.LIKES): -1, (99, CountKind.VIEWS): 3})
    assert await metadata.apply_counts(first, NOW_MS)
    assert not await metadata.apply_counts(first, NOW_MS)
    second = a_batch("b", {(1, CountKind.SHARES): 2, (1, CountKind.COMMENTS): 1}, after="a")
    assert await metadata.apply_counts(second, NOW_MS)
    assert not await metadata.apply_counts(first, NOW_MS)
    assert (await metadata.video(1)).counts == Counts(5, -1, 1, 2)


async def test_a_batch_that_comes_after_another_than_was_written_last_is_refused(metadata):
    await metadata.create_video(a_video(1))
    views = {(1, CountKind.VIEWS): 1}
    await metadata.apply_counts(a_batch("a", views), NOW_MS)
    marks = {("counts", "interactions", 3): 41}
    await metadata.apply_counts(a_batch("b", views, after="a", marks=marks), NOW_MS)
    for after in ("", "a", "c"):
        with pytest.raises(BatchForked) as refused:
            await metadata.apply_counts(a_batch("d", views, after=after), NOW_MS)
        assert refused.value.written == Written("b", marks)
    assert await metadata.apply_counts(a_batch("d", views, after="b"), NOW_MS)
    assert (await metadata.video(1)).counts == Counts(views=3)


async def test_the_hottest_come_first_and_heat_fades(metadata):
    for video_id in (1, 2, 3):
        await metadata.create_video(a_video(video_id))
    await metadata.create_video(a_video(4, visibility=Visibility.PRIVATE))
    await metadata.apply_counts(a_batch("old", {(1, CountKind.VIEWS): 100}), NOW_MS - 48 * HOUR_MS)
    new = {(2, CountKind.VIEWS): 60, (4, CountKind.VIEWS): 999}
    await metadata.apply_counts(a_batch("new", new, after="old"), NOW_MS)
    await metadata.apply_counts(a_batch("likes", {(3, CountKind.LIKES): 30}, after="new"), NOW_MS)
    heats = await metadata.hot(NOW_MS, 72, 10)
    assert [heat.video_id for heat in heats] == [3, 2, 1]
    assert [heat.video_id for heat in await metadata.hot(NOW_MS, 1, 10)] == [3, 2]
    assert heats[2].score == pytest.approx(25)
    assert len(await metadata.hot(NOW_MS, 72, 1)) == 1


# worker numbers


async def test_no_two_owners_hold_one_worker_number(metadata):
    numbers = await asyncio.gather(*(metadata.lease_worker(f"p{n}", NOW_MS, LEASE_MS) for n in range(50)))
    assert len(set(numbers)) == 50
    assert all(0 <= number < 1024 for number in numbers)


async def test_a_lease_is_renewed_by_its_owner_in_time_only(metadata):
    number = await metadata.lease_worker("a", NOW_MS, LEASE_MS)
    assert await metadata.renew_worker(number, "a", NOW_MS + 50_000, LEASE_MS)
    assert not await metadata.renew_worker(number, "b", NOW_MS + 50_000, LEASE_MS)
    assert not await metadata.renew_worker(number, "a", NOW_MS + 50_000 + LEASE_MS, LEASE_MS)
    await metadata.release_worker(number, "b")
    assert await metadata.renew_worker(number, "a", NOW_MS + 60_000, LEASE_MS)
    await metadata.release_worker(number, "a")
    assert not await metadata.renew_worker(number, "a", NOW_MS + 60_000, LEASE_MS)


async def test_a_number_is_given_again_only_one_lease_after_its_own_ended(metadata):
    leases = [metadata.lease_worker(f"p{n}", NOW_MS, LEASE_MS) for n in range(1024)]
    await asyncio.gather(*leases)
    with pytest.raises(NoWorkerNumber):
        await metadata.lease_worker("late", NOW_MS + 2 * LEASE_MS - 1, LEASE_MS)
    assert 0 <= await metadata.lease_worker("late", NOW_MS + 2 * LEASE_MS, LEASE_MS) < 1024


# enhancements


async def test_an_enhancement_is_claimed_by_one_owner_until_the_claims_end(metadata):
    claims = [metadata.claim_enhancement(1, f"attempt {n}", NOW_MS, NOW_MS + LEASE_MS) for n in range(5)]
    granted = await asyncio.gather(*claims)
    assert granted.count(True) == 1
    owner = f"attempt {granted.index(True)}"
    assert await metadata.claim_enhancement(1, owner, NOW_MS + 50_000, NOW_MS + 50_000 + LEASE_MS)
    assert not await metadata.claim_enhancement(1, "late", NOW_MS + LEASE_MS, NOW_MS + 2 * LEASE_MS)
    assert await metadata.claim_enhancement(2, "late", NOW_MS + LEASE_MS, NOW_MS + 2 * LEASE_MS)
    assert await metadata.claim_enhancement(1, "late", NOW_MS + 50_000 + LEASE_MS, NOW_MS + 3 * LEASE_MS)
    assert not await metadata.claim_enhancement(1, owner, NOW_MS + 50_001 + LEASE_MS, NOW_MS + 3 * LEASE_MS)


async def test_an_enhancement_that_is_given_back_is_free_at_once(metadata):
    assert await metadata.claim_enhancement(1, "a", NOW_MS, NOW_MS + LEASE_MS)
    assert await metadata.claim_enhancement(1, "a", NOW_MS + 10, NOW_MS + 10)
    assert await metadata.claim_enhancement(1, "b", NOW_MS + 10, NOW_MS + LEASE_MS)


# the store itself


async def test_a_store_that_can_be_used_passes_its_check(metadata):
    await metadata.check()
    await metadata.close()
    with pytest.raises(MetadataUnavailable):
        await metadata.check()


async def test_a_write_that_fails_takes_no_other_with_it(metadata):
    await metadata.create_user(User(1, "taken", False, NOW_MS))
    writes = [metadata.create_user(User(n, "taken" if n % 2 else f"free{n}", False, NOW_MS)) for n in range(2, 42)]
    results = await asyncio.gather(*writes, return_exceptions=True)
    assert [r for r in results if r is None] == [None] * 20
    assert len(await metadata.users(list(range(2, 42)))) == 20


async def test_a_closed_store_says_so(metadata):
    await metadata.close()
    with pytest.raises(MetadataUnavailable):
        await metadata.create_user(User(1, "late", False, NOW_MS))


# webhooks


def a_webhook(webhook_id: int, **changes) -> Webhook:
    webhook = Webhook(webhook_id, 7, "https://a.example/hook", ("video.ready",), "whsec_a", NOW_MS)
    return replace(webhook, **changes)


def an_attempt(at_ms: int, **changes) -> Attempt:
    attempt = Attempt(
        since_epoch(at_ms) << 22, 1, "msg_1", "video.ready", 1, at_ms, Outcome.RETRYING, 503, "", 12, at_ms + 5
    )
    return replace(attempt, **changes)


async def test_a_webhook_comes_back_as_it_was_stored_and_to_its_user_only(metadata):
    bare = a_webhook(1, types=())
    full = a_webhook(
        2, old_secret="whsec_b", old_secret_until_ms=NOW_MS + 1, disabled=Disabled.GONE, failing_since_ms=NOW_MS
    )
    for webhook in (full, bare):
        assert await metadata.create_webhook(webhook, 5)
    assert await metadata.webhook(7, 1) == bare
    assert list(await metadata.webhooks_of(7)) == [bare, full]
    assert list(await metadata.webhooks_of(8)) == []
    assert await metadata.webhook_owner(2) == 7
    for user_id, webhook_id in ((8, 1), (7, 3)):
        with pytest.raises(NotFound):
            await metadata.webhook(user_id, webhook_id)
    with pytest.raises(NotFound):
        await metadata.webhook_owner(3)


async def test_of_many_webhooks_that_a_user_creates_at_once_no_more_get_through_than_there_is_room_for(metadata):
    created = await asyncio.gather(*(metadata.create_webhook(a_webhook(n), 2) for n in range(1, 7)))
    assert created.count(True) == len(await metadata.webhooks_of(7)) == 2
    [first, _] = await metadata.webhooks_of(7)
    await metadata.delete_webhook(7, first.webhook_id)
    assert await metadata.create_webhook(a_webhook(9), 2)
    assert await metadata.create_webhook(a_webhook(10, user_id=8), 2)


async def test_of_two_changes_of_one_webhook_the_second_looks_again(metadata):
    before = a_webhook(1)
    await metadata.create_webhook(before, 5)
    await metadata.create_webhook(a_webhook(2), 5)
    url, secret = replace(before, url="https://b.example/"), replace(before, secret="whsec_c")
    assert await metadata.replace_webhook(before, url)
    assert not await metadata.replace_webhook(before, secret)
    assert await metadata.webhook(7, 1) == url
    assert await metadata.webhook(7, 2) == a_webhook(2)
    changed = [replace(url, failing_since_ms=n) for n in range(6)]
    assert sum(await asyncio.gather(*(metadata.replace_webhook(url, each) for each in changed))) == 1


async def test_a_deleted_webhook_is_gone_and_no_change_brings_it_back(metadata):
    webhook = a_webhook(1)
    await metadata.create_webhook(webhook, 5)
    await metadata.delete_webhook(8, 1)
    assert await metadata.webhook(7, 1) == webhook
    for _ in range(2):
        await metadata.delete_webhook(7, 1)
    assert not await metadata.replace_webhook(webhook, replace(webhook, url="https://b.example/"))
    with pytest.raises(NotFound):
        await metadata.webhook(7, 1)
    assert list(await metadata.webhooks_of(7)) == []
    assert await metadata.webhook_owner(1) == 7


async def test_attempts_are_listed_newest_first_page_by_page_over_the_days(metadata):
    attempts = [an_attempt(NOW_MS - day * DAY_MS, number=8 - day) for day in range(7)]
    attempts[3] = replace(attempts[3], status=None, error="no answer", next_at_ms=None, outcome=Outcome.GIVEN_UP)
    for attempt in attempts:
        await metadata.add_attempt(attempt, "{}")
        await metadata.add_attempt(attempt, "{}")
    await metadata.add_attempt(replace(attempts[0], webhook_id=2), "{}")
    first = await metadata.attempts_of(1, None, 4, NOW_MS)
    rest = await metadata.attempts_of(1, first[-1].attempt_id, 4, NOW_MS)
    assert [*first, *rest] == attempts
    assert list(await metadata.attempts_of(1, rest[-1].attempt_id, 4, NOW_MS)) == []
    assert list(await metadata.attempts_of(1, None, 10, NOW_MS + 5 * DAY_MS)) == attempts[:3]


async def test_a_message_that_was_sent_can_be_read_again_by_its_webhook(metadata):
    await metadata.add_attempt(an_attempt(NOW_MS), '{"a":1}')
    await metadata.add_attempt(an_attempt(NOW_MS + 1), '{"a":1}')
    assert await metadata.sent_message(1, "msg_1") == Sent("msg_1", "video.ready", '{"a":1}')
    for webhook_id, message_id in ((2, "msg_1"), (1, "msg_2")):
        with pytest.raises(NotFound):
            await metadata.sent_message(webhook_id, message_id)
