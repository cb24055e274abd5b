"""Which reported interactions are taken, and as which events. Rules file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from origin.events import InteractionEvent, InteractionType
from origin.model import Video
from origin.views import Interaction, Refused
from origin.visibility import can_watch
from origin.writeback import ORIGIN_PREFIX

_FOLLOWING = frozenset({InteractionType.FOLLOW, InteractionType.UNFOLLOW})
OLDEST_MS = 7 * 24 * 3600 * 1000
"""A client's clock further behind than this is not believed."""


@dataclass(frozen=True, slots=True)
class Judged:
    events: tuple[InteractionEvent, ...]
    refused: tuple[Refused, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """What the judgement needs to know."""

    videos: Mapping[int, Video]
    users: Set[int]
    """Which of the users to be followed exist."""


def people_of(interactions: Sequence[Interaction], videos: Mapping[int, Video]) -> list[int]:
    """Users that are to be (un)followed, by name or by their video."""
    return [_creator(each, videos) for each in interactions if each.type in _FOLLOWING]


def judge(user_id: int, interactions: Sequence[Interaction], known: Known, now_ms: int, request_id: str) -> Judged:
    """Turn what a viewer reported into events, refusing each that makes no sense by itself."""
    events: list[InteractionEvent] = []
    refused: list[Refused] = []
    for index, each in enumerate(interactions):
        problem = _problem(user_id, each, known)
        if problem:
            refused.append(Refused(index, problem))
        else:
            events.append(_event(user_id, each, known, now_ms, request_id))
    return Judged(tuple(events), tuple(refused))


def _problem(user_id: int, each: Interaction, known: Known) -> str:
    if each.event_id.startswith(ORIGIN_PREFIX):
        return f"event ids that begin with {ORIGIN_PREFIX!r} are reserved"
    if each.type is InteractionType.UNCOMMENT:
        return "a comment is deleted by its own call"
    if each.type in _FOLLOWING:
        creator_id = _creator(each, known.videos)
        if not each.creator_id and not _watchable(each, known, user_id):
            # Whose it is would show in one's own listing.
            return "there is no such video"
        if creator_id == user_id:
            return "one cannot follow oneself"
        return "" if creator_id in known.users else "there is no such user"
    return "" if _watchable(each, known, user_id) else "there is no such video"


def _watchable(each: Interaction, known: Known, user_id: int) -> bool:
    video = known.videos.get(each.video_id)
    return video is not None and can_watch(video, user_id)


def _creator(each: Interaction, videos: Mapping[int, Video]) -> int:
    if each.creator_id or each.video_id not in videos:
        return each.creator_id
    return videos[each.video_id].creator_id


def _event(user_id: int, each: Interaction, known: Known, now_ms: int, request_id: str) -> InteractionEvent:
    following = each.type in _FOLLOWING
    return InteractionEvent(
        event_id=each.event_id,
        user_id=user_id,
        type=each.type,
        video_id=0 if following else each.video_id,
        creator_id=_creator(each, known.videos) if following else known.videos[each.video_id].creator_id,
        at=min(now_ms, max(each.at_ms, now_ms - OLDEST_MS)),
        watch_ms=max(0, each.watch_ms),
        feed_id=each.feed_id,
        position=each.position,
        request_id=request_id,
    )
