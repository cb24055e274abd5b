"""After the load: is everything there that was acknowledged, once?

The log is read whole and by itself, and the counts in metadata must be what its distinct events say: so an interaction
that a client gave up on, but that was taken, is expected too.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from deploy.clock import now_ms
from origin.eventlog import EventLog, EventLogError, open_eventlog
from origin.events import DEAD_LETTERS, InteractionEvent, Topic, VideoChange, VideoEvent, decode
from origin.metadata import Metadata, MetadataError, open_metadata
from origin.model import CountKind, VideoStatus
from origin.writeback import Count, Like, effect_of
from tests.gameday.journal import Journal

SETTLE_S = 90.0
"""How long the system may take to forward, count and package what it has acknowledged."""
_PAUSE_S = 0.5
_READ_RECORDS = 1_000
_ENDED = frozenset({VideoStatus.READY, VideoStatus.FAILED, VideoStatus.REJECTED, VideoStatus.DELETED})


@dataclass(frozen=True, slots=True)
class Findings:
    """Of one fault. What is lost or wrong is named; empty is right."""

    interactions: int
    """Acknowledged."""
    likes: int
    uploads: int
    lost_interactions: list[str]
    lost_likes: list[tuple[int, int]]
    unfinished: dict[int, str]
    """Video id → status, of acknowledged uploads that did not become ready."""
    wrong_counts: list[str]
    repeats: int
    """Records of the log beyond the first of an event id, which consumers drop."""
    announced_again: int
    """The same of publications."""
    dead_letters: int
    settled_s: float
    """From the end of the load until all of it was true."""

    @property
    def right(self) -> bool:
        return not (
            self.lost_interactions or self.lost_likes or self.unfinished or self.wrong_counts or self.dead_letters
        )


@dataclass(slots=True)
class _Seen:
    """What the log has said so far."""

    events: dict[tuple[int, str], InteractionEvent] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)
    likes: dict[tuple[int, int], bool] = field(default_factory=dict)
    repeats: int = 0
    published: dict[int, list[int]] = field(default_factory=dict)
    """Video id → revisions in the order of the log."""
    dead_letters: int = 0


class Auditor:
    """One for the whole day: the log is read on from where the last audit ended."""

    def __init__(self, log: EventLog, metadata: Metadata, library: list[int]) -> None:
        self._log = log
        self._metadata = metadata
        self._library = library
        self._after: dict[str, dict[int, int]] = {}
        self._seen = _Seen()

    @classmethod
    async def open(cls, events_url: str, metadata_url: str, library: list[int], stack: AsyncExitStack) -> Auditor:
        log, metadata = open_eventlog(events_url, now_ms), open_metadata(metadata_url)
        stack.push_async_callback(metadata.close)
        stack.push_async_callback(log.close)
        made = cls(log, metadata, library)
        await made._read_all()
        return made

    async def audit(self, journal: Journal) -> Findings:
        """Look until everything is right, or SETTLE_S are over."""
        began_s = time.monotonic()
        repeats, dead = self._seen.repeats, self._seen.dead_letters
        while True:
            try:
                findings = await self._look(journal, repeats, dead, time.monotonic() - began_s)
            except (EventLogError, MetadataError):
                if time.monotonic() - began_s > SETTLE_S:
                    raise
            else:
                if findings.right or findings.settled_s > SETTLE_S:
                    return findings
            await asyncio.sleep(_PAUSE_S)

    async def _look(self, journal: Journal, repeats: int, dead: int, settled_s: float) -> Findings:
        seen = self._seen
        await self._read_all()
        return Findings(
            len(journal.acknowledged_events),
            len(journal.acknowledged_likes),
            len(journal.acknowledged_uploads),
            sorted(journal.acknowledged_events - seen.ids),
            sorted(pair for pair in journal.acknowledged_likes if not seen.likes.get(pair)),
            await self._unfinished(journal),
            await self._wrong_counts(),
            seen.repeats - repeats,
            sum(_again(seen.published.get(video_id, [])) for video_id in journal.acknowledged_uploads),
            seen.dead_letters - dead,
            settled_s,
        )

    async def _read_all(self) -> None:
        await self._read(Topic.INTERACTIONS, self._take_interaction)
        await self._read(Topic.VIDEOS, self._take_change)
        for letters in sorted(set(DEAD_LETTERS.values())):
            await self._read(letters, self._take_letter)

    async def _read(self, topic: str, take: Callable[[bytes], None]) -> None:
        after = self._after.setdefault(topic, {})
        while records := await self._log.read(topic, after, _READ_RECORDS):
            for record in records:
                after[record.position.partition] = record.position.offset
                take(record.value)

    def _take_interaction(self, value: bytes) -> None:
        event, seen = decode(InteractionEvent, value), self._seen
        effect = effect_of(event)
        if isinstance(effect, Like):
            # By the order of the log; a repeat changes nothing.
            seen.likes[event.user_id, event.video_id] = effect.liked
        seen.repeats += (event.user_id, event.event_id) in seen.events
        seen.events[event.user_id, event.event_id] = event
        seen.ids.add(event.event_id)

    def _take_change(self, value: bytes) -> None:
        event = decode(VideoEvent, value)
        if event.change is VideoChange.PUBLISHED:
            self._seen.published.setdefault(event.video_id, []).append(event.revision)

    def _take_letter(self, _value: bytes) -> None:
        self._seen.dead_letters += 1

    async def _unfinished(self, journal: Journal) -> dict[int, str]:
        ids = list(journal.acknowledged_uploads)
        videos = await self._metadata.videos(ids)
        unfinished = {each: "gone" for each in ids if each not in videos}
        unfinished |= {each: v.status.value for each, v in videos.items() if v.status is not VideoStatus.READY}
        return unfinished | {each: "not announced" for each in videos if not self._seen.published.get(each)}

    async def _wrong_counts(self) -> list[str]:
        expected: Counter[tuple[int, CountKind]] = Counter()
        for event in self._seen.events.values():
            effect = effect_of(event)
            if isinstance(effect, Count):
                expected[event.video_id, effect.kind] += effect.by
        expected.update((video_id, CountKind.LIKES) for (_, video_id), liked in self._seen.likes.items() if liked)
        videos = await self._metadata.videos(self._library)
        wrong = []
        for video_id in self._library:
            for kind in (CountKind.VIEWS, CountKind.SHARES, CountKind.LIKES):
                counted = getattr(videos[video_id].counts, kind.value)
                if counted != expected[video_id, kind]:
                    wrong.append(f"{kind} of {video_id}: {counted} instead of {expected[video_id, kind]}")
        return wrong


def _again(revisions: list[int]) -> int:
    return len(revisions) - len(set(revisions))
