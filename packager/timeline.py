"""Where segments begin. Rules file.

Every rendition of a clip starts at presentation time 1 s. Shaka Packager cuts segments at multiples of 2 s, so the
first segment is 1 s long and all others 2 s, for video and audio alike: a player starts one second of bytes earlier,
and the rest is not chopped finer for it. HLS players map the first timestamp to zero, and Shaka writes the same second
into the MPD as `presentationTimeOffset`. A second of room also means that the AAC priming samples need no negative
time: sound stays within a sample of the picture.
"""

from __future__ import annotations

import math
from fractions import Fraction

from origin.clips import TIMELINE_START_S

SEGMENT_S = 2
LONGEST_SEGMENT_S = 3
"""Of a clip's own pictures; ours have SEGMENT_S."""


def cell(second: Fraction) -> int:
    """Shaka Packager's grid: a segment begins at the first keyframe of each cell. `second` is of the clip."""
    return math.floor((second + TIMELINE_START_S) / SEGMENT_S)


def regular_cuts(frames: int, rate: Fraction) -> tuple[int, ...]:
    """Frame numbers at 0, 1, 3, 5, … s, where an encoder of ours puts its keyframes."""
    cuts = [0]
    while (start := math.ceil((SEGMENT_S * len(cuts) - TIMELINE_START_S) * rate)) < frames:
        cuts.append(start)
    return tuple(cuts)
