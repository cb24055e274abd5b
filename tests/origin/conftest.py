"""Real stores for the use cases: SQLite in memory, files in a temporary folder, the log and the counters in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest
import pytest_asyncio

from origin.changes import Changes
from origin.counters import Counters, open_counters
from origin.eventlog import EventLog, open_eventlog
from origin.events import decode
from origin.metadata import Metadata, open_metadata
from origin.model import User, Video, VideoStatus, Visibility
from origin.objects import Objects, open_objects
from origin.progress import ProgressNotes, open_progress
from origin.speed import open_speed

NOW_MS = 1_800_000_000_000


@dataclass
class House:
    """The stores, a clock to set and ids that count up."""

    metadata: Metadata
    objects: Objects
    eventlog: EventLog
    counters: Counters
    progress: ProgressNotes
    now_ms: int = NOW_MS
    changes: Changes = field(default_factory=Changes)
    _ids: count = field(default_factory=lambda: count(1000))

    def clock(self) -> int:
        return self.now_ms

    def mint(self) -> int:
        return next(self._ids)

    async def user(self, handle: str) -> User:
        user = User(self.mint(), handle, False, self.now_ms)
        await self.metadata.create_user(user)
        return user

    async def video(
        self, creator: User, status=VideoStatus.READY, visibility=Visibility.PUBLIC, description="about #cats"
    ) -> Video:
        video = Video(self.mint(), creator.user_id, description, status, visibility, self.now_ms)
        await self.metadata.create_video(video)
        return video

    async def events(self, kind, topic: str) -> list:
        return [decode(kind, record.value) for record in await self.eventlog.read(topic, {}, 1000)]


@pytest.fixture
async def house(tmp_path) -> AsyncIterator[House]:
    holder: list[House] = []
    house = House(
        open_metadata("sqlite:///:memory:"),
        open_objects(f"file://{tmp_path}/objects"),
        open_eventlog("memory:", lambda: holder[0].now_ms),
        open_counters("memory:"),
        open_progress("memory:", lambda: holder[0].now_ms),
    )
    holder.append(house)
    yield house
    for store in (house.metadata, house.objects, house.eventlog, house.counters, house.progress):
        await store.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def valkey_url(tmp_path_factory) -> AsyncIterator[str]:
    """One real Valkey for the whole run."""
    speed = await open_speed("embedded:", Path(tmp_path_factory.mktemp("valkey")))
    yield speed.url
    await speed.close()
