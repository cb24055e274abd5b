"""What follows from a clip being like others. Rules file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from origin.model import WATCHABLE, Video
from origin.prints import Likeness


@dataclass(frozen=True, slots=True)
class Alike:
    video: Video
    """Another one."""
    likeness: Likeness


@dataclass(frozen=True, slots=True)
class Recognised:
    """A clip that is like one which a person took down."""

    video_id: int
    """Of the one that was taken down."""
    likeness: Likeness

    @property
    def certain(self) -> bool:
        """There is no need for a person to look."""
        return self.likeness is Likeness.SAME

    def __str__(self) -> str:
        how = "sounds like" if self.likeness is Likeness.SOUND else "looks like"
        return f"it {how} video {self.video_id}, which was taken down"


def recognised(alike: Sequence[Alike]) -> Recognised | None:
    """The surest likeness to a video that is taken down, deleted since or not; of two equal ones the earlier video.

    A sound alone says nothing once something that plays has it: it is music that people make clips to."""
    down = [each for each in alike if each.video.taken_down_from is not None and each.likeness > Likeness.NONE]
    if not down:
        return None
    first = min(down, key=lambda each: (-each.likeness, each.video.video_id))
    if first.likeness is Likeness.SOUND and any(each.video.status in WATCHABLE for each in alike):
        return None
    return Recognised(first.video.video_id, first.likeness)


def original_of(video_id: int, alike: Sequence[Alike]) -> int | None:
    """The earliest video before this one that shows the same and plays or is taken down, whoever uploaded it. One that
    only sounds the same is none: people sing the same songs."""
    same = [each.video for each in alike if each.likeness is Likeness.SAME and each.video.video_id < video_id]
    shown = [video.video_id for video in same if video.status in WATCHABLE or video.taken_down_from is not None]
    return min(shown, default=None)
