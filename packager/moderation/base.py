"""The port to moderation: may this clip be shown? Asked before anything of it is published.

Words: *evidence* is what is looked at, a few frames spread over the clip and the description. A *verdict* is
`Allow`, `Reject` with a code and a sentence for the creator, or `Review`: the backend cannot tell and a person should.

Promised: `judge` returns a verdict or raises ModerationUnavailable, after which a retry may help.
Not promised: that two backends agree, or that one clip gets the same verdict after a model change.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class ModerationError(Exception):
    """The root of this port's errors."""


class ModerationUnavailable(ModerationError):
    """The backend could not look at the clip. Nothing is published meanwhile; a retry may help."""


class UnknownModeration(ModerationError, ValueError):
    """The setting names no backend. The operator's fault."""


@dataclass(frozen=True, slots=True)
class Allow:
    pass


@dataclass(frozen=True, slots=True)
class Reject:
    """`detail` is written for the creator and says nothing that helps to slip through next time."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Review:
    reason: str
    """For the person who looks: what made the backend unsure."""


Verdict = Allow | Reject | Review
_STRICTNESS = (Allow, Review, Reject)


def stricter(one: Verdict, other: Verdict) -> Verdict:
    """Of two verdicts on one clip the one that counts; of two equally strict ones the first."""
    return max(one, other, key=lambda verdict: _STRICTNESS.index(type(verdict)))


@dataclass(frozen=True, slots=True)
class Evidence:
    video_id: int
    creator_id: int
    description: str
    frames: tuple[Path, ...]
    """JPEG files in the order of the clip; they stay in place until `judge` returns."""


class Moderation(Protocol):
    async def judge(self, evidence: Evidence) -> Verdict:
        """Raises ModerationUnavailable."""

    async def close(self) -> None: ...
