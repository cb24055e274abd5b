"""What the feed gives. Rules file: the shapes that `edge.gateway.ports` names."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FeedItem:
    video_id: int
    source: str
    """personal, trending, fresh, explore, following, again or hot."""
    position: int
    """0 for the first item of the feed's first page."""


@dataclass(frozen=True, slots=True)
class FeedPage:
    items: tuple[FeedItem, ...]
    next_cursor: str | None
    """None: there is nothing more (Following), or no video at all (For You)."""
    feed_id: str
    mode: str
    """personal, cold_start or global_hot."""
