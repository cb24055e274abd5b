"""Whatever fails between gateway and origin, and whenever the gateway crashes: every act is done once, in order."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from edge.gateway.spool.model import SpoolSettings
from origin.events import InteractionType
from tests.edge.gateway.spooling import (
    CREATOR,
    FOLLOW,
    LIKE,
    UNFOLLOW,
    UNLIKE,
    USERS,
    VIDEOS,
    VIEW,
    Gateway,
    Origin,
    a_gateway,
    an_act,
)
from tests.edge.gateway.wires import Fate
from tests.running import running

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
