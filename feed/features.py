"""What an interaction says, and what is remembered of a user. Rules file.

A user's state is small on purpose: the newest positives, a bitmap of what was seen, and affinities to creators
and tags.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b

from origin.events import InteractionEvent, InteractionType

COMPLETE_SHARE = 0.8
COMPLETE_MS = 18_000
"""Watched to this share, or this long, counts as complete (a long view)."""
UNKNOWN_COMPLETE_MS = 8_000
"""The same for a video whose duration is not known."""
GLIMPSE_SHARE = 0.15
GLIMPSE_MS = 2_000
"""Watched for less than both is as good as skipped."""
AFFINITY_MOST = 8.0
AFFINITY_KEEP = 0.98
"""What is left of an affinity at each further touch."""


@dataclass(frozen=True, slots=True)
class Signal:
    """What one interaction says about its viewer and its video."""

    positive: float = 0.0
    """Weight as a thing the viewer likes; 0: none."""
    affinity: float = 0.0
    """Change of the affinity to the video's tags and its creator."""
    popularity: float = 0.0
    impression: bool = False
    completion: bool = False
    withdraws: bool = False
    """Takes an earlier positive back."""


_COMPLETE = Signal(positive=1.0, affinity=0.3, popularity=1.0, impression=True, completion=True)
_PARTIAL = Signal(impression=True)
_SKIPPED = Signal(affinity=-0.1, impression=True)
_SAID = {
    InteractionType.SKIP: _SKIPPED,
    InteractionType.LIKE: Signal(positive=1.5, affinity=1.5, popularity=1.0),
    InteractionType.SHARE: Signal(positive=1.5, affinity=1.5, popularity=2.0),
    InteractionType.COMMENT: Signal(positive=1.0, affinity=0.5, popularity=1.0),
    InteractionType.UNCOMMENT: Signal(),
    InteractionType.UNLIKE: Signal(affinity=-1.0, popularity=-1.0, withdraws=True),
    InteractionType.NOT_INTERESTED: Signal(affinity=-5.0, popularity=-1.0, withdraws=True),
    InteractionType.REPORT: Signal(affinity=-8.0, popularity=-2.0, withdraws=True),
    InteractionType.FOLLOW: Signal(affinity=3.0),
    InteractionType.UNFOLLOW: Signal(affinity=-3.0),
}


def signal(event: InteractionEvent, duration_ms: int) -> Signal:
    """What `event` says; `duration_ms` of its video, 0 when unknown."""
    if event.type is InteractionType.VIEW:
        return _viewed(event.watch_ms, duration_ms)
    return _SAID[event.type]


def _viewed(watch_ms: int, duration_ms: int) -> Signal:
    complete_ms = min(COMPLETE_SHARE * duration_ms, COMPLETE_MS) if duration_ms > 0 else UNKNOWN_COMPLETE_MS
    if watch_ms >= complete_ms:
        return _COMPLETE
    glimpse_ms = min(GLIMPSE_SHARE * duration_ms, GLIMPSE_MS) if duration_ms > 0 else GLIMPSE_MS
    return _SKIPPED if watch_ms < glimpse_ms else _PARTIAL


def tag_key(tag: str) -> int:
    """63 bits that stand for a tag; never 0."""
    return int.from_bytes(blake2b(tag.encode(errors="surrogatepass"), digest_size=8).digest(), "big") >> 1 | 1


@dataclass(slots=True)
class UserState:
    """Videos are named by their slots in the video table."""

    last_ms: int = 0
    """When the newest interaction was appended to the log."""
    positives: list[tuple[int, float]] = field(default_factory=list)
    """(slot, weight), oldest first, each slot once."""
    tags: dict[int, float] = field(default_factory=dict)
    """Affinity by `tag_key`, −8 to 8."""
    creators: dict[int, float] = field(default_factory=dict)
    seen: bytearray = field(default_factory=bytearray)
    """A bit per slot, the lowest of a byte first."""
    listed: tuple[int, ...] = ()
    """Video ids of the list that was built last."""
    listed_as: str = ""
    """The source of each, one letter."""


def mark_seen(user: UserState, slot: int) -> None:
    if slot >> 3 >= len(user.seen):
        user.seen.extend(bytes((slot >> 3) + 1 - len(user.seen)))
    user.seen[slot >> 3] |= 1 << (slot & 7)


def like_more(user: UserState, slot: int, weight: float, most: int) -> bool:
    """Add a positive, or raise its weight; True when it was not one yet."""
    for index, (known, before) in enumerate(user.positives):
        if known == slot:
            user.positives[index] = (slot, max(before, weight))
            return False
    user.positives.append((slot, weight))
    del user.positives[:-most]
    return True


def like_no_more(user: UserState, slot: int) -> None:
    user.positives = [positive for positive in user.positives if positive[0] != slot]


def lean(affinities: dict[int, float], keys: Iterable[int], change: float, most: int) -> None:
    """Move the affinities to `keys`; beyond `most` the weakest is forgotten."""
    for key in keys:
        value = affinities.get(key, 0.0) * AFFINITY_KEEP + change
        affinities[key] = max(-AFFINITY_MOST, min(AFFINITY_MOST, value))
    while len(affinities) > most:
        del affinities[min(affinities, key=lambda key: (abs(affinities[key]), key))]
