"""Composition of a list: two lanes (ranked, and new videos to explore) merged under the diversity limits.
Rules file.

Every `explore_every`-th slot belongs to the explore lane unless one of the items just before it was a new
video already. The limits are relaxed only when no candidate of either lane keeps them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from itertools import islice

from feed.diversity import Candidate, Strictness, Window, first_allowed, window_after
from feed.settings import MixSettings

_STEP = 32
"""Ranked candidates looked at together; most pages need no more."""


@dataclass(frozen=True, slots=True)
class Pick:
    candidate: Candidate
    explored: bool
    """Taken from the explore lane."""


def compose(
    ranked: Iterable[Candidate],
    explore: Sequence[Candidate],
    count: int,
    settings: MixSettings,
    *,
    start: int = 0,
    recent: Sequence[Candidate] = (),
    new: Set[int] = frozenset(),
) -> list[Pick]:
    """Up to `count` picks for the positions from `start` on, none twice.

    `recent`: the items before, oldest first. `new`: ids in `ranked` that count as new videos for the
    floor. Fewer picks are returned only when the candidates run out.
    """
    lanes = _Lanes(ranked, explore, settings.look_ahead)
    before = list(recent)
    picks: list[Pick] = []
    quiet = settings.explore_every - 1
    for position in range(start, start + count):
        floor = position % settings.explore_every == quiet and not any(
            pick.explored or pick.candidate.video_id in new for pick in picks[-quiet:]
        )
        pick = lanes.take(window_after(before[-settings.window :], settings), explore_first=floor)
        if pick is None:
            break
        picks.append(pick)
        before.append(pick.candidate)
    return picks


class _Lanes:
    """The candidates that are left, in order; looks only so far ahead."""

    def __init__(self, ranked: Iterable[Candidate], explore: Sequence[Candidate], look_ahead: int) -> None:
        self._rest = iter(ranked)
        self._ranked: list[Candidate] = []
        self._explore = list(explore)
        self._look_ahead = look_ahead
        self._taken: set[int] = set()

    def take(self, window: Window, *, explore_first: bool) -> Pick | None:
        lanes = ((self._explore, True), (self._ranked, False))
        for strictness in Strictness:
            for lane, explored in lanes if explore_first else lanes[::-1]:
                candidate = self._take_from(lane, window, strictness)
                if candidate is not None:
                    return Pick(candidate, explored)
        return None

    def _take_from(self, lane: list[Candidate], window: Window, strictness: Strictness) -> Candidate | None:
        while True:
            index = first_allowed(lane, window, strictness)
            if index is None:
                if lane is self._ranked and self._look_further():
                    continue
                return None
            candidate = lane.pop(index)
            if candidate.video_id not in self._taken:
                self._taken.add(candidate.video_id)
                return candidate

    def _look_further(self) -> bool:
        """Consider some more of the ranked ones, if there are any and they are not too far away."""
        more = list(islice(self._rest, min(_STEP, self._look_ahead - len(self._ranked))))
        self._ranked += more
        return bool(more)
