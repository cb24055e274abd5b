"""A gateway that spools acts, and the origin behind it, on real stores and a wire that can fail."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

from edge.gateway.spool.circuit import Circuit
from edge.gateway.spool.forwarder import Forwarder
from edge.gateway.spool.model import SpoolSettings
from edge.gateway.spool.social import SpooledSocial
from edge.gateway.spool.spool import Spool, open_spool
from origin.counters import open_counters
from origin.counting import Counting
from origin.eventlog import open_eventlog
from origin.events import InteractionEvent, InteractionType, Topic, decode
from origin.metadata import open_metadata
from origin.model import User, Video, VideoStatus, Visibility
from origin.social import Social
from origin.views import Interaction
from tests.edge.gateway.wires import Wire
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


def an_act(kind: InteractionType, video_id: int, event_id: str) -> Interaction:
    return Interaction(event_id, kind, video_id, 0, NOW_MS, 900, "f", 0)
