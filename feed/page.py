"""What goes on a page: a personal list and the popularity list against what was shown. Rules file.

Unseen videos first: the personal list, then everybody's, with slots for new videos. When no unseen video is
left the feed starts over with what was shown longest ago, so that a small system never shows an empty page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from feed.coldstart import Popularity
from feed.cursor import mark
from feed.diversity import Candidate
from feed.explore import optimism
from feed.ranking import Pick, compose
from feed.settings import MixSettings

TRENDING, FRESH, EXPLORE, AGAIN, HOT = "trending", "fresh", "explore", "again", "hot"
_NEW_SOURCES = frozenset({FRESH, EXPLORE})
_EXPLORE_AHEAD = 64


@dataclass(frozen=True, slots=True)
class Shown:
    """What a viewer was shown: by history (ids, oldest first) and by the session's cursor (marks, oldest first)."""

    history: Mapping[int, int]
    """Video id → when, as a growing number."""
    marks: Mapping[int, int]
    """Mark of a video → when; later than all of `history`."""

    def when(self, video_id: int) -> int:
        """A growing number; −1: never."""
        later = self.marks.get(mark(video_id))
        return later if later is not None else self.history.get(video_id, -1)


def shown(history: Iterable[int], marks: Iterable[int]) -> Shown:
    """The last showing of a video counts."""
    by_id = {video_id: when for when, video_id in enumerate(history)}
    return Shown(by_id, {m: when for when, m in enumerate(marks, start=1 + max(by_id.values(), default=0))})


@dataclass(frozen=True, slots=True)
class Choice:
    candidate: Candidate
    source: str


@dataclass(frozen=True, slots=True)
class Offer:
    """What a page can be made of."""

    personal: Sequence[Candidate]
    """The user's list, best first."""
    sources: Mapping[int, str]
    """Of the entries of `personal`."""
    popular: Popularity
    hot_only: bool
    """Everything is marked `hot`: nothing is known of the viewer."""


def choose(
    offer: Offer,
    seen: Shown,
    recent: Sequence[Candidate],
    user_id: int,
    start: int,
    count: int,
    mix: MixSettings,
) -> list[Choice]:
    """Up to `count` items for the positions from `start` on. `recent`: the items before, oldest first."""
    new = {i for i, source in offer.sources.items() if source in _NEW_SOURCES}
    explore = _explore(offer.popular, seen, user_id)
    picks = compose(_unseen(offer, seen, user_id), explore, count, mix, start=start, recent=recent, new=new)
    choices = [Choice(pick.candidate, _source(pick, offer)) for pick in picks]
    if len(choices) < count:
        again = _again(offer, seen, {choice.candidate.video_id for choice in choices})
        before = [*recent, *(choice.candidate for choice in choices)]
        rest = compose(again, (), count - len(choices), mix, start=start + len(choices), recent=before)
        choices += [Choice(pick.candidate, HOT if offer.hot_only else AGAIN) for pick in rest]
    return choices


def _unseen(offer: Offer, seen: Shown, user_id: int) -> Iterator[Candidate]:
    """The personal list, then everybody's, without what was shown; the viewer's own videos come last."""
    own: list[Candidate] = []
    given: set[int] = set()
    for candidate in chain(offer.personal, offer.popular.ranked):
        if candidate.video_id in given or seen.when(candidate.video_id) >= 0:
            continue
        given.add(candidate.video_id)
        if candidate.creator_id == user_id:
            own.append(candidate)
        else:
            yield candidate
    yield from own


def _explore(popular: Popularity, seen: Shown, user_id: int) -> list[Candidate]:
    """New videos the viewer has not seen; viewers begin at different ones so that each of them gets a try."""
    lane = [c for c in popular.explore[:_EXPLORE_AHEAD] if c.creator_id != user_id and seen.when(c.video_id) < 0]
    return sorted(lane, key=lambda c: -optimism(user_id, c.video_id))


def _again(offer: Offer, seen: Shown, chosen: set[int]) -> list[Candidate]:
    everything = {c.video_id: c for c in (*offer.popular.ranked, *offer.personal)}
    left = [c for c in everything.values() if c.video_id not in chosen]
    return sorted(left, key=lambda c: seen.when(c.video_id))


def _source(pick: Pick, offer: Offer) -> str:
    video_id = pick.candidate.video_id
    if offer.hot_only:
        return HOT
    if video_id in offer.sources:
        return offer.sources[video_id]
    if pick.explored:
        return EXPLORE
    return FRESH if video_id in offer.popular.fresh else TRENDING
