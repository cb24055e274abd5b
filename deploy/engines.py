"""The engines that the settings name: each is opened when a role first asks for it, and closed in order."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from deploy.roles import NEEDS, Role
from deploy.settings import Settings
from origin.counters import Counters, open_counters
from origin.eventlog import EventLog, open_eventlog
from origin.metadata import Metadata, open_metadata
from origin.objects import Objects, open_objects
from origin.progress import ProgressNotes, open_progress
from origin.speed import Speed, open_speed
from signer.keys import KeyStore, open_keys

Check = Callable[[], Awaitable[None]]
ENGINE_SETTINGS = ("REELWAY_METADATA_URL", "REELWAY_OBJECTS_URL", "REELWAY_EVENTS_URL", "REELWAY_REDIS_URL")
EMBEDDED = "the embedded engines"
EMBEDDED_SCHEMES = frozenset({"sqlite", "file", "embedded"})


class CannotStart(Exception):
    """Something outside keeps the process from starting; the text says what and what to do."""


def claim(data: Path, what: str, stack: AsyncExitStack) -> None:
    """Make the data folder and hold the lock of `what` in it until the stack closes: one process owns each.

    Raises CannotStart.
    """
    try:
        data.mkdir(parents=True, exist_ok=True)
        name = what.rpartition(" ")[2]
        descriptor = os.open(data / f".{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CannotStart(f"the data folder {data} cannot be written: {error.strerror}; set REELWAY_DATA") from error
    stack.callback(os.close, descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        remedy = "stop it, or set REELWAY_DATA to another folder"
        if what == EMBEDDED:
            remedy += (
                "; processes share real engines only (REELWAY_METADATA_URL, _OBJECTS_URL, _EVENTS_URL, _REDIS_URL)"
            )
        raise CannotStart(f"another Reelway process has {what} in the data folder {data}; {remedy}") from error


@contextmanager
def readable(setting: str) -> Iterator[None]:
    """Around what reads the URL of a setting: CannotStart, with the setting's name, where it is wrong."""
    try:
        yield
    except ValueError as error:
        raise CannotStart(f"REELWAY_{setting.upper()}: {error}") from error


class _Checked(Protocol):
    async def check(self) -> None: ...

    async def close(self) -> None: ...


E = TypeVar("E", bound=_Checked)


class Engines:
    """What outlives the process. The stack closes what was opened, the last first.

    Every method raises its port's errors, and CannotStart where another process owns the embedded engines or a setting
    is no URL of its engine.
    """

    def __init__(self, settings: Settings, clock: Callable[[], int], stack: AsyncExitStack) -> None:
        self._settings, self._clock, self._stack = settings, clock, stack
        self._opened: dict[str, Any] = {}
        self._claimed = False
        self._counters: Counters | None = None
        self._keys: KeyStore | None = None
        self._progress: ProgressNotes | None = None

    @property
    def checks(self) -> Mapping[str, Check]:
        """By the setting that names the engine, what raises while it cannot be used. Of those opened so far."""
        return {f"REELWAY_{name.upper()}": engine.check for name, engine in self._opened.items()}

    async def open(self, roles: Iterable[Role]) -> None:
        """Open what the roles need, so that it can be waited for before they are built."""
        for needs in (NEEDS[role] for role in roles):
            if needs.metadata:
                self.metadata()
            if needs.objects:
                self.objects()
            if needs.eventlog:
                self.eventlog()
            if needs.speed:
                await self.speed()

    async def speed(self) -> Speed:
        """The speed layer's server; Redis clients connect to its `url`."""
        if "redis_url" not in self._opened:
            url = self._settings.redis_url
            self._claim(url)
            with readable("redis_url"):
                speed = await open_speed(url, self._settings.data)
            self._keep("redis_url", speed)
        opened: Speed = self._opened["redis_url"]
        return opened

    def metadata(self) -> Metadata:
        return self._once("metadata_url", open_metadata)

    def objects(self) -> Objects:
        return self._once("objects_url", open_objects)

    def eventlog(self) -> EventLog:
        return self._once("events_url", lambda url: open_eventlog(url, self._clock))

    async def counters(self) -> Counters:
        if self._counters is None:
            self._counters = open_counters((await self.speed()).url)
            self._stack.push_async_callback(self._counters.close)
        return self._counters

    def progress(self) -> ProgressNotes:
        """Notes on packaging, in the speed layer. They are a courtesy, so nothing is started or waited for on their
        account: a process whose roles use no embedded one keeps them to itself."""
        if self._progress is None:
            url = self._settings.redis_url
            if "redis_url" in self._opened:
                url = self._opened["redis_url"].url
            elif urlsplit(url).scheme in EMBEDDED_SCHEMES:
                url = "memory:"
            with readable("redis_url"):
                self._progress = open_progress(url, self._clock)
            self._stack.push_async_callback(self._progress.close)
        return self._progress

    def keys(self) -> KeyStore:
        """URL-signing keys: a file that any number of processes share."""
        if self._keys is None:
            self._keys = open_keys(self._settings.keys_url, self._clock)
            self._stack.push_async_callback(self._keys.close)
        return self._keys

    def _once(self, setting: str, open_at: Callable[[str], E]) -> E:
        if setting not in self._opened:
            url = getattr(self._settings, setting)
            self._claim(url)
            with readable(setting):
                opened = open_at(url)
            self._keep(setting, opened)
        engine: E = self._opened[setting]
        return engine

    def _keep(self, setting: str, engine: _Checked) -> None:
        self._stack.push_async_callback(engine.close)
        self._opened[setting] = engine

    def _claim(self, url: str) -> None:
        if not self._claimed and urlsplit(url).scheme in EMBEDDED_SCHEMES:
            claim(self._settings.data, EMBEDDED, self._stack)
            self._claimed = True
