"""How interactions become counts. Rules file; `origin.counting` does what it says.

Like counts go by what a like changed (`metadata.count_like`), so a repeated like adds nothing however often it arrives;
everything else counts once per event id. Comments are counted by events that we append ourselves, whose ids
begin with ORIGIN_PREFIX: a client's report of a comment is a signal for the feed, not a comment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from origin.counters.base import Increment
from origin.eventlog.base import Position
from origin.events import InteractionEvent, InteractionType
from origin.model import CountKind, Counts, Video

ORIGIN_PREFIX = "origin:"
"""Of event ids that only the system of record gives."""
_COUNTED = {
    InteractionType.VIEW: (CountKind.VIEWS, 1),
    InteractionType.SHARE: (CountKind.SHARES, 1),
    InteractionType.COMMENT: (CountKind.COMMENTS, 1),
    InteractionType.UNCOMMENT: (CountKind.COMMENTS, -1),
}
_BY_ORIGIN_ONLY = frozenset({InteractionType.COMMENT, InteractionType.UNCOMMENT})


@dataclass(frozen=True, slots=True)
class Like:
    """Set the viewer's like and count what that changes."""

    liked: bool


@dataclass(frozen=True, slots=True)
class Follow:
    """Set the viewer's follow."""

    following: bool


@dataclass(frozen=True, slots=True)
class Count:
    kind: CountKind
    by: int


@dataclass(frozen=True, slots=True)
class Nothing:
    """A signal for the feed only."""


Effect = Like | Follow | Count | Nothing


def effect_of(event: InteractionEvent) -> Effect:
    """What an event does to the system of record."""
    if event.type in {InteractionType.LIKE, InteractionType.UNLIKE}:
        return Like(event.type is InteractionType.LIKE)
    if event.type in {InteractionType.FOLLOW, InteractionType.UNFOLLOW}:
        return Follow(event.type is InteractionType.FOLLOW)
    if event.type in _BY_ORIGIN_ONLY and not event.event_id.startswith(ORIGIN_PREFIX):
        return Nothing()
    if event.type in _COUNTED:
        return Count(*_COUNTED[event.type])
    return Nothing()


def sets_state(event: InteractionEvent) -> bool:
    """Whether it sets what the user likes or whom they follow."""
    return isinstance(effect_of(event), Like | Follow)


def act_key(event: InteractionEvent) -> str:
    """What tells an act that sets a state from others; empty when nothing does. A client may have one id for a view and
    the like that came of it."""
    return f"{event.user_id}:{event.type}:{event.event_id}" if event.event_id else ""


def increment_of(event: InteractionEvent, count: Count, position: Position) -> Increment:
    """The increment of a counted event. Two users may give the same event id: each is its own."""
    event_id = f"{event.user_id}:{event.event_id}" if event.event_id else ""
    return Increment(event_id, event.video_id, count.kind, count.by, position)


def like_increment(event: InteractionEvent, delta: int, position: Position) -> Increment | None:
    """The increment of a like that changed the count by `delta`.

    It is not de-duplicated by event id: the second of two equal likes has a delta of 0 already.
    """
    return Increment("", event.video_id, CountKind.LIKES, delta, position) if delta else None


def fresh(video: Video, pending: Mapping[tuple[int, CountKind], int]) -> Video:
    """The video with counts that include what is not flushed yet; never below zero."""
    sums = {
        kind.value: max(0, getattr(video.counts, kind.value) + pending.get((video.video_id, kind), 0))
        for kind in CountKind
    }
    return replace(video, counts=Counts(**sums))
