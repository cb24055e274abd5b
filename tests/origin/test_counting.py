from __future__ import annotations

import asyncio
import copy
from random import Random

import pytest

from origin.counters import CountersUnavailable, open_counters
from origin.counting import GROUP, Counting
from origin.deadletters import MALFORMED, NEWER, read_letter
from origin.events import DEAD_LETTERS, InteractionEvent, InteractionType, Topic, encode
from origin.model import Counts
from origin.retry import Backoff
from origin.social import Social
from origin.writeback import Count, Follow, Like, Nothing, effect_of
from tests.interactions import all_counted, append
from tests.running import running

LIKE, UNLIKE, VIEW = InteractionType.LIKE, InteractionType.UNLIKE, InteractionType.VIEW


def counting_of(house, counters=None) -> Counting:
    return Counting(
        house.eventlog, counters or house.counters, house.metadata, house.clock, lambda: 0.05, flush_every_s=0.02
    )


def an_act(kind: InteractionType, video_id: int, event_id: str, user_id: int = 1) -> InteractionEvent:
    return InteractionEvent(event_id, user_id, kind, video_id, 7, 0)


async def counts(house, video) -> Counts:
    return (await house.metadata.video(video.video_id)).counts


async def test_acts_become_counts(house):
    video = await house.video(await house.user("cat"))
    one = video.video_id
    async with running(counting_of(house)):
        await append(
            house.eventlog,
            an_act(VIEW, one, "a"),
            an_act(VIEW, one, "b"),
            an_act(VIEW, one, "a"),
            an_act(VIEW, one, "a", user_id=2),
            an_act(LIKE, one, "c"),
            an_act(LIKE, one, "d", user_id=2),
            an_act(UNLIKE, one, "e", user_id=2),
            an_act(InteractionType.SHARE, one, "f"),
            an_act(InteractionType.COMMENT, one, "origin:comment:1"),
            an_act(InteractionType.COMMENT, one, "origin:comment:2"),
            an_act(InteractionType.COMMENT, one, "forged"),
            an_act(InteractionType.UNCOMMENT, one, "origin:uncomment:1"),
            an_act(InteractionType.SKIP, one, "g"),
        )
        await all_counted(house.eventlog)
    assert await counts(house, video) == Counts(views=3, likes=1, comments=1, shares=1)


async def test_what_the_use_cases_do_is_counted(house):
    cat, dog = await house.user("cat"), await house.user("dog")
    video = await house.video(cat)
    social = Social(house.metadata, house.eventlog, house.clock, house.mint)
    async with running(counting_of(house)):
        for _ in range(2):
            await social.like(dog.user_id, video.video_id, True, "")
        comment = await social.comment(dog.user_id, video.video_id, "Soft!", "")
        await social.comment(cat.user_id, video.video_id, "Yes", "")
        await social.delete_comment(comment.comment.comment_id, dog.user_id, "")
        await all_counted(house.eventlog)
    assert await counts(house, video) == Counts(likes=1, comments=1)


async def test_an_act_whose_state_was_not_set_before_a_crash_is_set_from_the_log(house):
    video = await house.video(await house.user("cat"))
    follow = InteractionEvent("f", 1, InteractionType.FOLLOW, 0, 7, 0)
    await append(house.eventlog, an_act(LIKE, video.video_id, "a"), follow)
    async with running(counting_of(house)):
        await all_counted(house.eventlog)
    assert await house.metadata.liked(1, [video.video_id]) == {video.video_id}
    assert await house.metadata.follows(1, [7]) == {7}


async def test_an_act_that_lands_again_after_it_was_taken_back_sets_nothing(house):
    """As of an append that was given up and lands after all, when its repeat and the contrary are in the log."""
    video = await house.video(await house.user("cat"))
    like, unlike = an_act(LIKE, video.video_id, "l"), an_act(UNLIKE, video.video_id, "u")
    follow, unfollow = (
        InteractionEvent(event_id, 1, kind, 0, 7, 0)
        for event_id, kind in (("f", InteractionType.FOLLOW), ("g", InteractionType.UNFOLLOW))
    )
    async with running(counting_of(house)):
        await append(house.eventlog, like, unlike, follow, unfollow)
        await all_counted(house.eventlog)
        await append(house.eventlog, like, follow)
        await all_counted(house.eventlog)
    assert await house.metadata.liked(1, [video.video_id]) == set()
    assert await house.metadata.follows(1, [7]) == set()
    assert await counts(house, video) == Counts()


async def test_a_view_and_the_like_that_came_of_it_may_have_one_id(house):
    video = await house.video(await house.user("cat"))
    async with running(counting_of(house)):
        await append(house.eventlog, an_act(VIEW, video.video_id, "e"), an_act(LIKE, video.video_id, "e"))
        await all_counted(house.eventlog)
    assert await counts(house, video) == Counts(views=1, likes=1)


async def test_poison_is_set_aside_and_the_rest_is_counted(house):
    video = await house.video(await house.user("cat"))
    await house.eventlog.append(Topic.INTERACTIONS, "1", b"not json")
    await append(house.eventlog, an_act(VIEW, video.video_id, "a"))
    await house.eventlog.append(Topic.INTERACTIONS, "1", b'{"schema": 99}')
    too_large = encode(an_act(LIKE, 10**19 - 1, "b"))
    await house.eventlog.append(Topic.INTERACTIONS, "1", too_large)
    counting = counting_of(house)
    async with running(counting):
        await all_counted(house.eventlog)
    assert (await counts(house, video)).views == 1
    assert counting.stats.poison == 3
    letters = [read_letter(record) for record in await house.eventlog.read(DEAD_LETTERS[Topic.INTERACTIONS], {}, 10)]
    assert [letter.value for letter in letters] == [b"not json", b'{"schema": 99}', too_large]
    assert [letter.code for letter in letters] == [MALFORMED, NEWER, MALFORMED]
    assert {letter.group for letter in letters} == {GROUP}


class Flaky:
    """Counters that are often away, before or after they did what was asked."""

    def __init__(self, counters) -> None:
        self.counters = counters
        self.chance = Random(11)

    def __getattr__(self, name):
        async def call(*args):
            if self.chance.random() < 0.2:
                raise CountersUnavailable("away")
            result = await getattr(self.counters, name)(*args)
            if self.chance.random() < 0.2:
                raise CountersUnavailable("went away after it was done")
            return result

        return call


async def test_counts_stay_right_while_the_speed_layer_comes_and_goes(house):
    video = await house.video(await house.user("cat"))
    counting = counting_of(house, Flaky(house.counters))
    async with running(counting):
        for n in range(30):
            await append(
                house.eventlog,
                an_act(VIEW, video.video_id, f"e{n}"),
                an_act(LIKE if n % 2 else UNLIKE, video.video_id, ""),
            )
            await asyncio.sleep(0.01)
        await all_counted(house.eventlog)
    assert await counts(house, video) == Counts(views=30, likes=1)
    assert counting.stats.retries > 0


async def test_counts_stay_right_when_the_consumer_is_killed_again_and_again(house):
    video = await house.video(await house.user("cat"))
    for n in range(20):
        await append(
            house.eventlog, an_act(VIEW, video.video_id, f"e{n}"), an_act(LIKE if n % 2 else UNLIKE, video.video_id, "")
        )
        async with running(counting_of(house)):
            await asyncio.sleep(0.003 * (n % 7))
    async with running(counting_of(house)):
        await all_counted(house.eventlog)
    assert await counts(house, video) == Counts(views=20, likes=1)


class Unflushable:
    """Counters that gather but never give a batch."""

    def __init__(self) -> None:
        self.counters = open_counters("memory:")

    async def apply(self, group, runs, increments):
        return await self.counters.apply(group, runs, increments)

    async def repeated(self, events):
        return await self.counters.repeated(events)

    async def begin_flush(self):
        raise CountersUnavailable("not now")


async def test_what_a_speed_layer_lost_before_a_flush_is_counted_from_the_log_again(house):
    video = await house.video(await house.user("cat"))
    await append(
        house.eventlog, *(an_act(VIEW, video.video_id, f"e{n}") for n in range(5)), an_act(LIKE, video.video_id, "l")
    )
    lost = counting_of(house, Unflushable())
    async with running(lost):
        async with asyncio.timeout(30):
            while lost.stats.increments < 6:  # noqa: ASYNC110 -- the stats tell nobody
                await asyncio.sleep(0.01)
    assert await counts(house, video) == Counts()
    async with running(counting_of(house)):
        await all_counted(house.eventlog)
    assert await counts(house, video) == Counts(views=5, likes=1)


async def test_a_speed_layer_that_comes_back_empty_is_found_without_traffic_and_counted_again(house):
    video = await house.video(await house.user("cat"))
    counters = Replaceable()
    counting = counting_of(house, counters)
    async with running(counting):
        await append(house.eventlog, *(an_act(VIEW, video.video_id, f"e{n}") for n in range(5)))
        async with asyncio.timeout(30):
            while counting.stats.increments < 5:  # noqa: ASYNC110 -- the stats tell nobody
                await asyncio.sleep(0.01)
        assert await counts(house, video) == Counts()
        counters.inner = open_counters("memory:")
        counters.flushes = True
        await all_counted(house.eventlog)
    assert await counts(house, video) == Counts(views=5)
    assert counting.stats.went_back == 1


class Replaceable:
    """Counters that another server takes the place of; they give no batch until told so."""

    def __init__(self) -> None:
        self.inner = open_counters("memory:")
        self.flushes = False

    async def apply(self, group, runs, increments):
        return await self.inner.apply(group, runs, increments)

    async def repeated(self, events):
        return await self.inner.repeated(events)

    async def begin_flush(self):
        if not self.flushes:
            raise CountersUnavailable("not now")
        return await self.inner.begin_flush()

    async def end_flush(self, batch_id):
        await self.inner.end_flush(batch_id)

    async def rewind(self, written):
        await self.inner.rewind(written)


async def test_a_speed_layer_that_goes_back_behind_what_is_written_loses_and_doubles_nothing(house):
    """As after a failover to a replica that had not got the last flushes. The events that it forgot are sent again,
    too."""
    video = await house.video(await house.user("cat"))
    counters = Replaceable()
    counters.flushes = True
    counting = counting_of(house, counters)

    async def viewed(first: int, last: int) -> None:
        await append(house.eventlog, *(an_act(VIEW, video.video_id, f"e{n}") for n in range(first, last)))
        await all_counted(house.eventlog)

    async with running(counting):
        await viewed(0, 5)
        counters.flushes = False
        await append(house.eventlog, *(an_act(VIEW, video.video_id, f"e{n}") for n in range(5, 8)))
        async with asyncio.timeout(30):
            while counting.stats.increments < 8:  # noqa: ASYNC110 -- the stats tell nobody
                await asyncio.sleep(0.01)
        past = copy.deepcopy(counters.inner)
        counters.flushes = True
        await viewed(8, 12)
        counters.inner = past
        await viewed(10, 15)
    assert await counts(house, video) == Counts(views=15)
    assert counting.stats.went_back > 0


def test_every_kind_of_act_has_its_effect():
    effects = {kind.value: effect_of(an_act(kind, 1, "x")) for kind in InteractionType}
    assert effects["like"] == Like(True)
    assert effects["unlike"] == Like(False)
    assert effects["follow"] == Follow(True)
    assert effects["unfollow"] == Follow(False)
    assert isinstance(effects["view"], Count)
    assert isinstance(effects["share"], Count)
    for kind in ("skip", "not_interested", "report", "comment", "uncomment"):
        assert effects[kind] == Nothing()


@pytest.mark.parametrize(("attempt", "chance", "delay_s"), [(0, 0.5, 0.05), (3, 0.5, 0.4), (9999, 0.5, 2.5), (5, 0, 0)])
def test_backoff_doubles_up_to_its_cap(attempt, chance, delay_s):
    assert Backoff(0.1, 5).delay_s(attempt, chance) == pytest.approx(delay_s)
