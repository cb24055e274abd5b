"""The batch of `POST /v1/interactions`: which events are well formed, and what is wrong with the others. Rules file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from edge.gateway.bodies import BadInput
from origin.events import InteractionType
from origin.ids import parse_id
from origin.views import Interaction, Refused

MOST_EVENTS = 500
OLDEST_MS = 24 * 3600_000
"""What a phone kept while it was offline; older clocks are moved to this age."""
MOST_WATCH_MS = 3600_000
"""Of a clip of up to 60 s, looped."""
_BY_COMMENT_ROUTE = frozenset({InteractionType.UNCOMMENT})
_ABOUT_USERS = frozenset({InteractionType.FOLLOW, InteractionType.UNFOLLOW})
_MOST_ID = 64


@dataclass(frozen=True, slots=True)
class Batch:
    interactions: tuple[Interaction, ...]
    indexes: tuple[int, ...]
    """Of each interaction in what the client sent."""
    refused: tuple[Refused, ...]


def parse(document: Mapping[str, object], now_ms: int, mint: Callable[[], str]) -> Batch:
    """Judge each event by itself. `mint` makes an event id for one that has none.

    Raises BadInput when the batch as a whole does not fit.
    """
    events = document.get("events")
    if not isinstance(events, list):
        raise BadInput("events", "events must be a list.")
    if len(events) > MOST_EVENTS:
        raise BadInput("events", f"events has {len(events)} entries; at most {MOST_EVENTS} are taken at once.")
    taken: list[tuple[int, Interaction]] = []
    refused: list[Refused] = []
    for index, event in enumerate(events):
        try:
            taken.append((index, _interaction(event, now_ms, mint)))
        except BadInput as error:
            refused.append(Refused(index, str(error)))
    return Batch(tuple(each for _, each in taken), tuple(index for index, _ in taken), tuple(refused))


def merge(batch: Batch, later: Sequence[Refused]) -> tuple[int, tuple[Refused, ...]]:
    """How many were accepted, and all refusals by index in what the client sent. `later` are those of the use case,
    by index in `batch.interactions`."""
    mapped = [Refused(batch.indexes[each.index], each.problem) for each in later]
    refused = sorted([*batch.refused, *mapped], key=lambda each: each.index)
    return len(batch.interactions) - len(mapped), tuple(refused)


def _interaction(event: object, now_ms: int, mint: Callable[[], str]) -> Interaction:
    if not isinstance(event, dict):
        raise BadInput("", "The event must be a JSON object.")
    kind = _kind(event.get("type"))
    about_user = kind in _ABOUT_USERS
    video_id = _id(event, "video_id", needed=not about_user)
    # A follow sent from the player names the video; its creator is then looked up behind.
    creator_id = _id(event, "creator_id", needed=video_id == 0) if about_user else 0
    return Interaction(
        event_id=_short_text(event, "event_id") or mint(),
        type=kind,
        video_id=video_id,
        creator_id=creator_id,
        at_ms=_clamped(event.get("at"), now_ms),
        watch_ms=_whole(event, "watch_ms", 0, MOST_WATCH_MS, 0),
        feed_id=_short_text(event, "feed_id"),
        position=_whole(event, "position", -1, 1_000_000, -1),
    )


def _kind(value: object) -> InteractionType:
    try:
        kind = InteractionType(str(value))
    except ValueError:
        kind = InteractionType.UNCOMMENT
    if kind in _BY_COMMENT_ROUTE:
        allowed = ", ".join(each.value for each in InteractionType if each not in _BY_COMMENT_ROUTE)
        raise BadInput("type", f"type must be one of {allowed}.")
    return kind


def _id(event: Mapping[str, object], name: str, *, needed: bool) -> int:
    value = event.get(name)
    if value is None and not needed:
        return 0
    if not isinstance(value, str):
        raise BadInput(name, f"{name} must be an id: a text of digits.")
    try:
        return parse_id(value)
    except ValueError as error:
        raise BadInput(name, f"{name}: {error}.") from error


def _short_text(event: Mapping[str, object], name: str) -> str:
    value = event.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > _MOST_ID or not (value.isascii() and value.isprintable()):
        raise BadInput(name, f"{name} must be a text of at most {_MOST_ID} printable ASCII characters.")
    return value


def _whole(event: Mapping[str, object], name: str, least: int, most: int, default: int) -> int:
    """Numbers out of range are moved to its ends: a long watch is still a watch."""
    value = event.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
        raise BadInput(name, f"{name} must be a number.")
    return int(max(least, min(most, value)))


def _clamped(value: object, now_ms: int) -> int:
    """The client's time as epoch ms, moved into the last 24 hours: clocks of phones are wrong, some by years."""
    if value is None:
        return now_ms
    if not isinstance(value, str) or len(value) > _MOST_ID:
        raise BadInput("at", "at must be an RFC 3339 time.")
    try:
        at = datetime.fromisoformat(value)
        at_ms = int(at.timestamp() * 1000) if at.tzinfo is not None else None
    except (ValueError, OverflowError) as error:
        raise BadInput("at", "at must be an RFC 3339 time, such as 2026-01-31T08:00:00Z.") from error
    if at_ms is None:
        raise BadInput("at", "at must name its offset from UTC, such as the Z in 2026-01-31T08:00:00Z.")
    return max(now_ms - OLDEST_MS, min(now_ms, at_ms))
