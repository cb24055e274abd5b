"""What `make services` leaves in its folder while it runs, so that tests can use engines that are there already."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from deploy.services.addresses import S3, Cassandra, Credentials, Kafka, Redis
from deploy.services.errors import ServicesError

FILE_NAME = "services.json"


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

    def publish(self, folder: Path, stack: ExitStack) -> None:
        """Leave it in the folder until the stack closes; readable by the owner only, as it holds keys."""
        part = folder / f"{FILE_NAME}.part"
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
        file = stack.enter_context(part.open("w"))
        # Locked as long as it is true: what an owner who was killed left is not.
        fcntl.flock(file, fcntl.LOCK_EX)
        json.dump(asdict(self), file, indent=2)
        file.flush()
        part.replace(folder / FILE_NAME)
        stack.callback((folder / FILE_NAME).unlink, missing_ok=True)


def claim(folder: Path, stack: ExitStack) -> None:
    """Make the folder and keep it until the stack closes: its engines have one owner. Raises AlreadyRunning."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = stack.enter_context((folder / ".lock").open("w"))
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise AlreadyRunning(f"the engines in {folder} run already; name another folder with --folder") from error


def read(folder: Path) -> Running:
    """The engines that run in `folder` now. Raises NotRunning."""
    try:
        with (folder / FILE_NAME).open() as file:
            if not _locked(file):
                raise NotRunning(f"the engines in {folder} have ended; start them with: make services")
            return _running(json.load(file))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise NotRunning(f"no engines run in {folder}; start them with: make services ({error})") from error


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


def _locked(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
