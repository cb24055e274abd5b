"""What packaging a clip results in, and where a job asks and tells. Plain values."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from origin.prints import Glimpses, Print
from origin.progress.base import Packaging
from packager.admission import Refused
from packager.moderation.base import Allow, Reject, Review, Verdict
from packager.process import Usage


@dataclass(frozen=True, slots=True)
class Startup:
    """A file that a player needs before its first frame, relative to the out folder."""

    name: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Package:
    """What lies in the out folder at one publication."""

    complete: bool
    folder: Path
    immutable: tuple[str, ...]
    """Folders whose names carry the hash of their content."""
    mutable: tuple[str, ...]
    """File names that stay the same from publication to publication."""
    renditions: tuple[str, ...]
    """Video folders, highest first."""
    startup: tuple[Startup, ...]
    duration_ms: int
    width: int
    """Display size of the clip in square pixels."""
    height: int
    thumbhash: str


@dataclass(frozen=True, slots=True)
class Packaged:
    package: Package
    usage: Usage
    media_s: float


@dataclass(frozen=True, slots=True)
class NotPackaged:
    """`reason` is final, or a person's to decide: the same clip will meet it again."""

    reason: Refused | Reject | Review
    usage: Usage


async def _allow(_frames: tuple[Path, ...]) -> Verdict:
    return Allow()


async def _unlike(_glimpses: Glimpses) -> bool:
    return False


async def _know(_print: Print) -> Verdict:
    return Allow()


async def _keep(_package: Package) -> None:
    return None


def _ignore(_progress: float, _packaging: Packaging) -> None:
    return None


def _free(_usage: Usage) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Hooks:
    """Where a job asks and tells; the defaults allow everything and keep the result in the out folder."""

    moderate: Callable[[tuple[Path, ...]], Awaitable[Verdict]] = _allow
    """Given the sample frames, before the first publication."""
    resembles: Callable[[Glimpses], Awaitable[bool]] = _unlike
    """Given the sample frames, too: whether the first publication waits for `recognise`."""
    recognise: Callable[[Print], Awaitable[Verdict]] = _know
    """Given what the whole clip looks and sounds like, before the last publication."""
    publish: Callable[[Package], Awaitable[None]] = _keep
    """Called with the first rendition, then with all; only the second time for a clip with a single rung."""
    report: Callable[[float, Packaging], None] = _ignore
    """Progress, 0-1, never falling; and the stage and the rungs."""
    account: Callable[[Usage], None] = _free
    """What each child cost, as soon as it has ended, however it ended."""
