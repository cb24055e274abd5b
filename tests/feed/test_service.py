"""Pages as a client sees them, on memory backends."""

from __future__ import annotations

import asyncio

import pytest

from feed.ready import Entry, Ready, ReadyUnavailable, Update
from feed.service import BadCursor, FeedPage, FeedService
from feed.settings import FeedSettings
from origin.metadata import MetadataUnavailable
from origin.model import Visibility

DAY_S = 24 * 3600


class Unplugged:
    """A port whose every call fails while `down`, and is passed on otherwise."""

    def __init__(self, behind: object, error: Exception) -> None:
        self._behind = behind
        self._error = error
        self.down = False
        self.calls = 0

    def __getattr__(self, name: str):
        async def call(*args, **kwargs):
            self.calls += 1
            if self.down:
                raise self._error
            return await getattr(self._behind, name)(*args, **kwargs)

        return call


@pytest.fixture
def ready(world):
    return Unplugged(world.ready, ReadyUnavailable("unplugged"))


@pytest.fixture
def metadata(world):
    return Unplugged(world.metadata, MetadataUnavailable("unplugged"))


@pytest.fixture
async def service(ready, metadata):
    opened = FeedService(ready, metadata, FeedSettings(), new_feed_id=lambda: b"feed-one")
    yield opened
    await opened.close()


def ids(page: FeedPage) -> list[int]:
    return [item.video_id for item in page.items]


def sources(page: FeedPage) -> set[str]:
    return {item.source for item in page.items}


async def publish(world, count: int, first: int = 1) -> None:
    for video_id in range(first, first + count):
        await world.publish(video_id, tags=(f"tag{video_id % 7}",))


async def test_with_no_video_at_all_a_page_is_empty(service, clock):
    page = await service.for_you(1, 10, None, clock())
    assert (page.items, page.next_cursor, page.mode) == ((), None, "cold_start")


async def test_a_new_user_gets_the_popularity_feed(world, service, clock):
    await publish(world, 30)
    page = await service.for_you(1, 10, None, clock())
    assert page.mode == "cold_start"
    assert len(set(ids(page))) == 10
    assert sources(page) <= {"trending", "fresh", "explore"}


async def test_pages_go_on_where_the_last_one_ended(world, service, clock):
    await publish(world, 45)
    first = await service.for_you(1, 20, None, clock())
    second = await service.for_you(1, 20, first.next_cursor, clock())
    assert [item.position for item in (*first.items, *second.items)] == list(range(40))
    assert first.feed_id == second.feed_id == "ZmVlZC1vbmU"
    assert not set(ids(first)) & set(ids(second))


@pytest.mark.parametrize(("asked", "given"), [(-5, 1), (0, 1), (1, 1), (50, 50), (10_000, 50)])
async def test_a_limit_is_brought_into_its_bounds(world, service, clock, asked, given):
    await publish(world, 60)
    assert len((await service.for_you(1, asked, None, clock())).items) == given


async def test_a_listed_user_gets_the_own_list_in_order_with_its_sources(world, service, clock):
    await publish(world, 30)
    listed = (Entry(9), Entry(4, "explore"), Entry(17), Entry(22, "trending"))
    await world.ready.replace([Update(1, listed, DAY_S)])
    page = await service.for_you(1, 4, None, clock())
    assert page.mode == "personal"
    assert [Entry(item.video_id, item.source) for item in page.items] == list(listed)


async def test_a_list_that_runs_out_goes_on_with_everybodys(world, service, clock):
    await publish(world, 30)
    await world.ready.replace([Update(1, (Entry(9), Entry(4)), DAY_S)])
    page = await service.for_you(1, 10, None, clock())
    assert page.mode == "personal"
    assert ids(page)[:2] == [9, 4]
    assert len(set(ids(page))) == 10


async def test_a_video_published_after_the_list_was_made_is_on_the_next_page(world, service, clock):
    await publish(world, 40)
    clock.pass_ms(24 * 3_600_000)
    await world.ready.replace([Update(1, tuple(Entry(n) for n in range(1, 31)), DAY_S)])
    await service.start(clock())
    await world.publish(100)
    clock.pass_ms(6_000)
    page = await service.for_you(1, 5, None, clock())
    assert page.items[4].video_id == 100
    assert page.items[4].source == "explore"


async def test_nothing_is_repeated_until_everything_was_seen_then_it_starts_over(world, service, clock):
    await publish(world, 23)
    seen: list[int] = []
    cursor = None
    for _ in range(2):
        page = await service.for_you(1, 10, cursor, clock())
        cursor = page.next_cursor
        seen += ids(page)
    page = await service.for_you(1, 10, cursor, clock())
    assert sorted(seen + ids(page)[:3]) == list(range(1, 24))
    assert [item.source == "again" for item in page.items] == [False] * 3 + [True] * 7
    assert set(ids(page)[3:]) <= set(seen[:10])


async def test_a_new_session_does_not_repeat_the_last_one(world, service, clock):
    await publish(world, 40)
    first = await service.for_you(1, 15, None, clock())
    await service.close()
    second = await FeedService(world.ready, world.metadata).for_you(1, 15, None, clock())
    assert not set(ids(first)) & set(ids(second))


async def test_a_session_without_the_speed_layer_does_not_repeat_in_another_process(world, ready, service, clock):
    await publish(world, 60)
    ready.down = True
    first = await service.for_you(1, 20, None, clock())
    other = FeedService(ready, world.metadata)
    second = await other.for_you(1, 20, first.next_cursor, clock())
    assert first.mode == second.mode == "global_hot"
    assert not set(ids(first)) & set(ids(second))
    await other.close()


async def test_without_the_speed_layer_the_feed_is_global_hot(world, ready, service, clock):
    await publish(world, 30)
    ready.down = True
    page = await service.for_you(1, 10, None, clock())
    assert page.mode == "global_hot"
    assert sources(page) == {"hot"}
    assert len(page.items) == 10


async def test_a_speed_layer_that_is_away_is_not_asked_each_time_and_found_again(world, ready, service, clock):
    await publish(world, 30)
    ready.down = True
    for _ in range(20):
        await service.for_you(1, 2, None, clock())
    assert ready.calls == 3
    ready.down = False
    clock.pass_ms(500)
    assert (await service.for_you(1, 2, None, clock())).mode == "cold_start"


async def test_with_every_engine_away_the_last_list_is_served(world, ready, metadata, service, clock):
    await publish(world, 30)
    await service.start(clock())
    ready.down = metadata.down = True
    clock.pass_ms(3_600_000)
    page = await service.for_you(1, 10, None, clock())
    assert page.mode == "global_hot"
    assert len(page.items) == 10


async def test_a_start_with_everything_away_is_an_empty_page_then_heals(world, ready, metadata, service, clock):
    await publish(world, 5)
    ready.down = metadata.down = True
    await service.start(clock())
    assert (await service.for_you(1, 10, None, clock())).items == ()
    ready.down = metadata.down = False
    clock.pass_ms(6_000)
    assert len((await service.for_you(1, 10, None, clock())).items) == 5


async def test_metadata_that_hangs_does_not_hold_the_feed(world, ready, clock):
    class Hanging:
        def __getattr__(self, name: str):
            async def hang(*args, **kwargs):
                await asyncio.Event().wait()

            return hang

    service = FeedService(ready, Hanging())
    await world.ready.replace([Update(1, (Entry(5), Entry(6)), DAY_S)])
    async with asyncio.timeout(20):
        page = await service.for_you(1, 10, None, clock())
    assert ids(page) == [5, 6]
    await service.close()


async def test_a_deleted_video_leaves_pages_even_while_it_is_listed(world, service, clock):
    await publish(world, 20)
    await world.ready.replace([Update(1, (Entry(5), Entry(6)), DAY_S)])
    await service.start(clock())
    await world.withdraw(5)
    clock.pass_ms(6_000)
    assert 5 not in ids(await service.for_you(1, 20, None, clock()))


async def test_a_clock_that_was_set_back_keeps_no_old_list(world, service, clock):
    await world.publish(1)
    assert ids(await service.for_you(9, 5, None, clock())) == [1]
    clock.pass_ms(-3_600_000)
    await world.publish(2)
    await world.metadata.edit_video(1, None, None, Visibility.UNLISTED)
    clock.pass_ms(30_000)
    assert ids(await service.for_you(9, 5, None, clock())) == [2]


async def test_own_videos_come_last(world, service, clock):
    await publish(world, 10)
    page = await service.for_you(1_000_003, 10, None, clock())
    assert ids(page)[-1] == 3


async def test_a_page_keeps_one_creator_in_five(world, service, clock):
    for video_id in range(1, 61):
        await world.publish(video_id, 2_000 + video_id % 12, tags=(f"tag{video_id % 9}",))
    await world.ready.replace([Update(1, tuple(Entry(n) for n in (12, 24, 36, 48, 60, 1, 13, 2, 14)), DAY_S)])
    first = await service.for_you(1, 13, None, clock())
    second = await service.for_you(1, 13, first.next_cursor, clock())
    creators = [2_000 + video_id % 12 for video_id in ids(first) + ids(second)]
    for start in range(len(creators) - 4):
        assert len(set(creators[start : start + 5])) == 5


async def test_following_is_newest_first_and_ends(world, service, clock):
    for video_id in range(1, 26):
        await world.publish(video_id, creator_id=500 if video_id % 2 else 600)
    await world.metadata.set_follow(1, 500, True, clock())
    pages, cursor = [], None
    while not pages or cursor is not None:
        page = await service.following(1, 5, cursor, clock())
        pages.append(page)
        cursor = page.next_cursor
    assert [i for page in pages for i in ids(page)] == list(range(25, 0, -2))
    assert [item.position for page in pages for item in page.items] == list(range(13))
    assert {s for page in pages for s in sources(page)} == {"following"}


async def test_following_without_metadata_is_global_hot_and_goes_on_afterwards(world, metadata, service, clock):
    for video_id in range(1, 21):
        await world.publish(video_id, creator_id=500)
    await world.metadata.set_follow(1, 500, True, clock())
    await service.start(clock())
    first = await service.following(1, 5, None, clock())
    metadata.down = True
    hot = await service.following(1, 5, first.next_cursor, clock())
    assert (hot.mode, sources(hot)) == ("global_hot", {"hot"})
    metadata.down = False
    last = await service.following(1, 5, hot.next_cursor, clock())
    assert ids(last) == [15, 14, 13, 12, 11]


async def test_a_cursor_that_was_not_made_here_is_refused(world, service, clock):
    await publish(world, 10)
    page = await service.for_you(1, 5, None, clock())
    with pytest.raises(BadCursor):
        await service.for_you(2, 5, page.next_cursor, clock())
    with pytest.raises(BadCursor):
        await service.following(1, 5, page.next_cursor, clock())
    with pytest.raises(BadCursor):
        await service.for_you(1, 5, "garbage", clock())


async def test_it_reads_the_speed_layer_once_per_page_and_writes_behind(world, ready, service, clock):
    await publish(world, 20)
    page = await service.for_you(1, 5, None, clock())
    assert ready.calls == 1
    await service.close()
    assert ready.calls == 2
    assert await world.ready.read(1) == Ready(None, tuple(ids(page)))
    assert service.stats.pages["cold_start"] == 1
    assert sum(service.stats.items.values()) == 5
