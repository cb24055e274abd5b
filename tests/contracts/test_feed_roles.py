"""What the gateway asks of the feed, and the feed of the scorer: the same in one process and over gRPC. The ways are
`roles.WAYS`."""

from __future__ import annotations

import pytest

from feed.ranker import RankerUnavailable
from feed.ready import Entry, Update
from feed.service import BadCursor
from origin.events import InteractionType
from tests.contracts.roles import DAY_S, NOW_MS


async def test_a_feed_goes_on_where_the_last_page_ended(roles):
    ann = await roles.user("ann")
    ids = {await roles.video(ann) for _ in range(6)}
    first = await roles.feeds.for_you(1, 4, None, NOW_MS)
    second = await roles.feeds.for_you(1, 2, first.next_cursor, NOW_MS)
    assert (first.mode, first.feed_id) == ("cold_start", "ZmVlZC1vbmU")
    assert first.feed_id == second.feed_id
    assert {item.video_id for item in (*first.items, *second.items)} == ids
    assert [item.position for item in (*first.items, *second.items)] == list(range(6))


async def test_a_listed_user_gets_the_own_list_with_its_sources(roles):
    ann = await roles.user("ann")
    ids = [await roles.video(ann) for _ in range(3)]
    await roles.ready.replace([Update(1, (Entry(ids[1]), Entry(ids[0], "explore")), DAY_S)])
    page = await roles.feeds.for_you(1, 2, None, NOW_MS)
    assert page.mode == "personal"
    assert [(item.video_id, item.source) for item in page.items] == [(ids[1], "personal"), (ids[0], "explore")]


async def test_the_feed_of_those_one_follows_ends(roles):
    ann, bob = await roles.user("ann"), await roles.user("bob")
    video_id = await roles.video(ann)
    await roles.social.follow(bob.user_id, ann.user_id, True, "r")
    page = await roles.feeds.following(bob.user_id, 10, None, NOW_MS)
    assert [item.video_id for item in page.items] == [video_id]
    assert page.next_cursor is None


async def test_a_cursor_that_the_feed_did_not_make_is_refused(roles):
    for ask in (roles.feeds.for_you, roles.feeds.following):
        with pytest.raises(BadCursor, match="cursor"):
            await ask(1, 10, "bm9uZQ", NOW_MS)


async def test_an_empty_feed_has_no_next_page(roles):
    page = await roles.feeds.for_you(1, 10, None, NOW_MS)
    assert (tuple(page.items), page.next_cursor) == ((), None)


async def test_the_scorer_lists_whom_it_knows_and_nobody_else(roles):
    ann = await roles.user("ann")
    ids = [await roles.video(ann) for _ in range(4)]
    await roles.tell(1, InteractionType.LIKE, ids[0])
    await roles.worker.open()
    await roles.worker.step(0)
    listed = await roles.ranker.rank(1)
    assert {entry.video_id for entry in listed} == set(ids[1:])
    assert listed == (await roles.ready.read(1)).entries
    assert await roles.ranker.rank(2) is None


async def test_a_list_that_the_speed_layer_lost_is_written_again(roles):
    ann = await roles.user("ann")
    ids = [await roles.video(ann) for _ in range(4)]
    await roles.tell(1, InteractionType.LIKE, ids[0])
    await roles.worker.open()
    await roles.worker.step(0)
    await roles.ready.replace([Update(1, (), 0)])
    assert (await roles.ready.read(1)).entries is None
    page = await roles.feeds.for_you(1, 3, None, NOW_MS)
    assert page.mode == "personal"
    await roles.worker.step(0)
    assert (await roles.ready.read(1)).entries == await roles.ranker.rank(1)


async def test_a_scorer_that_has_not_begun_is_unavailable(roles):
    with pytest.raises(RankerUnavailable, match="not read its state"):
        await roles.ranker.rank(1)
