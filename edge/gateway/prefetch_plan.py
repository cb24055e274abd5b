"""What a player should fetch ahead of a swipe: init and first segments of the next videos. Rules file.

The first item of a page is what the viewer sees now, so its own player fetches it. Of the next videos the plan names,
in order, the files that a player needs before its first frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from origin.views import VideoView

VIDEOS_AHEAD = 3
MOST_BYTES = 6 << 20
"""Of one plan: what a viewer on a metered line would lose at most by leaving."""
_FIRST_URGENCY = 4
"""RFC 9218 urgency of the next video: just after what a page itself needs (3)."""


@dataclass(frozen=True, slots=True)
class Planned:
    video_id: int
    name: str
    """Relative to `/v/{video_id}/`."""
    size_bytes: int
    priority: int
    """RFC 9218 urgency, 4 for the next video, 5 and 6 for those after it."""


def plan(views: Sequence[VideoView]) -> tuple[Planned, ...]:
    """The plan for a page's videos in page order; a video over the bound is left out, with those after it."""
    planned: list[Planned] = []
    spent = 0
    for distance, view in enumerate(views[1 : VIDEOS_AHEAD + 1]):
        startup = view.video.publication.startup if view.video.publication else ()
        spent += sum(file.size_bytes for file in startup)
        if spent > MOST_BYTES:
            break
        urgency = _FIRST_URGENCY + distance
        planned += [Planned(view.video.video_id, file.name, file.size_bytes, urgency) for file in startup]
    return tuple(planned)
