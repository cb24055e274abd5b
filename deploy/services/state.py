"""What `make services` leaves in its folder while it runs, so that tests can use engines that are there already."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deploy.services.addresses import S3, Cassandra, Credentials, Kafka, Redis
from deploy.services.errors import ServicesError

FILE_NAME = "services.json"
_LOCK = ".lock"
"""Held by the process that runs the engines, and so free when it was killed."""


class NotRunning(ServicesError):
    """The folder names no running engines."""


class AlreadyRunning(ServicesError):
    """The folder has an owner."""


@dataclass(frozen=True, slots=True)
class Running:
    """The engines that a `make services` has started."""

    cassandra: Cassandra
    kafka: Kafka
    s3: S3
    redis: Redis
    pids: tuple[int, ...]

    def settings(self) -> dict[str, str]:
        """What a Reelway process needs to use them, by setting."""
        return {
            "REELWAY_METADATA_URL": self.cassandra.url("reelway"),
            "REELWAY_OBJECTS_URL": self.s3.url("reelway"),
            "REELWAY_EVENTS_URL": self.kafka.url,
            "REELWAY_REDIS_URL": self.redis.url,
        }

    def write(self, folder: Path) -> None:
        """Leave it in the folder; readable by the owner only, as it holds keys."""
        part = folder / f"{FILE_NAME}.part"
        part.touch(mode=0o600)
        part.write_text(json.dumps(asdict(self), indent=2))
        part.replace(folder / FILE_NAME)


def claim(folder: Path, stack: ExitStack) -> None:
    """Make the folder and keep it until the stack closes: its engines have one owner. Raises AlreadyRunning."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = stack.enter_context((folder / _LOCK).open("w"))
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise AlreadyRunning(f"the engines in {folder} run already; name another folder with --folder") from error
    # Of an owner that was killed: nothing runs yet.
    stack.callback(_forget, folder)
    _forget(folder)


def _forget(folder: Path) -> None:
    """Say that the engines have gone."""
    (folder / FILE_NAME).unlink(missing_ok=True)


def read(folder: Path) -> Running:
    """The engines that run in `folder` now. Raises NotRunning."""
    try:
        document = json.loads((folder / FILE_NAME).read_text())
        running = _running(document)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise NotRunning(f"no engines run in {folder}; start them with: make services ({error})") from error
    if not _owned(folder):
        raise NotRunning(f"the engines in {folder} have ended; start them with: make services")
    return running


def _running(document: Mapping[str, Any]) -> Running:
    return Running(
        Cassandra(**_with_credentials(document["cassandra"])),
        Kafka(**_with_credentials(document["kafka"])),
        S3(**document["s3"]),
        Redis(**document["redis"]),
        tuple(document["pids"]),
    )


def _with_credentials(fields: Mapping[str, Any]) -> dict[str, Any]:
    credentials = fields["credentials"]
    return {**fields, "credentials": Credentials(**credentials) if credentials else None}


def _owned(folder: Path) -> bool:
    with (folder / _LOCK).open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
