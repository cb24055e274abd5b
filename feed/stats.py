"""What the feed and the scorer count, for the metrics page: since the start of the process, gauges apart."""

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
    ranked: int = 0
    """Lists that were missing in the speed layer and that the scorer gave."""
    ranker_failures: int = 0
    """Questions to the scorer that failed or took too long."""
    ranker_refused: int = 0
    """Questions not asked because the breaker was open."""
    metadata_failures: int = 0
    """Reads of the metadata store that failed or were too slow."""
    history_lost: int = 0
    """Shown videos that could not be written to the speed layer; the process still remembers them."""
    pool_videos: int = field(default=0, metadata={"gauge": True})
    """Videos in the popularity list."""
    pool_refreshed_ms: int = field(default=0, metadata={"gauge": True})
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
    asked: int = 0
    """Of them those that the feed asked for."""
    lists_written: int = 0
    """Lists that reached the speed layer."""
    pending: int = field(default=0, metadata={"gauge": True})
    """Lists that wait for the speed layer."""
    pending_dropped: int = 0
    """Lists given up because too many waited."""
    write_failures: int = 0
    """Writes that the speed layer did not take."""
    log_failures: int = 0
    """Reads that the event log did not answer."""
    checkpoints: int = 0
    """States saved."""
    checkpoint_failures: int = 0
    """States that could not be saved; the last one saved stays."""
    checkpoint_bytes: int = field(default=0, metadata={"gauge": True})
    """Size of the last one."""
    checkpoint_s: float = field(default=0.0, metadata={"gauge": True})
    """Time the last one took."""
    users: int = field(default=0, metadata={"gauge": True})
    """Users whose state is in memory."""
    videos: int = field(default=0, metadata={"gauge": True})
    """Videos in the table."""
    last_event_ms: int = field(default=0, metadata={"gauge": True})
    """When the newest applied record was appended, epoch ms."""
