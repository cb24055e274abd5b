"""The spool before a real origin: its use cases over real stores, behind a wire that is cut."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from edge.gateway import problems
from edge.gateway.app import create_gateway
from edge.gateway.spool import acts
from edge.gateway.spool.circuit import Circuit
from edge.gateway.spool.forwarder import Forwarder
from edge.gateway.spool.model import SpoolFull, SpoolSettings
from edge.gateway.spool.social import SpooledSocial
from edge.gateway.spool.spool import Spool, open_spool
from edge.gateway.spool.turns import Turns
from origin.counters import open_counters
from origin.counting import Counting
from origin.eventlog import open_eventlog
from origin.events import InteractionEvent, InteractionType, Topic, decode
from origin.metadata import NotFound, open_metadata
from origin.model import User, Video, VideoStatus, Visibility
from origin.refusals import SelfFollow
from origin.social import Social
from origin.views import Interaction
from tests.edge.gateway.wires import Fate, Wire
from tests.interactions import all_counted
from tests.running import running

NOW_MS = 1_800_000_000_000
USERS, CREATOR, VIDEOS = (1, 2, 3), 9, (101, 102)
LIKE, UNLIKE, VIEW = InteractionType.LIKE, InteractionType.UNLIKE, InteractionType.VIEW
PATIENT = {"deadline_s": 30, "forward_deadline_s": 30}
"""A machine under load is no outage."""
HASTY_S = 0.02
FOLLOW, UNFOLLOW = InteractionType.FOLLOW, InteractionType.UNFOLLOW


def clock() -> int:
    return NOW_MS


@dataclass
class Origin:
    """Real stores with the users and videos above; `wire` leads to its Social."""

    metadata: object = field(default_factory=lambda: open_metadata("sqlite:///:memory:"))
    eventlog: object = field(default_factory=lambda: open_eventlog("memory:", clock))
    wire: Wire = field(init=False)
    ids: count = field(default_factory=lambda: count(1000))

    def __post_init__(self) -> None:
        self.wire = Wire(Social(self.metadata, self.eventlog, clock, lambda: next(self.ids)))

    async def start(self) -> None:
        for user_id in (*USERS, CREATOR):
            await self.metadata.create_user(User(user_id, f"u{user_id}", False, NOW_MS))
        for video_id in VIDEOS:
            await self.metadata.create_video(Video(video_id, CREATOR, "", VideoStatus.READY, Visibility.PUBLIC, NOW_MS))

    async def events(self) -> list[InteractionEvent]:
        records = await self.eventlog.read(Topic.INTERACTIONS, {}, 10_000)
        return [decode(InteractionEvent, record.value) for record in records]

    async def counted(self) -> None:
        """Consume and flush the whole log."""
        counters = open_counters("memory:")
        counting = Counting(self.eventlog, counters, self.metadata, clock, lambda: 0.05, flush_every_s=0.005)
        async with running(counting):
            await all_counted(self.eventlog)
        await counters.close()

    async def close(self) -> None:
        await self.eventlog.close()
        await self.metadata.close()


@dataclass
class Gateway:
    """What one gateway process has for its acts."""

    origin: Origin
    folder: Path
    settings: SpoolSettings = field(default_factory=SpoolSettings)
    spool: Spool = field(init=False)
    social: SpooledSocial = field(init=False)
    forwarder: Forwarder = field(init=False)
    minted: count = field(default_factory=count)

    async def start(self) -> None:
        self.spool = await open_spool(self.folder, self.settings, clock)
        circuit = Circuit()
        wire = self.origin.wire
        self.social = SpooledSocial(
            wire, self.spool, circuit, self.settings, clock, lambda: f"minted-{next(self.minted)}"
        )
        self.forwarder = Forwarder(self.spool, wire, circuit, self.settings, lambda: 0.0)

    def give_up_after(self, deadline_s: float) -> None:
        self.social._settings = replace(self.settings, deadline_s=deadline_s)

    async def crash(self) -> None:
        """All that was in memory is gone. The folder's lock goes with the process."""
        self.spool._folder.release()
        await self.spool._thread.close()
        await self.start()

    async def forward_all(self) -> None:
        async with running(self.forwarder), asyncio.timeout(30):
            while len(self.spool):  # noqa: ASYNC110 -- the spool tells nobody that it is empty
                await asyncio.sleep(0.001)


@contextlib.asynccontextmanager
async def a_gateway(folder: Path, **changes: float) -> AsyncIterator[Gateway]:
    origin = Origin()
    await origin.start()
    gateway = Gateway(origin, folder, SpoolSettings(**{**PATIENT, **changes}))
    await gateway.start()
    try:
        yield gateway
    finally:
        await gateway.spool.close()
        await origin.close()


@pytest.fixture
async def gateway(tmp_path) -> AsyncIterator[Gateway]:
    async with a_gateway(tmp_path) as gateway:
        yield gateway


def an_act(kind: InteractionType, video_id: int, event_id: str) -> Interaction:
    return Interaction(event_id, kind, video_id, 0, NOW_MS, 900, "f", 0)


async def test_with_the_origin_there_acts_go_to_it_and_its_refusals_come_back(gateway):
    social = gateway.social
    refused = await social.interact(1, [an_act(VIEW, 101, "a"), an_act(VIEW, 404, "b")], "r")
    assert [each.index for each in refused] == [1]
    await social.like(1, 101, True, "r")
    await social.follow(1, CREATOR, True, "r")
    with pytest.raises(NotFound):
        await social.like(1, 404, True, "r")
    with pytest.raises(NotFound):
        await social.follow(1, 404, True, "r")
    with pytest.raises(SelfFollow):
        await social.follow(1, 1, True, "r")
    assert [event.type for event in await gateway.origin.events()] == [VIEW, LIKE, FOLLOW]
    assert len(gateway.spool) == 0


@pytest.mark.parametrize("fate", [Fate.CUT, Fate.LOST, Fate.HANGS])
async def test_an_act_that_the_origin_does_not_answer_is_answered_and_counts_once(gateway, fate):
    gateway.origin.wire.cut(fate)
    if fate is Fate.HANGS:
        gateway.give_up_after(HASTY_S)
    assert await gateway.social.interact(1, [an_act(VIEW, 101, "a")], "r7") == ()
    await gateway.social.like(1, 101, True, "r8")
    await gateway.social.follow(1, CREATOR, True, "r9")
    assert gateway.spool.stats.spooled == 3
    gateway.origin.wire.mend()
    await gateway.forward_all()
    events = await gateway.origin.events()
    assert {event.request_id for event in events} == {"r7", "r8", "r9"}
    await gateway.origin.counted()
    counts = (await gateway.origin.metadata.video(101)).counts
    assert (counts.views, counts.likes) == (1, 1)
    assert await gateway.origin.metadata.follows(1, [CREATOR]) == {CREATOR}
    assert gateway.spool.stats.forwarded == 3


async def test_a_closed_event_log_and_a_closed_metadata_store_are_away_too(tmp_path):
    for store in ("eventlog", "metadata"):
        async with a_gateway(tmp_path / store) as gateway:
            await getattr(gateway.origin, store).close()
            await gateway.social.like(1, 101, True, "r")
            assert len(gateway.spool) == 1


async def test_only_the_first_request_waits_for_an_origin_that_is_away(gateway):
    wire = gateway.origin.wire
    wire.cut(Fate.HANGS)
    gateway.give_up_after(HASTY_S)
    for user_id in (1, 2, 3, 1, 2):
        await gateway.social.like(user_id, 101, True, "r")
    assert len(wire.calls) == 1
    wire.mend()
    gateway.give_up_after(30)
    await gateway.forward_all()
    await gateway.social.like(3, 101, False, "r")
    assert len(gateway.spool) == 0
    assert [event.type for event in await gateway.origin.events()][-1] is UNLIKE


async def test_while_something_of_a_user_waits_their_acts_wait_behind_it(gateway):
    await gateway.spool.append(1, acts.encode([an_act(LIKE, 101, "a")], "r"))
    await gateway.social.like(1, 101, False, "r")
    await gateway.social.like(2, 101, True, "r")
    assert [event.user_id for event in await gateway.origin.events()] == [2]
    await gateway.forward_all()
    assert [(event.user_id, event.type) for event in await gateway.origin.events()] == [
        (2, LIKE),
        (1, LIKE),
        (1, UNLIKE),
    ]


async def test_an_act_does_not_overtake_one_that_is_still_waiting_for_the_origin(gateway):
    fates = deque([Fate.HANGS])
    gateway.give_up_after(HASTY_S)
    gateway.origin.wire.fate = lambda _: fates.popleft() if fates else Fate.ANSWERED
    await asyncio.gather(gateway.social.like(1, 101, True, "r"), gateway.social.like(1, 101, False, "r"))
    await gateway.forward_all()
    assert [event.type for event in await gateway.origin.events()] == [LIKE, UNLIKE]
    assert len(gateway.social._turns) == 0


async def test_what_the_origin_refuses_later_is_counted_and_dropped_and_the_rest_goes_on(gateway):
    wire = gateway.origin.wire
    wire.cut()
    await gateway.social.like(1, 404, True, "r")
    await gateway.social.interact(2, [an_act(VIEW, 404, "a"), an_act(VIEW, 101, "b")], "r")
    await gateway.social.interact(3, [an_act(VIEW, 101, "origin:c")], "r")
    wire.mend()
    await gateway.forward_all()
    assert [event.event_id for event in await gateway.origin.events()] == ["b"]
    assert (gateway.spool.stats.refused, gateway.spool.stats.forwarded) == (3, 1)


async def test_poison_is_dropped_and_the_rest_goes_on(gateway):
    class Fragile:
        """Breaks at the acts of one user."""

        def __init__(self, inner: Social) -> None:
            self.inner = inner

        async def interact(self, user_id, interactions, request_id):
            if user_id == 2:
                raise ValueError("a defect")
            return await self.inner.interact(user_id, interactions, request_id)

    gateway.origin.wire.cut()
    await gateway.spool.append(1, b"no acts")
    for user_id in (1, 2, 3):
        await gateway.social.like(user_id, 101, True, "r")
    gateway.origin.wire.mend()
    gateway.origin.wire.inner = Fragile(gateway.origin.wire.inner)
    await gateway.forward_all()
    assert {event.user_id for event in await gateway.origin.events()} == {1, 3}
    assert gateway.spool.stats.poison == 2


async def test_users_whose_acts_do_not_get_through_do_not_keep_others_back(tmp_path):
    async with a_gateway(tmp_path, forward_at_once=2) as gateway:
        for user_id in (50, 51, 52, 1, 2, 3):
            await gateway.spool.append(user_id, acts.encode([an_act(VIEW, 101, f"e{user_id}")], "r"))
        healthy = gateway.origin.wire.inner

        class OnePartitionAway:
            async def interact(self, user_id, interactions, request_id):
                if user_id >= 50:
                    await Wire(None, lambda _: Fate.CUT).interact()
                return await healthy.interact(user_id, interactions, request_id)

        gateway.origin.wire.inner = OnePartitionAway()
        async with running(gateway.forwarder), asyncio.timeout(10):
            while len(await gateway.origin.events()) < 3:  # noqa: ASYNC110 -- the log tells nobody
                await asyncio.sleep(0.001)
        assert len(gateway.spool) == 6


async def test_a_full_spool_is_said_with_a_time_to_come_back(tmp_path):
    async with a_gateway(tmp_path, records_most=1) as gateway:
        gateway.origin.wire.cut()
        await gateway.social.like(1, 101, True, "r")
        with pytest.raises(SpoolFull) as caught:
            await gateway.social.like(2, 101, True, "r")
        problem = problems.from_exception(caught.value)
        assert (problem.status, problem.code) == (503, "unavailable")
        assert dict(problem.headers)["Retry-After"] == "5"
        gateway.origin.wire.mend()
        await gateway.forward_all()
        await gateway.social.like(2, 101, True, "r")
        assert {event.user_id for event in await gateway.origin.events()} == {1, 2}


async def test_a_spool_that_can_keep_nothing_does_not_shut_the_way_to_the_origin(tmp_path):
    async with a_gateway(tmp_path, records_most=0) as gateway:
        gateway.origin.wire.cut()
        with pytest.raises(SpoolFull):
            await gateway.social.like(1, 101, True, "r")
        gateway.origin.wire.mend()
        await gateway.social.like(1, 101, True, "r")
        assert len(await gateway.origin.events()) == 1


async def test_over_http_acts_are_answered_while_the_origin_is_away_until_the_spool_is_full(tmp_path, client):
    async with a_gateway(tmp_path, records_most=3) as gateway:
        gateway.origin.wire.cut()
        client.app = create_gateway(replace(client.services, social=gateway.social))
        events = [{"type": "view", "video_id": "101", "event_id": "a"}, {"type": "like", "video_id": "102"}]
        reported = await client.ask("POST", "/v1/interactions", {"events": events})
        assert (reported.status, reported.json) == (202, {"accepted": 2, "rejected": []})
        assert (await client.ask("PUT", "/v1/videos/101/like")).status == 204
        assert (await client.ask("PUT", f"/v1/users/{CREATOR}/follow")).status == 204
        full = await client.ask("DELETE", "/v1/videos/101/like")
        assert (full.status, full.code, full.headers["retry-after"]) == (503, "unavailable", "5")
        away = await client.ask("POST", "/v1/videos/101/comments", {"text": "So soft!"})
        assert (away.status, away.code) == (503, "unavailable")
        gateway.origin.wire.mend()
        await gateway.forward_all()
        assert [event.type for event in await gateway.origin.events()] == [VIEW, LIKE, LIKE, FOLLOW]
        assert await gateway.origin.metadata.liked(1, VIDEOS) == {101, 102}


async def test_turns_remember_nobody_who_left():
    turns = Turns()
    order: list[int] = []

    async def take(number: int) -> None:
        async with turns.of(1):
            await asyncio.sleep(0)
            order.append(number)

    tasks = [asyncio.create_task(take(number)) for number in range(4)]
    await asyncio.sleep(0)
    tasks[2].cancel()
    await asyncio.wait(tasks)
    assert order == [0, 1, 3]
    assert len(turns) == 0


# any interleaving

KINDS = st.sampled_from([LIKE, UNLIKE, VIEW, FOLLOW, UNFOLLOW])
FATES = st.sampled_from([Fate.ANSWERED, Fate.ANSWERED, Fate.CUT, Fate.LOST, Fate.HANGS])
AN_ACT = st.tuples(st.sampled_from(USERS), KINDS, st.sampled_from(VIDEOS))
STEPS = st.one_of(
    st.tuples(st.just("acts"), st.lists(AN_ACT, min_size=1, max_size=4), st.lists(FATES, max_size=4)),
    st.tuples(st.just("forward"), st.integers(0, 12), st.lists(FATES, max_size=4)),
    st.tuples(st.just("crash"), st.just(0), st.just(())),
)


@dataclass
class Expected:
    """As if every act was done once, in order."""

    likes: dict[tuple[int, int], bool] = field(default_factory=dict)
    follows: dict[int, bool] = field(default_factory=dict)
    views: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    def take(self, user_id: int, kind: InteractionType, video_id: int) -> None:
        if kind in {LIKE, UNLIKE}:
            self.likes[user_id, video_id] = kind is LIKE
        elif kind in {FOLLOW, UNFOLLOW}:
            self.follows[user_id] = kind is FOLLOW
        else:
            self.views[video_id] += 1


async def do(gateway: Gateway, act: tuple[int, InteractionType, int], event_id: str) -> None:
    user_id, kind, video_id = act
    if kind in {LIKE, UNLIKE}:
        await gateway.social.like(user_id, video_id, kind is LIKE, "r")
    elif kind in {FOLLOW, UNFOLLOW}:
        await gateway.social.follow(user_id, CREATOR, kind is FOLLOW, "r")
    else:
        await gateway.social.interact(user_id, [an_act(VIEW, video_id, event_id)], "r")


async def play(folder: Path, steps: list) -> None:
    expected, event_ids = Expected(), count()
    async with a_gateway(folder, deadline_s=0.005, forward_deadline_s=0.005, forward_records=3) as gateway:
        for step, what, fates in steps:
            script = deque(fates)
            gateway.origin.wire.fate = lambda _, script=script: script.popleft() if script else Fate.ANSWERED
            if step == "acts":
                await asyncio.gather(*(do(gateway, act, f"e{next(event_ids)}") for act in what))
                for act in what:
                    expected.take(*act)
            elif step == "forward":
                async with running(gateway.forwarder):
                    await asyncio.sleep(what / 1000)
            else:
                await gateway.crash()
        gateway.origin.wire.mend()
        gateway.forwarder._settings = SpoolSettings()
        await gateway.forward_all()
        await gateway.origin.counted()
        await check(gateway.origin, expected)


async def check(origin: Origin, expected: Expected) -> None:
    videos = await origin.metadata.videos(VIDEOS)
    for video_id in VIDEOS:
        assert videos[video_id].counts.views == expected.views[video_id]
        liking = [user for (user, video), liked in expected.likes.items() if video == video_id and liked]
        assert videos[video_id].counts.likes == len(liking)
        for user_id in USERS:
            assert (video_id in await origin.metadata.liked(user_id, VIDEOS)) == (user_id in liking)
    for user_id in USERS:
        assert bool(await origin.metadata.follows(user_id, [CREATOR])) == expected.follows.get(user_id, False)


# Shrinking a play of real disks and deadlines takes minutes and finds another failure than it began with.
@settings(max_examples=60, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.lists(STEPS, max_size=10))
def test_whatever_fails_and_crashes_counts_and_likes_end_as_if_done_once_in_order(tmp_path_factory, steps):
    asyncio.run(play(tmp_path_factory.mktemp("spool"), steps))
