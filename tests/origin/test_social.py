from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.eventlog import LogUnavailable
from origin.events import InteractionEvent, InteractionType, Topic, decode
from origin.handles import guest_handle
from origin.late import MOST_EVENTS, LateEvents
from origin.metadata import HandleTaken, NotFound
from origin.model import VideoStatus, Visibility
from origin.refusals import AlreadyNamed, CommentRefused, NotCreator, SelfFollow
from origin.social import Social
from origin.text import comment_problem, hashtags
from origin.views import Interaction, Refused
from tests.origin.away import Away


@pytest.fixture
def social(house) -> Social:
    return Social(house.metadata, house.eventlog, house.clock, house.mint)


def an_interaction(kind: InteractionType, video_id: int = 0, **changes) -> Interaction:
    values = {"event_id": "e1", "creator_id": 0, "at_ms": 0, "watch_ms": 0, "feed_id": "f", "position": 0}
    return Interaction(type=kind, video_id=video_id, **(values | changes))


async def test_a_guest_gets_a_handle_and_claims_a_better_one_once(house, social):
    guest = await social.create_user(None)
    assert guest.guest
    assert guest.handle == guest_handle(guest.user_id)
    named = await social.claim_handle(guest.user_id, "Cat")
    assert (named.user_id, named.handle, named.guest) == (guest.user_id, "Cat", False)
    with pytest.raises(AlreadyNamed):
        await social.claim_handle(guest.user_id, "Dog")
    with pytest.raises(HandleTaken):
        await social.create_user("cat")


async def test_a_like_is_in_the_log_and_seen_at_once_and_repeating_it_adds_nothing(house, social):
    video = await house.video(await house.user("cat"))
    viewer = await house.user("dog")
    for _ in range(2):
        await social.like(viewer.user_id, video.video_id, True, "r1")
    assert video.video_id in await house.metadata.liked(viewer.user_id, [video.video_id])
    (event,) = await house.events(InteractionEvent, Topic.INTERACTIONS)
    assert (event.type, event.user_id, event.request_id) == (InteractionType.LIKE, viewer.user_id, "r1")
    assert event.creator_id == video.creator_id
    await social.like(viewer.user_id, video.video_id, False, "r2")
    assert not await house.metadata.liked(viewer.user_id, [video.video_id])


async def test_what_one_cannot_watch_one_cannot_like(house, social):
    video = await house.video(await house.user("cat"), VideoStatus.PROCESSING)
    for video_id in (video.video_id, 99):
        with pytest.raises(NotFound):
            await social.like(1, video_id, True, "")


async def test_following_shows_in_both_listings_and_counts(house, social):
    cat, dog = await house.user("cat"), await house.user("dog")
    for _ in range(2):
        await social.follow(dog.user_id, cat.user_id, True, "")
    assert len(await house.events(InteractionEvent, Topic.INTERACTIONS)) == 1
    assert [each.user for each in await social.followers(cat.user_id, None, 10)] == [dog]
    assert [each.user for each in await social.following(dog.user_id, None, 10)] == [cat]
    view = await social.user(cat.user_id, dog.user_id)
    assert view.following
    assert view.counts["followers"] == 1
    await social.follow(dog.user_id, cat.user_id, False, "")
    assert not (await social.user(cat.user_id, dog.user_id)).following


async def test_one_cannot_follow_oneself_or_nobody(house, social):
    cat = await house.user("cat")
    with pytest.raises(SelfFollow):
        await social.follow(cat.user_id, cat.user_id, True, "")
    with pytest.raises(NotFound):
        await social.follow(cat.user_id, 99, True, "")


async def test_a_comment_is_kept_told_and_deleted_by_its_author_or_the_creator(house, social):
    cat, dog, fox = await house.user("cat"), await house.user("dog"), await house.user("fox")
    video = await house.video(cat)
    one = await social.comment(dog.user_id, video.video_id, "So soft!", "")
    two = await social.comment(fox.user_id, video.video_id, "Agreed", "")
    listed = await social.comments(video.video_id, 0, None, 10)
    assert [(each.comment.text, each.user.handle) for each in listed] == [("Agreed", "fox"), ("So soft!", "dog")]
    with pytest.raises(NotCreator):
        await social.delete_comment(one.comment.comment_id, fox.user_id, "")
    await social.delete_comment(one.comment.comment_id, dog.user_id, "")
    await social.delete_comment(two.comment.comment_id, cat.user_id, "")
    with pytest.raises(NotFound):
        await social.delete_comment(one.comment.comment_id, dog.user_id, "")
    kinds = [event.type.value for event in await house.events(InteractionEvent, Topic.INTERACTIONS)]
    assert kinds == ["comment", "comment", "uncomment", "uncomment"]


async def test_a_refused_comment_is_nowhere(house, social):
    cat = await house.user("cat")
    video = await house.video(cat)
    with pytest.raises(CommentRefused):
        await social.comment(cat.user_id, video.video_id, "see www.spam.example", "")
    assert list(await social.comments(video.video_id, 0, None, 10)) == []
    assert await house.events(InteractionEvent, Topic.INTERACTIONS) == []


async def test_each_interaction_of_a_batch_is_taken_or_refused_by_itself(house, social):
    cat, dog = await house.user("cat"), await house.user("dog")
    video = await house.video(cat)
    refused = await social.interact(
        dog.user_id,
        [
            an_interaction(InteractionType.VIEW, video.video_id, watch_ms=900, at_ms=house.now_ms + 99_999),
            an_interaction(InteractionType.LIKE, 99),
            an_interaction(InteractionType.LIKE, video.video_id),
            an_interaction(InteractionType.FOLLOW, video.video_id),
            an_interaction(InteractionType.FOLLOW, creator_id=dog.user_id),
            an_interaction(InteractionType.FOLLOW, creator_id=12345),
            an_interaction(InteractionType.UNCOMMENT, video.video_id),
            an_interaction(InteractionType.SHARE, video.video_id, event_id="origin:comment:5"),
        ],
        "r1",
    )
    assert [each.index for each in refused] == [1, 4, 5, 6, 7]
    assert all(isinstance(each, Refused) and each.problem for each in refused)
    events = await house.events(InteractionEvent, Topic.INTERACTIONS)
    assert [event.type.value for event in events] == ["view", "like", "follow"]
    assert events[0].at == house.now_ms
    assert (events[2].video_id, events[2].creator_id) == (0, cat.user_id)
    assert await house.metadata.liked(dog.user_id, [video.video_id])
    assert await house.metadata.follows(dog.user_id, [cat.user_id])


@pytest.mark.parametrize("kind", [InteractionType.FOLLOW, InteractionType.UNFOLLOW])
async def test_a_video_one_may_not_see_does_not_tell_its_creator(house, social, kind):
    cat, dog = await house.user("cat"), await house.user("dog")
    hidden = [
        await house.video(cat, visibility=Visibility.PRIVATE),
        await house.video(cat, VideoStatus.REJECTED),
        await house.video(cat, VideoStatus.DELETED),
    ]
    batch = [an_interaction(kind, video_id) for video_id in [*(each.video_id for each in hidden), 99]]
    refused = await social.interact(dog.user_id, batch, "")
    assert [each.index for each in refused] == [0, 1, 2, 3]
    assert len({each.problem for each in refused}) == 1
    assert not await social.following(dog.user_id, None, 10)


async def test_comments_of_a_private_video_are_nobody_elses_but_an_author_may_still_delete(house, social):
    cat, dog, fox = [await house.user(name) for name in ("cat", "dog", "fox")]
    video = await house.video(cat)
    comment = (await social.comment(dog.user_id, video.video_id, "hello", "")).comment
    await house.metadata.edit_video(video.video_id, None, None, Visibility.PRIVATE)
    with pytest.raises(NotFound):
        await social.delete_comment(comment.comment_id, fox.user_id, "")
    await social.delete_comment(comment.comment_id, dog.user_id, "")


async def test_of_several_likes_in_a_batch_the_last_one_holds(house, social):
    video = await house.video(await house.user("cat"))
    kinds = [InteractionType.LIKE, InteractionType.UNLIKE, InteractionType.LIKE, InteractionType.UNLIKE]
    await social.interact(1, [an_interaction(kind, video.video_id) for kind in kinds], "")
    assert not await house.metadata.liked(1, [video.video_id])


@pytest.mark.parametrize(
    "text",
    ["go to https://x.example", "WWW.spam.xyz", "best-pills.shop now", "k y s".replace(" ", ""), "F\u00fcck   YOU",
     "fuck y0u", "!!!!!!!!!!!!!!!!!!!!", "a" + "\u0301" * 12, "   "],
)  # fmt: skip
def test_the_text_filter_refuses(text):
    assert comment_problem(text)


@pytest.mark.parametrize(
    "text",
    ["So soft!", "What breed is this? \U0001f63b\U0001f63b", "Scunthorpe is nice", "Größe: 3.5 m", "नमस्ते दुनिया",
     "สวัสดีครับ",     "I give this 10 out of 10", "hahahahaha", "wow!!!", "it was ok.then he left"],
)  # fmt: skip
def test_the_text_filter_lets_pass(text):
    assert comment_problem(text) is None


@given(st.text(max_size=600))
def test_any_text_is_judged(text):
    problem = comment_problem(text)
    assert problem is None or problem.endswith(".")


def test_hashtags_are_lower_case_and_each_once():
    assert hashtags("#Cats love #cats, not#this &#39; ##that #1 #Straße #猫 #a_b.") == ("cats", "strasse", "猫", "a_b")
    assert len(hashtags(" ".join(f"#tag{n}" for n in range(100)))) == 20


@given(st.text())
def test_hashtags_of_any_text_are_tags(text):
    tags = hashtags(text)
    assert len(set(tags)) == len(tags)
    assert all(tag and "#" not in tag for tag in tags)


@given(st.sets(st.integers(0, (1 << 63) - 1), max_size=20))
def test_no_two_guests_share_a_handle(ids):
    assert len({guest_handle(user_id) for user_id in ids}) == len(ids)


async def test_a_comment_is_taken_while_the_log_is_away_and_counted_once_when_it_is_back(house):
    log = Away(house.eventlog)
    social = Social(house.metadata, log, house.clock, house.mint)
    video = await house.video(await house.user("cat"))
    viewer = await house.user("dog")
    view = await social.comment(viewer.user_id, video.video_id, "nice", "r1")
    assert [each.comment for each in await social.comments(video.video_id, 0, None, 10)] == [view.comment]
    with pytest.raises(LogUnavailable):
        await social.like(viewer.user_id, video.video_id, True, "")
    log.away = False
    consumer = await house.eventlog.consumer("test", [Topic.INTERACTIONS])
    (record,) = await consumer.poll(10, 30)
    event = decode(InteractionEvent, record.value)
    assert (event.type, event.video_id, event.request_id) == (InteractionType.COMMENT, video.video_id, "r1")
    assert list(await consumer.poll(10, 0)) == []
    await social.late.close()


async def test_events_that_wait_are_bounded(house):
    late = LateEvents(Away(house.eventlog))
    for n in range(MOST_EVENTS + 5):
        late.put("t", "k", b"%d" % n)
    assert len(late) == MOST_EVENTS
    await late.close()
