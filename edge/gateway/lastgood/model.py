"""Settings, counters and the pages of the last good. Rules file."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from edge.gateway.ports import FeedItem
from origin.breaker import BreakerSettings

GLOBAL_HOT, HOT = "global_hot", "hot"
"""Mode and source of what comes from memory: the words that the feed itself has for its list without a viewer."""
NOBODY = 0
"""The viewer without a token: the feed keeps no history of it."""


@dataclass(frozen=True, slots=True)
class LastGoodSettings:
    videos_most: int = 5_000
    """Videos remembered, at 3–5 kB each."""
    age_most_ms: int = 24 * 3600_000
    """From this age on a video is not shown from memory."""
    hot_most: int = 150
    """Length of the hot list, and of a feed from memory."""
    warm_every_s: float = 5.0
    """How often the hot list and its videos are read again."""
    feed_deadline_s: float = 0.5
    """How long a request waits for the feed before it is answered from memory."""
    origin_deadline_s: float = 0.5
    """How long a request waits for the origin's documents before they come from memory."""
    breaker: BreakerSettings = field(default_factory=BreakerSettings)


@dataclass(slots=True)
class LastGoodStats:
    """Counters since the start."""

    pages: int = 0
    """Feed pages from memory."""
    videos: int = 0
    """Documents from memory."""
    unknown: int = 0
    """Videos that were asked for, could not be had and are not remembered."""
    failures: Counter[str] = field(default_factory=Counter)
    """Calls that failed or were too slow, by role."""
    refused: Counter[str] = field(default_factory=Counter)
    """Calls not made because the breaker was open, by role."""
    warm_failures: int = 0
    """Times the hot list could not be read again; the last one stays."""
    remembered: int = field(default=0, metadata={"gauge": True})
    """Videos in memory."""
    hot: int = field(default=0, metadata={"gauge": True})
    """Length of the hot list."""


@dataclass(frozen=True, slots=True)
class Item:
    video_id: int
    source: str
    position: int


@dataclass(frozen=True, slots=True)
class Page:
    items: tuple[FeedItem, ...]
    next_cursor: str | None
    feed_id: str
    mode: str
