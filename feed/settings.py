"""Tunables of the feed and the scorer, each with its unit. Rules file."""

from __future__ import annotations

from dataclasses import dataclass, field

from origin.breaker import BreakerSettings

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class MixSettings:
    """How a list is composed; the same in the scorer's lists and on a page."""

    window: int = 5
    """Consecutive items that the limits below are about."""
    per_creator: int = 1
    """Items of one creator in a window."""
    per_tag: int = 2
    """Items with one tag in a window."""
    explore_every: int = 5
    """One slot in so many belongs to new videos."""
    new_for_ms: int = 12 * HOUR_MS
    """How long after publication a video is new."""
    look_ahead: int = 300
    """Candidates considered at once: the limits above are relaxed only when all of these break them."""


@dataclass(frozen=True, slots=True)
class ReadySettings:
    """Of the lists in the speed layer."""

    read_timeout_s: float = 0.1
    write_timeout_s: float = 1.0
    active_ttl_s: int = 24 * 3600
    """Contract: `feed:{user_id}` of an active user."""
    inactive_ttl_s: int = 3600
    active_for_ms: int = 24 * HOUR_MS
    """A user whose last interaction is not older than this is active."""
    history_ttl_s: int = 7 * 24 * 3600
    """How long it is remembered what a user was shown."""
    history_cap: int = 1024
    """Shown videos remembered per user, at 8 bytes each; up to twice as many between two trims."""


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """Of the popularity list that every process keeps in memory."""

    refresh_ms: int = 1_000
    """From this age on it is refreshed behind the request."""
    wait_from_ms: int = 5_000
    """From this age on a request waits for the refresh, at most `wait_s`."""
    wait_s: float = 0.25
    give_up_s: float = 5.0
    """A refresh that takes longer has failed."""
    hot_hours: int = 72
    hot_limit: int = 300
    newest_limit: int = 200
    deep_refresh_ms: int = 60_000
    """The older part of the list is read again at this age."""
    deep_limit: int = 2_000
    """Videos in the list at most."""
    freshness_weight: float = 1.0
    """Bonus of a video published now, in units of log(1 + heat)."""
    freshness_half_life_ms: int = 24 * HOUR_MS
    tag_penalty: float = 0.15
    """Taken off a video for each one already placed with its tag."""
    tag_spread: int = 100
    """Places at the head of the list over which tags are spread."""


@dataclass(frozen=True, slots=True)
class FeedSettings:
    page_most: int = 50
    mix: MixSettings = field(default_factory=MixSettings)
    pool: PoolSettings = field(default_factory=PoolSettings)
    breaker: BreakerSettings = field(default_factory=BreakerSettings)
    metadata_timeout_s: float = 0.25
    facts_ttl_ms: int = 5_000
    """How long a video's creator, tags and watchability are trusted without asking again."""
    facts_most: int = 20_000
    """Videos whose facts are kept in memory."""
    memory_users: int = 10_000
    """Users whose last pages are remembered in the process, for when the speed layer does not."""
    memory_each: int = 512
    """Videos remembered for each of them, at 8 bytes."""
    cursor_shown: int = 200
    """Videos that a cursor remembers of its session, at 4 characters each."""


@dataclass(frozen=True, slots=True)
class ScorerSettings:
    mix: MixSettings = field(default_factory=MixSettings)
    list_length: int = 60
    """Entries of a list: several pages, as it is made again at each interaction."""
    positives: int = 50
    """Liked or watched videos kept per user."""
    window: int = 20
    """Newest positives that score candidates and that co-watching pairs a new one with."""
    gamma: float = 0.96
    """Weight of a positive relative to the one after it."""
    neighbours: int = 128
    """Co-watched videos kept per video."""
    co_watch_half_life_ms: int = 14 * 24 * HOUR_MS
    popularity_half_life_ms: int = 24 * HOUR_MS
    outcome_half_life_ms: int = 72 * HOUR_MS
    """Of impressions and completions."""
    shrink: float = 5.0
    """Added to a video's co-watch count in the cosine, so that rare pairs do not lead."""
    popularity_weight: float = 0.04
    """Of log(1 + decayed popularity)."""
    tag_weight: float = 0.1
    creator_weight: float = 0.1
    dislike_factor: float = 20.0
    """How much heavier a negative affinity weighs than a positive one."""
    affinities: int = 64
    """Creators, and tags, kept per user."""
    trending: int = 300
    """Most popular videos that are candidates for everybody."""
    fresh: int = 300
    """Newest videos that are candidates for everybody."""
    full_scan: int = 1_500
    """Up to so many videos all of them are candidates."""
    refresh_every: int = 256
    """Events after which the trending candidates are chosen again."""
    max_videos: int = 50_000
    max_users: int = 20_000
    """Beyond, the user longest without an interaction is forgotten; about 10 kB each."""
    event_ids: int = 100_000
    """Newest event ids remembered against repeats."""


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    batch: int = 500
    """Records taken at once; catching up re-scores a user once per batch."""
    poll_timeout_s: float = 0.5
    slice: int = 8
    """Lists built before other tasks of the process get their turn (a list takes about half a ms)."""
    checkpoint_every_s: float = 5.0
    checkpoint_duty: float = 0.05
    """Share of the time that checkpoints may take; a large state is saved less often."""
    retry_s: float = 0.5
    """Pause after the log or the speed layer did not answer."""
    pending_users: int = 20_000
    """Lists that wait for the speed layer at most; the oldest is dropped beyond."""
    write_chunk: int = 100
    """Lists written in one round trip."""
