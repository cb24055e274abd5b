"""What the feed and the scorer count, for the metrics page. Plain counters since the start of the process."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class FeedStats:
    pages: dict[str, int] = field(default_factory=lambda: {"personal": 0, "cold_start": 0, "global_hot": 0})
    """Pages answered, by mode."""
    items: dict[str, int] = field(default_factory=dict)
    """Items given, by source."""
    empty_pages: int = 0
    """Pages without an item: there is no video at all, or none is known yet."""
    ready_failures: int = 0
    """Reads of the speed layer that failed or were too slow."""
    ready_refused: int = 0
    """Reads not tried because the breaker was open."""
    metadata_failures: int = 0
    history_lost: int = 0
    """Shown videos that could not be written to the speed layer; the process still remembers them."""
    pool_videos: int = 0
    """Videos in the popularity list."""
    pool_refreshed_ms: int = 0
    """When it was last built, epoch ms; 0: never."""


@dataclass(slots=True)
class ScorerStats:
    events: int = 0
    """Interactions and video changes applied."""
    repeats: int = 0
    """Interactions dropped because their event id was seen before."""
    malformed: int = 0
    """Records that were no event of their topic; skipped."""
    lists: int = 0
    """Lists built."""
    lists_written: int = 0
    pending: int = 0
    """Lists that wait for the speed layer."""
    pending_dropped: int = 0
    write_failures: int = 0
    log_failures: int = 0
    checkpoints: int = 0
    checkpoint_failures: int = 0
    checkpoint_bytes: int = 0
    """Size of the last one."""
    checkpoint_s: float = 0.0
    """Time the last one took."""
    users: int = 0
    videos: int = 0
    last_event_ms: int = 0
    """When the newest applied record was appended, epoch ms."""
