"""Opens the engines that the settings name, and closes them in order."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from deploy.settings import Settings
from origin.counters import Counters, open_counters
from origin.eventlog import EventLog, open_eventlog
from origin.metadata import Metadata, open_metadata
from origin.objects import Objects, open_objects
from origin.speed import Speed, open_speed
from signer.keys import KeyStore, open_keys


class CannotStart(Exception):
    """Something outside keeps the process from starting; the text says what and what to do."""


@dataclass(frozen=True, slots=True)
class Engines:
    """What outlives the process, opened."""

    metadata: Metadata
    objects: Objects
    eventlog: EventLog
    speed: Speed
    counters: Counters
    keys: KeyStore


def claim_folder(data: Path, stack: AsyncExitStack) -> None:
    """Make the data folder and hold its lock until the stack closes: embedded engines have one owner.

    Raises CannotStart.
    """
    try:
        data.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(data / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CannotStart(f"the data folder {data} cannot be written: {error.strerror}; set REELWAY_DATA") from error
    stack.callback(os.close, descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise CannotStart(
            f"another Reelway process uses the data folder {data}; stop it, or set REELWAY_DATA to another folder"
        ) from error


async def open_engines(settings: Settings, clock: Callable[[], int], stack: AsyncExitStack) -> Engines:
    """Open everything; the stack closes what was opened, the last first. Raises the ports' own errors."""
    speed = await open_speed(settings.redis_url, settings.data)
    stack.push_async_callback(speed.close)
    metadata = open_metadata(settings.metadata_url)
    stack.push_async_callback(metadata.close)
    objects = open_objects(settings.objects_url)
    stack.push_async_callback(objects.close)
    eventlog = open_eventlog(settings.events_url, clock)
    stack.push_async_callback(eventlog.close)
    counters = open_counters(speed.url)
    stack.push_async_callback(counters.close)
    keys = open_keys(settings.keys_url, clock)
    stack.push_async_callback(keys.close)
    return Engines(metadata, objects, eventlog, speed, counters, keys)
