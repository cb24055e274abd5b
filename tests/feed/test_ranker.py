"""A list that is missing in the speed layer: asked of the scorer, with a breaker around it and popularity behind it."""

from __future__ import annotations

import asyncio

import pytest

from feed.ranker import RankerUnavailable
from feed.ready import Entry, ReadyUnavailable, Update
from feed.rpc.client import open_ranker
from feed.rpc.server import scorer_server
from feed.service import FeedService
from feed.settings import FeedSettings
from origin.deadline import left_s
from origin.rpc.settings import RpcSettings
from tests.feed.scorer_child import KNOWN_USER, LIKED, VIDEOS
from tests.origin.rpc.processes import running, start

CHILD = "tests.feed.scorer_child"
STRANGER = 2
DAY_S = 24 * 3600


class Ranking:
    """The far end as a test scripts it: a list, an error, or nothing for ever."""

    def __init__(self, answer: tuple[Entry, ...] | Exception | None) -> None:
        self.answer = answer
        self.hangs = False
        self.asked = 0
        self.dropped = asyncio.Semaphore(0)
        """Released for each question that was given up."""

    async def rank(self, user_id: int) -> tuple[Entry, ...] | None:
        self.asked += 1
        if self.hangs:
            try:
                await asyncio.Event().wait()
            finally:
                self.dropped.release()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
async def open_feed(world):
    """A feed on the world's stores, asking a ranker."""
    services: list[FeedService] = []
    for video_id in range(1, VIDEOS + 1):
        await world.publish(video_id)

    async def open_one(ranker, ready=None, settings=None) -> FeedService:
        services.append(FeedService(ready or world.ready, world.metadata, settings, ranker=ranker))
        return services[-1]

    yield open_one
    for service in services:
        await service.close()


async def test_a_known_user_without_a_list_gets_the_scorers(open_feed, clock):
    service = await open_feed(Ranking((Entry(9), Entry(4, "explore"))))
    page = await service.for_you(1, 2, None, clock())
    assert page.mode == "personal"
    assert [(item.video_id, item.source) for item in page.items] == [(9, "personal"), (4, "explore")]
    assert service.stats.ranked == 1


async def test_a_user_with_a_list_is_not_asked_about(world, open_feed, clock):
    ranking = Ranking(())
    service = await open_feed(ranking)
    await world.ready.replace([Update(1, (Entry(5),), DAY_S)])
    assert (await service.for_you(1, 1, None, clock())).mode == "personal"
    await world.ready.replace([Update(1, (), DAY_S)])
    assert (await service.for_you(1, 1, None, clock())).mode == "personal"
    assert ranking.asked == 0


async def test_a_user_whom_the_scorer_never_met_gets_everybodys(open_feed, clock):
    service = await open_feed(Ranking(None))
    assert (await service.for_you(STRANGER, 5, None, clock())).mode == "cold_start"
    assert service.stats.ranker_failures == 0


async def test_a_known_user_who_has_seen_everything_is_personal_still(open_feed, clock):
    service = await open_feed(Ranking(()))
    page = await service.for_you(1, 5, None, clock())
    assert (page.mode, len(page.items)) == ("personal", 5)


async def test_without_the_speed_layer_the_scorer_is_not_asked(world, open_feed, clock):
    class Away:
        async def read(self, user_id):
            raise ReadyUnavailable("unplugged")

    ranking = Ranking((Entry(9),))
    service = await open_feed(ranking, Away())
    assert (await service.for_you(1, 5, None, clock())).mode == "global_hot"
    assert ranking.asked == 0


async def test_the_breaker_opens_after_failures_and_closes_after_a_probe_that_works(open_feed, clock):
    ranking = Ranking(RankerUnavailable("away"))
    service = await open_feed(ranking)
    for _ in range(20):
        assert (await service.for_you(1, 2, None, clock())).mode == "cold_start"
    assert (ranking.asked, service.stats.ranker_refused) == (3, 17)
    clock.pass_ms(500)
    assert (await service.for_you(1, 2, None, clock())).mode == "cold_start"
    assert ranking.asked == 4
    ranking.answer = (Entry(9),)
    clock.pass_ms(1_000)
    for _ in range(3):
        assert (await service.for_you(1, 2, None, clock())).mode == "personal"
    assert ranking.asked == 7


@pytest.mark.parametrize("way", ["in process", "over gRPC"])
async def test_a_scorer_that_hangs_holds_no_page_and_its_work_is_dropped(open_feed, clock, way):
    ranking = Ranking((Entry(9),))
    server = scorer_server("127.0.0.1:0", ranking)
    client = open_ranker(f"127.0.0.1:{await server.start()}")
    ranker = ranking if way == "in process" else client
    assert await ranker.rank(1) == (Entry(9),)
    ranking.hangs = True
    service = await open_feed(ranker)
    async with asyncio.timeout(20):
        for _ in range(5):
            assert (await service.for_you(1, 2, None, clock())).mode == "cold_start"
        for _ in range(3):
            await ranking.dropped.acquire()
    assert (service.stats.ranker_failures, service.stats.ranker_refused) == (3, 2)
    await client.close()
    await server.stop(0)


async def test_the_feeds_patience_travels_to_the_scorer(open_feed, clock):
    left: list[float] = []

    class Watching(Ranking):
        async def rank(self, user_id):
            left.append(left_s(1_000.0, asyncio.get_running_loop().time()))
            return ()

    server = scorer_server("127.0.0.1:0", Watching(None))
    ranker = open_ranker(f"127.0.0.1:{await server.start()}")
    service = await open_feed(ranker, settings=FeedSettings(ranker_timeout_s=20.0))
    await service.for_you(1, 2, None, clock())
    assert 0 < left[0] <= 1.0
    hurried = await open_feed(ranker, settings=FeedSettings(ranker_timeout_s=0.5))
    while hurried.stats.ranked == 0:
        clock.pass_ms(5_000)
        await hurried.for_you(1, 2, None, clock())
    assert 0 < left[-1] < 0.5
    await ranker.close()
    await server.stop(0)


async def until_personal(service, clock) -> None:
    """Page by page, a breaker's longest time apart, until the scorer's list is there again."""
    async with asyncio.timeout(30):
        while (await service.for_you(KNOWN_USER, 2, None, clock())).mode != "personal":
            clock.pass_ms(5_000)
            await asyncio.sleep(0.05)


async def cold_until_refused(service, clock) -> None:
    """The feed answers on and on, from popularity, and stops asking."""
    async with asyncio.timeout(30):
        refused = service.stats.ranker_refused
        for _ in range(10):
            page = await service.for_you(KNOWN_USER, 2, None, clock())
            assert (page.mode, len(page.items)) == ("cold_start", 2)
        assert service.stats.ranker_refused > refused


@pytest.mark.slow
async def test_a_scorer_that_is_killed_costs_nobody_a_page_and_is_found_again(open_feed, clock):
    async with running(CHILD, 1) as (scorer,):
        ranker = open_ranker(scorer.target)
        service = await open_feed(ranker)
        await until_personal(service, clock)
        await scorer.kill()
        await cold_until_refused(service, clock)
        again = await start(CHILD, scorer.target.split(":")[1])
        try:
            await until_personal(service, clock)
        finally:
            await again.kill()
            await ranker.close()


@pytest.mark.slow
async def test_a_scorer_that_freezes_costs_nobody_a_page_and_is_found_again(open_feed, clock):
    async with running(CHILD, 1) as (scorer,):
        ranker = open_ranker(scorer.target, settings=RpcSettings(keepalive_s=0.5, keepalive_answer_s=0.5))
        service = await open_feed(ranker)
        await until_personal(service, clock)
        scorer.freeze()
        await cold_until_refused(service, clock)
        scorer.thaw()
        await until_personal(service, clock)
        await ranker.close()


@pytest.mark.slow
async def test_a_list_lost_by_the_speed_layer_comes_from_a_scorer_in_another_process(open_feed, clock):
    async with running(CHILD, 1) as (scorer,):
        ranker = open_ranker(scorer.target)
        service = await open_feed(ranker, settings=FeedSettings(ranker_timeout_s=20.0))
        await until_personal(service, clock)
        page = await service.for_you(KNOWN_USER, 20, None, clock())
        assert LIKED not in {item.video_id for item in page.items}
        assert (await service.for_you(STRANGER, 20, None, clock())).mode == "cold_start"
        await ranker.close()
