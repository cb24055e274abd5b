"""The embedded scorer: reads the event log, keeps the scorer's state, writes the lists. Shell.

A user's list is made again right after the last of its interactions in a batch, so what a list says depends on
the log alone and not on how it was cut into batches. State and offsets are saved together; after a crash the
records since are applied again. One worker at a time: two of the group `scorer` would each see half of the topics.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from feed.model.scorer import Scorer, checked
from feed.model.snapshot import encode
from feed.ranker import RankerUnavailable
from feed.ready.base import Entry, ReadyFeeds, Update
from feed.settings import ReadySettings, ScorerSettings, WorkerSettings
from feed.stats import ScorerStats
from feed.stream import checkpoint
from feed.stream.outbox import Outbox
from origin.deadletters import dead_letter
from origin.eventlog.base import Consumer, EventLog, EventLogError, Position, Record
from origin.events import InteractionEvent, MalformedEvent, Topic, VideoChange, VideoEvent, decode
from origin.metadata.base import Metadata, MetadataError
from origin.model import Video
from origin.offloop import OffLoop

logger = logging.getLogger(__name__)
GROUP = "scorer"
TOPICS = (Topic.VIDEOS, Topic.INTERACTIONS)
_PARTITIONS_MOST = 64
_LETTERS_MOST = 1_000
"""Dead letters that wait for the log; the oldest go first."""
_PAGE = 200


class ScorerWorker:
    """`run` it as a task and cancel it to stop; or call `open`, `step` … `close` oneself."""

    def __init__(
        self,
        log: EventLog,
        ready: ReadyFeeds,
        metadata: Metadata,
        file: Path,
        clock: Callable[[], int],
        settings: WorkerSettings | None = None,
        scoring: ScorerSettings | None = None,
        lifetimes: ReadySettings | None = None,
    ) -> None:
        """`file` holds the checkpoint; `clock` gives epoch milliseconds. `metadata` is only asked at a start
        without a checkpoint, for videos that the log has forgotten."""
        self._log = log
        self._metadata = metadata
        self._file = file
        self._clock = clock
        self._settings = settings or WorkerSettings()
        self._scoring = scoring or ScorerSettings()
        self._lifetimes = lifetimes or ReadySettings()
        self.stats = ScorerStats()
        self._outbox = Outbox(ready, clock, self._settings, self.stats)
        self._scorer = Scorer(self._scoring)
        self._offsets: dict[tuple[str, int], int] = {}
        self._saved: dict[tuple[str, int], int] = {}
        self._watched: dict[int, list[int]] = {}
        self._consumer: Consumer | None = None
        self._threads: OffLoop | None = None
        self._letters: deque[tuple[str, str, bytes]] = deque(maxlen=_LETTERS_MOST)

    async def run(self) -> None:
        """Until cancelled; saves a last checkpoint then. Waits out a log that does not answer."""
        while self._consumer is None:
            try:
                await self.open()
            except (EventLogError, MetadataError) as error:
                await self._pause(error)
        try:
            await self._work()
        finally:
            await self.close()

    async def open(self) -> None:
        """Restore the checkpoint, or begin at the log's beginning. Raises EventLogError, MetadataError, OSError."""
        self._threads = self._threads or OffLoop("scorer", 1)
        snapshot = await self._threads.run(checkpoint.load, self._file, self._scoring)
        start = {(str(topic), partition): 0 for topic in TOPICS for partition in range(_PARTITIONS_MOST)}
        if snapshot is None:
            self._scorer, self._offsets = Scorer(self._scoring), {}
            await self._know_the_old()
        else:
            self._scorer, self._offsets = snapshot.scorer, dict(snapshot.offsets)
            for user_id in snapshot.waiting:
                if user_id in self._scorer.users:
                    self._put(user_id)
        start.update(self._offsets)
        self._consumer = await self._log.consumer(GROUP, TOPICS, start)

    async def step(self, timeout_s: float) -> int:
        """Apply the next records, waiting up to `timeout_s` for the first, and write the lists; returns how
        many records there were. Raises EventLogError."""
        if self._consumer is None:
            raise RuntimeError("open the worker first")
        records = await self._consumer.poll(self._settings.batch, timeout_s)
        await self._apply(records)
        await self._bury()
        await self._outbox.send()
        return len(records)

    async def save(self) -> None:
        """Save a checkpoint and commit its offsets. Raises OSError, EventLogError."""
        if self._threads is None:
            raise RuntimeError("open the worker first")
        began = asyncio.get_running_loop().time()
        offsets = dict(self._offsets)
        data = await self._threads.run(encode, self._scorer, offsets, tuple(self._outbox.users))
        await self._threads.run(checkpoint.save, self._file, data)
        self._saved = offsets
        self.stats.checkpoints += 1
        self.stats.checkpoint_bytes = len(data)
        self.stats.checkpoint_s = asyncio.get_running_loop().time() - began
        if self._consumer is not None:
            for (topic, partition), offset in offsets.items():
                await self._consumer.commit(Position(topic, partition, offset - 1))

    async def close(self) -> None:
        """Save a last checkpoint and leave the group."""
        await self._try_save()
        if self._consumer is not None:
            await self._consumer.close()
            self._consumer = None
        if self._threads is not None:
            await self._threads.close()
            self._threads = None

    async def rank(self, user_id: int) -> tuple[Entry, ...] | None:
        """Implements the feed's `Ranker`; the next `step` writes the list to the speed layer."""
        if self._consumer is None:
            raise RankerUnavailable("the scorer has not read its state yet")
        if user_id not in self._scorer.users:
            return None
        entries = self._scorer.build(user_id)
        self.stats.lists += 1
        self.stats.asked += 1
        self._put(user_id)
        return entries

    async def lag(self) -> int:
        """Records not yet in a checkpoint. Raises EventLogError."""
        return 0 if self._consumer is None else await self._consumer.lag()

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        saved_at = loop.time()
        while True:
            try:
                await self.step(self._settings.poll_timeout_s)
            except EventLogError as error:
                await self._pause(error)
            pause_s = max(self._settings.checkpoint_every_s, self.stats.checkpoint_s / self._settings.checkpoint_duty)
            if loop.time() - saved_at >= pause_s:
                await self._try_save()
                saved_at = loop.time()

    async def _try_save(self) -> None:
        if self._offsets == self._saved:
            return
        try:
            await self.save()
        except (OSError, EventLogError) as error:
            self.stats.checkpoint_failures += 1
            logger.warning("checkpoint not saved", extra={"error": str(error)})

    async def _pause(self, error: Exception) -> None:
        self.stats.log_failures += 1
        logger.warning("the scorer waits for the event log", extra={"error": str(error)})
        await asyncio.sleep(self._settings.retry_s)

    async def _know_the_old(self) -> None:
        videos: list[Video] = []
        page: Sequence[Video] = await self._metadata.newest_public(None, _PAGE)
        while page and len(videos) < self._scoring.max_videos:
            videos += page
            page = await self._metadata.newest_public(page[-1].video_id, _PAGE)
        self._scorer.know(_published(video) for video in reversed(videos))

    async def _apply(self, records: Sequence[Record]) -> None:
        events = [(record.position, self._decode(record), record.appended_at_ms) for record in records]
        last = {e.user_id: index for index, (_, e, _) in enumerate(events) if isinstance(e, InteractionEvent)}
        built = 0
        for index, (position, event, appended_at_ms) in enumerate(events):
            partition = (position.topic, position.partition)
            if position.offset < self._offsets.get(partition, 0):
                continue
            if isinstance(event, VideoEvent):
                self._video(event, appended_at_ms)
            elif event is not None:
                built += self._interaction(event, appended_at_ms, build=last[event.user_id] == index)
            self._offsets[partition] = position.offset + 1
            if built >= self._settings.slice:
                built = 0
                await self._give_way()
        self.stats.users, self.stats.videos = len(self._scorer.users), self._scorer.table.count

    async def _give_way(self) -> None:
        if len(self._outbox) >= self._settings.write_chunk:
            await self._outbox.send()
        await asyncio.sleep(0)

    def _decode(self, record: Record) -> InteractionEvent | VideoEvent | None:
        try:
            if record.position.topic == Topic.VIDEOS:
                return checked(decode(VideoEvent, record.value))
            return checked(decode(InteractionEvent, record.value))
        except MalformedEvent as error:
            self.stats.malformed += 1
            logger.warning("record skipped", extra={"position": str(record.position), "error": str(error)})
            self._letters.append(dead_letter(record, GROUP, error))
            return None

    async def _bury(self) -> None:
        """Set aside what could not be read; scoring never waits for that."""
        while self._letters:
            try:
                await self._log.append(*self._letters[0])
            except EventLogError as error:
                logger.warning("dead letters wait", extra={"letters": len(self._letters), "error": str(error)})
                return
            self._letters.popleft()

    def _interaction(self, event: InteractionEvent, appended_at_ms: int, *, build: bool) -> bool:
        """True when a list was made."""
        if self._scorer.interaction(event, appended_at_ms):
            self.stats.events += 1
            self.stats.last_event_ms = appended_at_ms
        else:
            self.stats.repeats += 1
        if event.video_id:
            self._watched.setdefault(event.user_id, []).append(event.video_id)
        if build:
            self._scorer.build(event.user_id)
            self.stats.lists += 1
            self._put(event.user_id)
        return build

    def _video(self, event: VideoEvent, appended_at_ms: int) -> None:
        for user_id in self._scorer.video(event, appended_at_ms):
            self._put(user_id)
        self.stats.events += 1

    def _put(self, user_id: int) -> None:
        age_ms = self._clock() - self._scorer.users[user_id].last_ms
        active = age_ms <= self._lifetimes.active_for_ms
        ttl_s = self._lifetimes.active_ttl_s if active else self._lifetimes.inactive_ttl_s
        watched = tuple(self._watched.pop(user_id, ()))
        self._outbox.put(Update(user_id, self._scorer.entries(user_id), ttl_s, watched))


def _published(video: Video) -> VideoEvent:
    at_ms = video.published_at_ms if video.published_at_ms is not None else video.created_at_ms
    duration_ms = video.publication.duration_ms if video.publication else 0
    return VideoEvent(
        video.video_id,
        video.creator_id,
        VideoChange.PUBLISHED,
        at_ms,
        duration_ms=duration_ms,
        tags=video.tags,
    )
