"""The roles of the system. Any of them run together in one process, or each in processes of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    GATEWAY = "gateway"
    """The public API and resumable uploads."""
    EDGE = "edge"
    """Signed media from a segment cache."""
    ORIGIN = "origin"
    """The system of record, and what edges pull from."""
    PACKAGER = "packager"
    """Uploads become renditions, behind moderation."""
    FEED = "feed"
    """What to watch next."""
    SCORER = "scorer"
    """Interactions become lists."""


EVERY_ROLE = frozenset(Role)


@dataclass(frozen=True, slots=True)
class Needs:
    """Which engines a role uses: it waits for them before it serves."""

    metadata: bool = False
    objects: bool = False
    eventlog: bool = False
    speed: bool = False


NEEDS: Mapping[Role, Needs] = {
    Role.GATEWAY: Needs(objects=True, speed=True),
    Role.EDGE: Needs(eventlog=True),
    Role.ORIGIN: Needs(metadata=True, objects=True, eventlog=True, speed=True),
    Role.PACKAGER: Needs(metadata=True, objects=True, eventlog=True),
    Role.FEED: Needs(metadata=True, speed=True),
    Role.SCORER: Needs(metadata=True, eventlog=True, speed=True),
}
