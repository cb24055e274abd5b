"""The gateway while the feed, the origin or both are away: real roles over real stores, behind wires that are cut."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from hypothesis import given
from hypothesis import strategies as st

from edge.gateway.app import create_gateway
from edge.gateway.cursors import BadCursor
from edge.gateway.issuers.local import LocalIssuer
from edge.gateway.lastgood import cursor as cursors
from edge.gateway.lastgood.last_good import LastGood
from edge.gateway.lastgood.memory import FORGOTTEN_MOST, Memory
from edge.gateway.lastgood.model import LastGoodSettings, LastGoodStats
from edge.gateway.limits.memory import MemoryLimits
from edge.gateway.services import Services
from edge.gateway.settings import GatewaySettings
from feed.ready import open_ready
from feed.service import FeedService
from origin.changes import Changes
from origin.counters import open_counters
from origin.eventlog import open_eventlog
from origin.metadata import open_metadata
from origin.metadata.base import NotFound
from origin.model import Publication, StartupFile, User, Video, VideoStatus, Visibility
from origin.progress import Packaging, RungProgress, Stage, open_progress
from origin.refusals import NotCreator
from origin.roles import RoleUnavailable
from origin.social import Social
from origin.videos import Videos
from origin.views import VideoView
from tests.edge.gateway.conftest import Answered, Client, Feed, House, signed
from tests.edge.gateway.wires import Fate, Wire

NOW_MS = 1_800_000_000_000
CREATOR, VIEWER = 9, 1
SETTINGS = LastGoodSettings(feed_deadline_s=30, origin_deadline_s=30)
"""A machine under load is no outage."""
HASTY_S = 0.02
FILES = {"hls.m3u8": "v/1/a", "poster.jpg": "v/1/c"}


@dataclass
class System:
    """Twenty public videos, their roles behind two wires, and a gateway in front."""

    metadata: Any
    videos: Wire
    feeds: Wire
    last_good: LastGood
    client: Client
    now_ms: int = NOW_MS

    def cut(self, *wires: Wire, fate: Fate = Fate.CUT) -> None:
        for wire in wires or (self.videos, self.feeds):
            wire.cut(fate)
        if fate is Fate.HANGS:
            for asking in (self.last_good.feeds._feed, self.last_good.feeds._origin):
                asking._deadline_s = HASTY_S

    def mend(self) -> None:
        """Both are back, and every breaker has had its time."""
        self.videos.mend()
        self.feeds.mend()
        self.now_ms += 10_000

    async def ask(self, target: str, method: str = "GET", user_id: int | None = VIEWER) -> Answered:
        return await self.client.ask(method, target, user_id=user_id)

    async def shown(self, target: str = "/v1/feed?limit=10") -> list[int]:
        answered = await self.ask(target)
        assert answered.status == 200, answered.body
        return [int(item["video"]["id"]) for item in answered.json["items"]]


def a_video(video_id: int, visibility=Visibility.PUBLIC, creator_id: int = CREATOR) -> Video:
    publication = Publication(1, FILES, ("v540-aa",), (StartupFile("v540-aa/init.mp4", 900),), 9000, 540, 960)
    return Video(
        video_id, creator_id, "a clip", VideoStatus.READY, visibility, NOW_MS, 1.0,
        published_at_ms=NOW_MS, publication=publication,
    )  # fmt: skip


@pytest.fixture
async def system() -> AsyncIterator[System]:
    holder: list[System] = []

    def clock() -> int:
        return holder[0].now_ms if holder else NOW_MS

    metadata, ready = open_metadata("sqlite:///:memory:"), open_ready("memory:", clock)
    eventlog, counters = open_eventlog("memory:", clock), open_counters("memory:")
    for user_id in (CREATOR, VIEWER):
        await metadata.create_user(User(user_id, f"u{user_id}", False, NOW_MS))
    for video_id in range(101, 121):
        await metadata.create_video(a_video(video_id))
    feed_service = FeedService(ready, metadata)
    await feed_service.start(NOW_MS)
    videos = Wire(Videos(metadata, counters, eventlog, clock, Changes(), open_progress("memory:", clock)))
    feeds = Wire(feed_service)
    last_good = LastGood(videos, feeds, SETTINGS, clock)
    issuer = LocalIssuer(generate_private_key(SECP256R1()), "reelway")
    settings = GatewaySettings("https://localhost:8443", "https://localhost:8444", policies=())
    social = Social(metadata, eventlog, clock, lambda: 1)
    house = House()
    services = Services(
        last_good.videos, social, last_good.feeds, signed, issuer, MemoryLimits(), settings, clock, house, house, house
    )
    client = Client(create_gateway(services), services, house, Feed(), issuer, metadata, eventlog)
    client.token = lambda user_id: issuer.mint(user_id, clock())[0]  # type: ignore[method-assign]
    holder.append(System(metadata, videos, feeds, last_good, client))
    yield holder[0]
    await feed_service.close()
    for store in (metadata, ready, eventlog, counters):
        await store.close()


@pytest.fixture
async def warm(system) -> System:
    await system.last_good.warm()
    return system


@pytest.mark.parametrize("fate", [Fate.CUT, Fate.HANGS, Fate.LOST])
async def test_with_feed_and_origin_dead_a_warm_gateway_answers_the_feed_and_its_videos(warm, fate):
    warm.cut(fate=fate)
    answered = await warm.ask("/v1/feed?limit=10")
    assert answered.status == 200
    page = answered.json
    assert page["mode"] == "global_hot"
    assert len(page["items"]) == 10
    assert [item["position"] for item in page["items"]] == list(range(10))
    assert {item["source"] for item in page["items"]} == {"hot"}
    assert page["items"][0]["video"]["playback"]["hls"].startswith("https://")
    assert page["prefetch"]
    one = await warm.ask(f"/v1/videos/{page['items'][0]['video']['id']}", user_id=None)
    assert one.status == 200
    assert len(await warm.shown("/v1/feed/following")) == 10


async def test_a_cold_gateway_says_when_to_come_back(system):
    system.cut()
    for target in ("/v1/feed", "/v1/videos/101"):
        answered = await system.ask(target)
        assert (answered.status, answered.code) == (503, "unavailable")
        assert answered.headers["retry-after"] == "5"


async def test_a_feed_from_memory_goes_on_by_its_cursor_and_ends(warm):
    warm.cut()
    seen: list[int] = []
    target = "/v1/feed?limit=8"
    for _ in range(3):
        page = (await warm.ask(target)).json
        seen += [int(item["video"]["id"]) for item in page["items"]]
        target = f"/v1/feed?limit=8&cursor={page['next_cursor']}"
    assert page["next_cursor"] is None
    assert sorted(seen) == list(range(101, 121))


async def test_once_the_feed_is_back_it_goes_on_where_the_client_was(warm):
    first = (await warm.ask("/v1/feed?limit=5")).json
    warm.cut(warm.feeds)
    second = (await warm.ask(f"/v1/feed?limit=5&cursor={first['next_cursor']}")).json
    assert second["mode"] == "global_hot"
    warm.mend()
    third = (await warm.ask(f"/v1/feed?limit=10&cursor={second['next_cursor']}")).json
    assert third["feed_id"] == first["feed_id"]
    ids = [{item["video"]["id"] for item in page["items"]} for page in (first, second, third)]
    assert not ids[2] & (ids[0] | ids[1])
    assert third["items"][0]["position"] >= 5


async def test_with_the_feed_alone_away_documents_are_fresh(warm):
    warm.cut(warm.feeds)
    await warm.metadata.set_like(VIEWER, 101, True, NOW_MS)
    page = (await warm.ask("/v1/feed?limit=50")).json
    assert {item["video"]["id"]: item["video"]["viewer"]["liked"] for item in page["items"]}["101"]


async def test_with_the_origin_alone_away_the_page_is_of_what_is_remembered(warm):
    for video_id in range(201, 221):
        await warm.metadata.create_video(replace(a_video(video_id), published_at_ms=NOW_MS + 1))
    warm.now_ms += 70_000
    await asyncio.sleep(0)
    warm.cut(warm.videos)
    with contextlib.suppress(RoleUnavailable):
        await warm.last_good.videos.views([201], VIEWER)
    shown = await warm.shown()
    assert len(shown) == 10
    assert set(shown) <= set(range(101, 121))


async def test_requests_do_not_wait_again_and_again_for_a_role_that_is_away(warm):
    warm.cut(fate=Fate.HANGS)
    before = len(warm.feeds.calls) + len(warm.videos.calls)
    for _ in range(20):
        await warm.shown()
    assert len(warm.feeds.calls) + len(warm.videos.calls) - before == 6
    assert warm.last_good.stats.refused == {"feed": 17, "origin": 17}


async def test_when_the_roles_are_back_pages_are_personal_to_the_feed_again(warm):
    warm.cut()
    for _ in range(5):
        await warm.shown()
    warm.mend()
    assert (await warm.ask("/v1/feed")).json["mode"] == "cold_start"


async def test_nothing_of_a_viewer_is_remembered_for_others(warm):
    await warm.metadata.set_like(VIEWER, 101, True, NOW_MS)
    await warm.metadata.set_follow(VIEWER, CREATOR, True, NOW_MS)
    assert (await warm.ask("/v1/videos/101")).json["viewer"] == {"liked": True, "following": True}
    await warm.shown()
    warm.cut()
    for user_id in (VIEWER, 2, None):
        assert (await warm.ask("/v1/videos/101", user_id=user_id)).json["viewer"] == {
            "liked": False,
            "following": False,
        }


@pytest.mark.parametrize("visibility", [Visibility.PRIVATE, Visibility.UNLISTED])
async def test_what_is_not_public_is_never_remembered(warm, visibility):
    await warm.metadata.create_video(a_video(301, visibility))
    assert (await warm.ask("/v1/videos/301", user_id=CREATOR)).status == 200
    warm.cut()
    for user_id in (CREATOR, VIEWER):
        assert (await warm.ask("/v1/videos/301", user_id=user_id)).status == 503


@pytest.mark.parametrize("seen_by", ["delete", "edit", "view", "views", "warm"])
async def test_what_was_deleted_or_hidden_is_forgotten_when_it_is_seen(warm, seen_by):
    if seen_by == "delete":
        assert (await warm.ask("/v1/videos/101", "DELETE", CREATOR)).status == 204
    elif seen_by == "edit":
        await warm.last_good.videos.edit(101, CREATOR, None, Visibility.PRIVATE)
    else:
        await warm.metadata.transition(101, set(VideoStatus), VideoStatus.DELETED)
        warm.now_ms += 10_000
    if seen_by == "view":
        assert (await warm.ask("/v1/videos/101")).status == 404
    elif seen_by == "views":
        await warm.last_good.videos.views([101, 102], VIEWER)
    elif seen_by == "warm":
        await warm.last_good.videos.read(range(101, 121), 0)
    warm.cut()
    assert (await warm.ask("/v1/videos/101")).status == 503
    assert 101 not in await warm.shown("/v1/feed?limit=50")


async def test_a_deletion_whose_answer_is_lost_is_forgotten_and_a_refused_one_is_not(warm):
    with pytest.raises(NotCreator):
        await warm.last_good.videos.delete(101, VIEWER)
    warm.cut(fate=Fate.LOST)
    with pytest.raises(RoleUnavailable):
        await warm.last_good.videos.delete(102, CREATOR)
    warm.cut()
    assert (await warm.ask("/v1/videos/101")).status == 200
    assert (await warm.ask("/v1/videos/102")).status == 503


async def test_what_is_older_than_its_age_is_not_shown(warm):
    warm.cut()
    warm.now_ms += SETTINGS.age_most_ms - 1
    assert (await warm.ask("/v1/videos/101")).status == 200
    warm.now_ms += 1
    assert (await warm.ask("/v1/videos/101")).status == 503


async def test_warming_goes_on_by_itself_and_survives_an_outage(system):
    task = asyncio.create_task(LastGood.run(system.last_good))
    async with asyncio.timeout(10):
        while system.last_good.stats.hot < 20:  # noqa: ASYNC110 -- the stats tell nobody
            await asyncio.sleep(0.005)
    task.cancel()
    await asyncio.wait({task})
    system.cut()
    with pytest.raises(RoleUnavailable):
        await system.last_good.warm()
    assert len(await system.shown()) == 10


async def test_asking_for_nobody_leaves_no_history(warm):
    first = [item.video_id for item in (await warm.last_good.feeds.read(0, 5, None, NOW_MS)).items]
    again = [item.video_id for item in (await warm.last_good.feeds.read(0, 5, None, NOW_MS)).items]
    assert first == again


async def test_a_bad_cursor_is_refused_by_the_feed_and_from_memory(warm):
    assert (await warm.ask("/v1/feed?cursor=nonsense")).status == 400
    warm.cut()
    assert (await warm.ask("/v1/feed?cursor=~nonsense")).status == 400


@given(st.text(max_size=60).map(lambda text: "~" + text))
def test_any_text_is_a_cursor_or_refused(text):
    with contextlib.suppress(BadCursor):
        found = cursors.decode(text)
        assert cursors.decode(cursors.encode(found)) == found


def test_the_longest_cursor_fits_into_an_address():
    longest = cursors.Cursor(bytes(8), 10**6, frozenset(range(cursors.MARKS_MOST)), "x" * cursors.RESUME_MOST)
    text = cursors.encode(longest)
    assert cursors.decode(text) == longest
    assert len(text) < 3500


# the memory by itself


def a_view(video_id: int, visibility=Visibility.PUBLIC) -> VideoView:
    return VideoView(a_video(video_id, visibility), User(CREATOR, "c", False, NOW_MS), liked=True, following=True)


def test_a_read_that_began_before_a_deletion_does_not_bring_the_video_back():
    memory = Memory(LastGoodSettings(), LastGoodStats())
    began = memory.moment()
    memory.forget(1)
    memory.learn([1, 2], [a_view(1), a_view(2)], began, NOW_MS)
    assert [view.video.video_id for view in memory.recall([1, 2], NOW_MS)] == [2]
    memory.learn([1], [a_view(1)], memory.moment(), NOW_MS)
    assert memory.recall([1], NOW_MS)


def test_nothing_of_who_looked_is_kept():
    memory = Memory(LastGoodSettings(), LastGoodStats())
    looked = replace(a_view(1), packaging=Packaging(Stage.ENCODING_REST, (RungProgress(960, 0.4, published=False),)))
    memory.learn([1], [looked], memory.moment(), NOW_MS)
    [kept] = memory.recall([1], NOW_MS)
    assert (kept.liked, kept.following, kept.packaging) == (False, False, None)


def test_a_read_during_which_too_much_was_forgotten_is_not_trusted():
    memory = Memory(LastGoodSettings(), LastGoodStats())
    began = memory.moment()
    for video_id in range(1, FORGOTTEN_MOST + 3):
        memory.forget(video_id)
    memory.learn([1], [a_view(1)], began, NOW_MS)
    assert not memory.recall([1], NOW_MS)


def test_until_a_hot_list_is_known_what_was_read_last_stands_for_it():
    memory = Memory(LastGoodSettings(hot_most=2), LastGoodStats())
    memory.learn([1, 2, 3], [a_view(1), a_view(2), a_view(3)], memory.moment(), NOW_MS)
    assert memory.hot(NOW_MS) == [3, 2]
    memory.learn_hot([1])
    assert memory.hot(NOW_MS) == [1]


@given(st.lists(st.tuples(st.integers(1, 8), st.sampled_from([*Visibility, None])), max_size=40))
def test_memory_is_bounded_and_holds_only_what_was_public_when_last_read(reads):
    memory = Memory(LastGoodSettings(videos_most=3), LastGoodStats())
    last: dict[int, Visibility | None] = {}
    for video_id, visibility in reads:
        views = [a_view(video_id, visibility)] if visibility else []
        memory.learn([video_id], views, memory.moment(), NOW_MS)
        last[video_id] = visibility
    held = memory.recall(range(1, 9), NOW_MS)
    assert len(held) <= 3
    assert all(last[view.video.video_id] is Visibility.PUBLIC for view in held)
    assert not any(view.liked or view.following for view in held)


async def test_what_the_origin_refuses_is_refused(warm):
    with pytest.raises(NotFound):
        await warm.last_good.videos.view(999, VIEWER)
