"""The port to the notes on packaging under way: what its creator is told beside the total. Rules file.

Promised: a note is read as it was written, whole, for at most TTL_S after the last one of its video; no call raises.
Not promised: that it is kept. A note is a courtesy: while the speed layer does not answer, notes are lost and none is
found; a call then costs at most the backend's time limit, and seldom that. The total is kept in metadata.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

TTL_S = 600
"""Longer than any stage is silent; what a packager that died left behind is gone after it."""


class Stage(StrEnum):
    """What is done for a video. Words of the public API."""

    CHECKING = "checking"
    ENCODING_FIRST = "encoding_first"
    """The rendition that is published first."""
    MODERATING = "moderating"
    ENCODING_REST = "encoding_rest"
    """All others, in one decode."""
    PUBLISHING = "publishing"
    DONE = "done"
    """Only its end is still to be told."""


@dataclass(frozen=True, slots=True)
class RungProgress:
    height: int
    """Of the rendition's picture, in pixels."""
    progress: float
    """Of its encoding, 0–1."""
    published: bool
    """It plays, at least what is encoded of it."""


@dataclass(frozen=True, slots=True)
class Packaging:
    stage: Stage
    rungs: tuple[RungProgress, ...] = ()
    """Highest first; none before the clip was looked at."""


class ProgressNotes(Protocol):
    async def note(self, video_id: int, packaging: Packaging) -> None:
        """Put this in the place of what was noted before."""

    async def noted(self, video_ids: Sequence[int]) -> Mapping[int, Packaging]:
        """What is noted of these videos, for those of which anything is."""

    async def forget(self, video_id: int) -> None:
        """Its packaging has ended. Forgetting again is no error."""

    async def close(self) -> None: ...
