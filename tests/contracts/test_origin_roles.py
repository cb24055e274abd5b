"""What the gateway asks of the origin: the same in one process and over gRPC. The ways are `roles.WAYS`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from functools import partial

import pytest

from origin.captions import object_key
from origin.eventlog import LogFull, LogUnavailable
from origin.events import InteractionEvent, InteractionType, PurgeEvent, Topic, UploadEvent, WebhookEvent, decode
from origin.ids import NoIds
from origin.metadata import MetadataFull, MetadataUnavailable
from origin.metadata.base import HandleTaken, MetadataTooNew, NotFound
from origin.model import Failure, UploadKind, UploadTerms, User, VideoStatus, Visibility
from origin.objects.base import NoSuchObject, StoreFull, StoreUnavailable
from origin.progress import Packaging, RungProgress, Stage
from origin.refusals import (
    AlreadyNamed,
    BadCaptions,
    BadWebhook,
    CommentRefused,
    NoDirectUploads,
    NoSuchPartial,
    NotCreator,
    NotHeld,
    NothingToTakeDown,
    NotTakenDown,
    SelfFollow,
    StillRetrying,
    TooManyWebhooks,
    UploadIncomplete,
    WebhookDisabled,
)
from origin.reviews import hold
from origin.subscriptions import DAY_MS, MOST_WEBHOOKS, Attempt, Disabled, Outcome
from origin.views import Interaction, WebhookView
from tests.contracts.roles import NOW_MS, SHOWN


async def five_bytes() -> AsyncIterator[bytes]:
    yield b"12345"


async def test_a_video_is_seen_with_all_that_belongs_to_it(roles):
    ann, bob = await roles.user("ann"), await roles.user("bob")
    video_id = await roles.video(ann)
    await roles.social.like(bob.user_id, video_id, True, "r")
    await roles.social.follow(bob.user_id, ann.user_id, True, "r")
    view = await roles.videos.view(video_id, bob.user_id)
    assert (view.creator, view.liked, view.following) == (ann, True, True)
    assert view.video.publication == SHOWN
    assert (view.video.status, view.video.visibility) == (VideoStatus.READY, Visibility.PUBLIC)
    assert (view.video.tags, view.video.published_at_ms, view.video.failure) == (("cats",), NOW_MS, None)
    assert await roles.videos.views([video_id], bob.user_id) == [view]


async def test_videos_come_in_the_order_asked_for_without_those_that_do_not_play(roles):
    ann = await roles.user("ann")
    first, second = await roles.video(ann), await roles.video(ann)
    queued = await roles.video(ann, VideoStatus.QUEUED)
    views = await roles.videos.views([second, queued, 5, first], 0)
    assert [view.video.video_id for view in views] == [second, first]
    assert list(await roles.videos.views([], 0)) == []


async def test_what_a_viewer_may_not_see_is_not_found(roles):
    ann = await roles.user("ann")
    hidden = await roles.video(ann, visibility=Visibility.PRIVATE)
    with pytest.raises(NotFound, match=str(hidden)):
        await roles.videos.view(hidden, 0)
    assert (await roles.videos.view(hidden, ann.user_id)).video.video_id == hidden


async def test_a_creators_videos_are_paged_newest_first(roles):
    ann = await roles.user("ann")
    ids = [await roles.video(ann) for _ in range(3)]
    page = await roles.videos.by_creator(ann.user_id, 0, None, 2)
    assert [view.video.video_id for view in page] == [ids[2], ids[1]]
    rest = await roles.videos.by_creator(ann.user_id, 0, ids[1], 2)
    assert [view.video.video_id for view in rest] == [ids[0]]


async def test_an_edit_changes_what_is_given_and_keeps_the_rest(roles):
    ann = await roles.user("ann")
    video_id = await roles.video(ann)
    edited = await roles.videos.edit(video_id, ann.user_id, "now #dogs", None)
    assert (edited.video.description, edited.video.tags) == ("now #dogs", ("dogs",))
    assert edited.video.visibility is Visibility.PUBLIC
    hidden = await roles.videos.edit(video_id, ann.user_id, None, Visibility.PRIVATE)
    assert (hidden.video.description, hidden.video.visibility) == ("now #dogs", Visibility.PRIVATE)
    assert (await roles.videos.edit(video_id, ann.user_id, "", None)).video.description == ""


async def test_only_its_creator_edits_or_deletes_a_video(roles):
    ann, bob = await roles.user("ann"), await roles.user("bob")
    video_id = await roles.video(ann)
    with pytest.raises(NotCreator, match="Only the creator"):
        await roles.videos.edit(video_id, bob.user_id, "mine", None)
    with pytest.raises(NotCreator):
        await roles.videos.delete(video_id, bob.user_id)
    await roles.videos.delete(video_id, ann.user_id)
    with pytest.raises(NotFound):
        await roles.videos.view(video_id, ann.user_id)
    with pytest.raises(NotFound):
        await roles.videos.delete(video_id, ann.user_id)


async def test_captions_are_given_by_the_creator_replaced_and_taken_back(roles):
    ann, bob = await roles.user("ann"), await roles.user("bob")
    video_id = await roles.video(ann)
    first = b"WEBVTT\r\n\r\n00:01.000 --> 00:02.000\r\nHello\r\n"
    with pytest.raises(NotCreator):
        await roles.captions.put(video_id, bob.user_id, "en", "", first)
    view = await roles.captions.put(video_id, ann.user_id, "pt-br", "Português", first)
    (given,) = view.video.captions
    assert (given.language, given.label) == ("pt-BR", "Português")
    kept = object_key(video_id, given)
    assert b"00:01.000 --> 00:02.000\nHello" in b"".join([block async for block in roles.objects.behind.get(kept)])
    view = await roles.captions.put(video_id, ann.user_id, "pt-BR", "", first.replace(b"Hello", b"Bye"))
    assert view.video.captions[0].digest != given.digest
    with pytest.raises(NoSuchObject):
        await roles.objects.stat(kept)
    await roles.captions.remove(video_id, ann.user_id, "pt-BR")
    await roles.captions.remove(video_id, ann.user_id, "pt-BR")
    assert (await roles.videos.view(video_id, 0)).video.captions == ()
    purges = await roles.eventlog.read(Topic.PURGES, {}, 100)
    assert {decode(PurgeEvent, record.value).tag for record in purges} == {f"video-{video_id}"}


@pytest.mark.parametrize(
    ("language", "label", "track", "said"),
    [
        ("english!", "", b"WEBVTT", "no language tag"),
        ("en", "x" * 51, b"WEBVTT", "label"),
        ("en", "", b"hello", "first line must be WEBVTT"),
    ],
)
async def test_captions_that_do_not_fit_are_refused_and_say_why(roles, language, label, track, said):
    ann = await roles.user("ann")
    video_id = await roles.video(ann)
    with pytest.raises(BadCaptions, match=said):
        await roles.captions.put(video_id, ann.user_id, language, label, track)
    assert (await roles.videos.view(video_id, 0)).video.captions == ()


async def test_a_watcher_sees_a_video_until_it_is_ready(roles):
    ann = await roles.user("ann")
    video_id = await roles.video(ann, VideoStatus.QUEUED)
    seen = []
    async for view in roles.videos.changes(video_id, ann.user_id):
        seen.append(view.video.status)
        if view.video.status is VideoStatus.QUEUED:
            await roles.metadata.publish(video_id, SHOWN, VideoStatus.READY, NOW_MS, {VideoStatus.QUEUED})
            roles.changed.announce(video_id)
    assert seen == [VideoStatus.QUEUED, VideoStatus.READY]


async def test_its_creator_watches_the_rungs_of_a_video_grow(roles):
    ann = await roles.user("ann")
    video_id = await roles.video(ann, VideoStatus.QUEUED)
    await roles.metadata.transition(video_id, {VideoStatus.QUEUED}, VideoStatus.PROCESSING)
    told = [Packaging(Stage.CHECKING)] + [
        Packaging(Stage.ENCODING_REST, (RungProgress(1920, share, False), RungProgress(960, 1.0, True)))
        for share in (0.25, 0.5)
    ]
    seen = []
    async with aclosing(roles.videos.changes(video_id, ann.user_id)) as changes:
        seen.append((await anext(changes)).packaging)
        for each in told:
            await roles.progress.note(video_id, each)
            roles.changed.announce(video_id)
            seen.append((await anext(changes)).packaging)
    assert seen == [None, *told]


async def test_watching_what_is_not_there_is_not_found_at_the_first_step(roles):
    with pytest.raises(NotFound):
        await anext(roles.videos.changes(5, 0))


async def test_a_watcher_may_leave(roles):
    ann = await roles.user("ann")
    video_id = await roles.video(ann, VideoStatus.QUEUED)
    async with aclosing(roles.videos.changes(video_id, ann.user_id)) as changes:
        await anext(changes)
        assert roles.changed._watches
    while roles.changed._watches:  # noqa: ASYNC110 - nothing tells of a bell that is taken down
        await asyncio.sleep(0.01)


async def test_guests_are_made_named_once_and_keep_their_id(roles):
    guest = await roles.social.create_user(None)
    assert guest.guest
    named = await roles.social.claim_handle(guest.user_id, "carla")
    assert named == User(guest.user_id, "carla", guest=False, created_at_ms=NOW_MS)
    with pytest.raises(AlreadyNamed, match="carla"):
        await roles.social.claim_handle(guest.user_id, "dora")
    with pytest.raises(HandleTaken):
        await roles.social.create_user("Carla")
    with pytest.raises(NotFound):
        await roles.social.claim_handle(5, "emil")


async def test_a_user_is_seen_with_counts_and_whether_one_follows(roles):
    ann, bob = await roles.user("ann"), await roles.user("bob")
    await roles.social.follow(bob.user_id, ann.user_id, True, "r")
    view = await roles.social.user(ann.user_id, bob.user_id)
    assert (view.user, view.following) == (ann, True)
    assert dict(view.counts) == dict(await roles.metadata.user_counts(ann.user_id))
    with pytest.raises(NotFound):
        await roles.social.user(5, 0)


async def test_likes_and_follows_can_be_repeated_and_taken_back(roles):
    ann, bob = await roles.user("ann"), await roles.user("bob")
    video_id = await roles.video(ann)
    for wanted in (True, True, False, False):
        await roles.social.like(bob.user_id, video_id, wanted, "r")
        await roles.social.follow(bob.user_id, ann.user_id, wanted, "r")
        view = await roles.videos.view(video_id, bob.user_id)
        assert (view.liked, view.following) == (wanted, wanted)
    with pytest.raises(SelfFollow):
        await roles.social.follow(ann.user_id, ann.user_id, True, "r")
    with pytest.raises(NotFound):
        await roles.social.like(bob.user_id, 5, True, "r")


async def test_interactions_are_in_the_log_and_those_without_sense_are_told_by_index(roles):
    ann, bob = await roles.user("ann"), await roles.user("bob")
    video_id = await roles.video(ann)
    acts = [
        Interaction("e1", InteractionType.VIEW, 5, 0, NOW_MS, 900, "f", 0),
        Interaction("e2", InteractionType.VIEW, video_id, 0, NOW_MS, 4_000, "feed", 3),
        Interaction("e3", InteractionType.FOLLOW, 0, ann.user_id, NOW_MS, 0, "", 0),
    ]
    refused = await roles.social.interact(bob.user_id, acts, "req-9")
    assert [each.index for each in refused] == [0]
    assert refused[0].problem
    records = await roles.eventlog.read(Topic.INTERACTIONS, {}, 100)
    events = [decode(InteractionEvent, record.value) for record in records]
    assert [(e.event_id, e.watch_ms, e.feed_id, e.position, e.request_id) for e in events] == [
        ("e2", 4_000, "feed", 3, "req-9"),
        ("e3", 0, "", 0, "req-9"),
    ]
    assert (await roles.videos.view(video_id, bob.user_id)).following
    assert list(await roles.social.interact(bob.user_id, [], "r")) == []


async def test_comments_are_written_listed_and_deleted_by_who_may(roles):
    ann, bob = await roles.user("ann"), await roles.user("bob")
    video_id = await roles.video(ann)
    first = await roles.social.comment(bob.user_id, video_id, "schön ❤", "r")
    second = await roles.social.comment(ann.user_id, video_id, "danke", "r")
    assert first.user == bob
    assert list(await roles.social.comments(video_id, 0, None, 10)) == [second, first]
    assert list(await roles.social.comments(video_id, 0, second.comment.comment_id, 10)) == [first]
    with pytest.raises(NotCreator):
        await roles.social.delete_comment(second.comment.comment_id, bob.user_id, "r")
    await roles.social.delete_comment(first.comment.comment_id, ann.user_id, "r")
    with pytest.raises(NotFound):
        await roles.social.delete_comment(first.comment.comment_id, ann.user_id, "r")
    with pytest.raises(CommentRefused):
        await roles.social.comment(bob.user_id, video_id, "buy " * 5 + "http://a.example http://b.example " * 5, "r")


async def test_followers_and_followed_are_listed_newest_first_and_paged(roles):
    ann, bob, carl = [await roles.user(name) for name in ("ann", "bob", "carl")]
    for each in (bob, carl):
        await roles.social.follow(each.user_id, ann.user_id, True, "r")
    page = await roles.social.followers(ann.user_id, None, 1)
    rest = await roles.social.followers(ann.user_id, page[0].since_ms, 5)
    assert {listed.user.handle for listed in (*page, *rest)} == {"bob", "carl"}
    assert [listed.user for listed in await roles.social.following(bob.user_id, None, 5)] == [ann]


async def test_an_upload_is_begun_found_and_finished_once(roles):
    ann = await roles.user("ann")
    ticket = await roles.upload(ann)
    assert (ticket.length, ticket.metadata, ticket.finished) == (5, "filename YQ==", False)
    assert await roles.uploads.find(ticket.upload_id) == ticket
    assert await roles.uploads.live_by(ann.user_id) == [ticket]
    with pytest.raises(UploadIncomplete, match="0 of 5"):
        await roles.uploads.finish(ticket.upload_id, "req-1")
    await roles.objects.put_part(ticket.multipart_id, 1, five_bytes())
    await roles.uploads.finish(ticket.upload_id, "req-1")
    await roles.uploads.finish(ticket.upload_id, "req-2")
    records = await roles.eventlog.read(Topic.UPLOADS, {}, 100)
    assert [decode(UploadEvent, record.value).request_id for record in records] == ["req-1"]
    assert (await roles.uploads.find(ticket.upload_id)).finished
    assert await roles.uploads.live_by(ann.user_id) == []


async def test_what_was_agreed_about_an_upload_is_kept(roles):
    ann = await roles.user("ann")
    begin = partial(roles.uploads.begin, ann.user_id, now_ms=0, metadata="", description="")
    piece = await begin(length=5, terms=UploadTerms(UploadKind.PARTIAL))
    assert (piece.video_id, piece.length) == (0, 5)
    terms = UploadTerms(UploadKind.FINAL, (piece.upload_id, piece.upload_id), "sha-256 AAAA")
    final = await begin(length=None, terms=terms)
    assert (final.terms, final.length) == (terms, 10)
    assert await roles.uploads.find(final.upload_id) == final
    with pytest.raises(NoSuchPartial):
        await begin(length=None, terms=UploadTerms(UploadKind.FINAL, (final.upload_id,)))
    with pytest.raises(NoDirectUploads):
        await begin(length=5, terms=UploadTerms(UploadKind.DIRECT, part_bytes=5 << 20))


async def test_a_deferred_length_is_fixed_once(roles):
    ticket = await roles.upload(await roles.user("ann"), length=None)
    assert ticket.length is None
    assert await roles.uploads.fix_length(ticket.upload_id, 7)
    assert not await roles.uploads.fix_length(ticket.upload_id, 8)
    assert (await roles.uploads.find(ticket.upload_id)).length == 7


async def test_a_cancelled_upload_is_gone_and_cancelling_it_again_is_no_error(roles):
    ticket = await roles.upload(await roles.user("ann"))
    await roles.uploads.cancel(ticket.upload_id)
    await roles.uploads.cancel(ticket.upload_id)
    with pytest.raises(NotFound):
        await roles.uploads.find(ticket.upload_id)


async def test_an_upload_whose_parts_are_gone_says_so(roles):
    ticket = await roles.upload(await roles.user("ann"))
    await roles.objects.abort(ticket.multipart_id)
    with pytest.raises(NoSuchObject):
        await roles.uploads.finish(ticket.upload_id, "r")


@pytest.mark.parametrize("error", [MetadataUnavailable, MetadataFull, MetadataTooNew], ids=lambda kind: kind.__name__)
async def test_a_metadata_store_that_fails_is_told_as_it_is(roles, error):
    roles.metadata.error = error("what the store said")
    with pytest.raises(error, match="what the store said"):
        await roles.videos.view(1, 1)


@pytest.mark.parametrize("error", [LogUnavailable, LogFull], ids=lambda kind: kind.__name__)
async def test_an_event_log_that_fails_is_told_as_it_is(roles, error):
    ann = await roles.user("ann")
    video_id = await roles.video(ann)
    roles.eventlog.error = error("what the log said")
    with pytest.raises(error, match="what the log said"):
        await roles.social.like(ann.user_id, video_id, True, "r")


@pytest.mark.parametrize("error", [StoreUnavailable, StoreFull], ids=lambda kind: kind.__name__)
async def test_an_object_store_that_fails_is_told_as_it_is(roles, error):
    ann = await roles.user("ann")
    roles.objects.error = error("what the store said")
    with pytest.raises(error, match="what the store said"):
        await roles.upload(ann)


async def test_without_ids_nothing_is_made(roles):
    def no_ids() -> int:
        raise NoIds("the lease ended")

    roles._ids = iter(no_ids, None)
    with pytest.raises(NoIds, match="the lease ended"):
        await roles.social.create_user("ann")


async def test_clips_that_wait_for_review_are_listed_and_decided(roles):
    ann = await roles.user("ann")
    first, second = [await roles.video(ann, VideoStatus.QUEUED) for _ in range(2)]
    for video_id in (first, second):
        await roles.metadata.transition(video_id, {VideoStatus.QUEUED}, VideoStatus.PROCESSING)
        await roles.metadata.set_held(video_id, NOW_MS)
        await roles.metadata.mark_reupload(video_id, 5)
        event = UploadEvent(video_id, ann.user_id, f"raw/{video_id}", NOW_MS)
        await roles.eventlog.append(Topic.UPLOADS_REVIEW, str(video_id), hold(event, "unsure"))
    waiting = await roles.reviews.waiting(10)
    assert [(each.video.video_id, each.reason, each.since_ms) for each in waiting] == [
        (first, "unsure", NOW_MS),
        (second, "unsure", NOW_MS),
    ]
    assert {each.video.reupload_of for each in waiting} == {5}
    assert [each.clip_key for each in await roles.reviews.waiting(1)] == [waiting[0].clip_key]
    assert (await roles.videos.view(first, ann.user_id)).video.held_at_ms == NOW_MS
    await roles.reviews.allow(first)
    assert (await roles.videos.view(first, ann.user_id)).video.held_at_ms is None
    await roles.reviews.reject(second, "Not here.")
    assert (await roles.videos.view(second, ann.user_id)).video.failure.detail == "Not here."
    [record] = await roles.eventlog.read(Topic.UPLOADS, {}, 10)
    assert decode(UploadEvent, record.value).cleared
    with pytest.raises(NotHeld, match=str(first)):
        await roles.reviews.allow(first)
    with pytest.raises(NotHeld):
        await roles.reviews.reject(second, "Not here.")
    assert list(await roles.reviews.waiting(10)) == []


async def test_webhooks_are_made_changed_rotated_and_deleted_by_their_user(roles):
    made = await roles.webhooks.create(7, "https://a.example/hook", ["video.ready"])
    key = made.webhook.webhook_id
    assert made.webhook == WebhookView(key, "https://a.example/hook", ("video.ready",), NOW_MS, None, None, None)
    assert made.secret.startswith("whsec_")
    assert await roles.webhooks.view(7, key) == made.webhook
    assert list(await roles.webhooks.all_of(7)) == [made.webhook]
    every = await roles.webhooks.edit(7, key, None, [], None)
    assert every == replace(made.webhook, types=())
    moved = await roles.webhooks.edit(7, key, "https://b.example/", None, False)
    assert moved == replace(every, url="https://b.example/", disabled=Disabled.OWNER)
    rotated = await roles.webhooks.rotate(7, key)
    assert rotated.webhook == replace(moved, old_secret_until_ms=NOW_MS + DAY_MS)
    assert rotated.secret != made.secret
    with pytest.raises(NotFound):
        await roles.webhooks.delete(8, key)
    await roles.webhooks.delete(7, key)
    with pytest.raises(NotFound):
        await roles.webhooks.view(7, key)


async def test_webhooks_beyond_the_bound_or_at_no_public_address_are_refused(roles):
    with pytest.raises(BadWebhook, match="not public"):
        await roles.webhooks.create(7, "https://10.0.0.1/", [])
    for _ in range(MOST_WEBHOOKS):
        await roles.webhooks.create(7, "https://a.example/hook", [])
    with pytest.raises(TooManyWebhooks, match=str(MOST_WEBHOOKS)):
        await roles.webhooks.create(7, "https://a.example/hook", [])


async def test_messages_are_tested_listed_and_replayed(roles):
    key = (await roles.webhooks.create(7, "https://a.example/hook", [])).webhook.webhook_id
    message_id = await roles.webhooks.test(7, key)
    sent = Attempt(5, key, message_id, "webhook.test", 1, NOW_MS, Outcome.GIVEN_UP, None, "no answer", 3, None)
    retried = replace(sent, attempt_id=6, outcome=Outcome.RETRYING, status=503, error="", next_at_ms=NOW_MS + 5)
    for attempt in (sent, retried):
        await roles.metadata.add_attempt(attempt, "{}")
    assert list(await roles.webhooks.deliveries(7, key, None, 5)) == [retried, sent]
    assert list(await roles.webhooks.deliveries(7, key, 6, 5)) == [sent]
    with pytest.raises(StillRetrying, match=message_id):
        await roles.webhooks.replay(7, key, message_id)
    await roles.metadata.add_attempt(replace(sent, attempt_id=7, number=3), "{}")
    await roles.webhooks.replay(7, key, message_id)
    records = await roles.eventlog.read(Topic.WEBHOOKS, {}, 10)
    assert [decode(WebhookEvent, each.value).message_id for each in records] == [message_id] * 2
    with pytest.raises(NotFound):
        await roles.webhooks.replay(7, key, "msg_9_ready_1")
    await roles.webhooks.edit(7, key, None, None, False)
    with pytest.raises(WebhookDisabled, match="enable it first"):
        await roles.webhooks.test(7, key)


async def test_a_video_is_taken_down_and_restored(roles):
    ann = await roles.user("ann")
    video_id = await roles.video(ann, VideoStatus.READY)
    for _ in range(2):
        await roles.reviews.take_down(video_id, "Not here.")
        seen = (await roles.videos.view(video_id, ann.user_id)).video
        assert (seen.status, seen.failure, seen.taken_down_from) == (
            VideoStatus.REJECTED,
            Failure("taken_down", "Not here."),
            VideoStatus.READY,
        )
        assert await roles.videos.views([video_id], ann.user_id) == []
    for _ in range(2):
        await roles.reviews.restore(video_id)
        assert (await roles.videos.view(video_id, 0)).video.status is VideoStatus.READY
    with pytest.raises(NotTakenDown, match="never"):
        await roles.reviews.restore(await roles.video(ann, VideoStatus.READY))
    await roles.metadata.transition(video_id, {VideoStatus.READY}, VideoStatus.FAILED)
    with pytest.raises(NothingToTakeDown, match="failed"):
        await roles.reviews.take_down(video_id, "Not here.")
    with pytest.raises(NotFound):
        await roles.reviews.take_down(12345, "Not here.")
