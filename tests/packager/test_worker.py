"""The worker on the real event log and object store; only the catalog, which is another service's wire, is scripted."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from origin.deadletters import MALFORMED, read_letter
from origin.eventlog import Consumer, EventLog, LogUnavailable, open_eventlog, prepare_eventlog
from origin.events import Topic, UploadEvent, decode, encode
from origin.metadata.base import MetadataUnavailable
from origin.model import Failure, Publication, Video, VideoStatus, Visibility
from origin.objects import Objects, open_objects
from origin.prints import Glimpses, Likeness, Print
from origin.progress import Packaging, Stage
from origin.reuploads import Recognised
from packager.moderation import Allow, Evidence, ModerationUnavailable, Reject, Review, Verdict
from packager.settings import PackagerSettings, RetryPolicy
from packager.worker import PackagerWorker
from tests.kafka_topics import topics_of_our_own

pytestmark = pytest.mark.slow
OPEN = {VideoStatus.UPLOADING, VideoStatus.QUEUED, VideoStatus.PROCESSING, VideoStatus.PLAYABLE}


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class ShelfCatalog:
    """The Catalog protocol over a dict."""

    objects: Objects
    videos: dict[int, Video] = field(default_factory=dict)
    prints: dict[int, Print] = field(default_factory=dict)
    like: dict[int, Recognised] = field(default_factory=dict)
    """What of these videos is found to have been taken down."""
    looks_like: set[int] = field(default_factory=set)
    """Of these that shows in how they begin."""
    history: list[tuple[int, str]] = field(default_factory=list)
    away: int = 0
    """How many of the next calls find the catalog away."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    answers_late_s: float = 0.0
    """How long after its effect the last publication is answered. Progress told meanwhile waits for the effect."""

    def add(self, video_id: int, raw_key: str = "") -> None:
        self.videos[video_id] = Video(
            video_id, 7, "a clip", VideoStatus.QUEUED, Visibility.PUBLIC, now_ms(), raw_key=raw_key
        )

    def delete(self, video_id: int) -> None:
        self._set(video_id, status=VideoStatus.DELETED)

    def finish(self, video_id: int) -> None:
        self._set(video_id, status=VideoStatus.READY)

    def play(self, video_id: int) -> None:
        self._set(video_id, status=VideoStatus.PLAYABLE)

    async def video(self, video_id: int) -> Video | None:
        self._answer()
        return self.videos.get(video_id)

    async def begin_processing(self, video_id: int) -> Video | None:
        self._answer()
        video = self.videos.get(video_id)
        if video is None or video.status not in OPEN:
            return None
        if video.status is not VideoStatus.PLAYABLE:
            self._set(video_id, status=VideoStatus.PROCESSING)
        return self.videos[video_id]

    async def report_progress(self, video_id: int, progress: float, packaging: Packaging) -> bool:
        self._answer()
        assert 0 <= progress <= 1
        self.history.append((video_id, packaging.stage.value))
        if self.answers_late_s and packaging.stage is Stage.PUBLISHING:
            await self.ended.wait()
        return self.videos[video_id].status in OPEN

    async def resembles_taken_down(self, video_id: int, glimpses: Glimpses) -> bool:
        self._answer()
        assert glimpses.pictures
        return video_id in self.looks_like

    async def recognise(self, video_id: int, print_: Print) -> Recognised | None:
        self._answer()
        self.prints[video_id] = print_
        return self.like.get(video_id)

    async def hold(self, video_id: int) -> None:
        self._answer()
        self._set(video_id, held_at_ms=now_ms())

    async def publish(self, video_id: int, publication: Publication, status: VideoStatus) -> bool:
        self._answer()
        self.history.append((video_id, f"told {publication.revision}"))
        video = self.videos[video_id]
        if video.status not in OPEN:
            return False
        if video.publication is not None and video.publication.revision >= publication.revision:
            return False
        # What is published is there: every file can be read at this moment.
        names = [f"v/{video_id}/{file.name}" for file in publication.startup]
        for key in [*publication.files.values(), *names]:
            assert (await self.objects.stat(key)).size_bytes > 0
        self._set(video_id, status=status, publication=publication)
        if status is VideoStatus.READY:
            self.ended.set()
            await asyncio.sleep(self.answers_late_s)
        return True

    async def reject(self, video_id: int, failure: Failure) -> None:
        self._answer()
        self._set(video_id, status=VideoStatus.REJECTED, failure=failure)

    async def fail(self, video_id: int, failure: Failure) -> None:
        self._answer()
        self._set(video_id, status=VideoStatus.FAILED, failure=failure)

    def _answer(self) -> None:
        if self.away > 0:
            self.away -= 1
            raise MetadataUnavailable("the catalog is away")

    def _set(self, video_id: int, **changes: object) -> None:
        self.videos[video_id] = replace(self.videos[video_id], **changes)  # type: ignore[arg-type]
        if "status" in changes:
            self.history.append((video_id, str(changes["status"])))


@dataclass
class ScriptedModeration:
    """The Moderation protocol with verdicts given in advance; an exception among them is raised."""

    verdicts: list[Verdict | Exception] = field(default_factory=list)
    seen: list[Evidence] = field(default_factory=list)

    async def judge(self, evidence: Evidence) -> Verdict:
        self.seen.append(evidence)
        answer = self.verdicts.pop(0) if self.verdicts else Allow()
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        return None


@dataclass
class House:
    """Everything a worker needs, and the means to start and stop workers on it."""

    root: Path
    log: EventLog
    objects: Objects
    catalog: ShelfCatalog
    moderation: ScriptedModeration
    settings: PackagerSettings
    workers: list[tuple[PackagerWorker, asyncio.Task[None]]] = field(default_factory=list)

    def start(self, folder: str = "work") -> PackagerWorker:
        worker = PackagerWorker(
            self.settings, self.log, self.objects, self.catalog, self.moderation, now_ms, self.root / folder
        )
        self.workers.append((worker, asyncio.create_task(worker.run())))
        return worker

    async def upload(self, video_id: int, clip: Path) -> None:
        key = f"raw/{video_id}"
        await self.objects.put(key, await asyncio.to_thread(clip.read_bytes))
        self.catalog.add(video_id, key)
        await self.announce(video_id)

    async def announce(self, video_id: int) -> None:
        event = UploadEvent(video_id, 7, f"raw/{video_id}", now_ms(), request_id="req-1")
        await self.log.append(Topic.UPLOADS, str(video_id), encode(event))

    async def until(self, reached: Callable[[], bool], timeout_s: float = 60) -> None:
        async with asyncio.timeout(timeout_s):
            while not reached():
                for _, task in self.workers:
                    if task.done() and not task.cancelled():
                        task.result()
                await asyncio.sleep(0.02)

    async def status(self, video_id: int, *wanted: VideoStatus) -> Video:
        await self.until(lambda: self.catalog.videos[video_id].status in wanted)
        return self.catalog.videos[video_id]

    async def lag(self) -> int:
        consumer = await self.log.consumer("packager", [Topic.UPLOADS, Topic.UPLOADS_RETRY])
        try:
            return await consumer.lag()
        finally:
            await consumer.close()

    async def dead_letters(self) -> list[bytes]:
        return [record.value for record in await self.log.read(Topic.UPLOADS_DEAD, {}, 100)]


ON_BOTH_LOGS = pytest.mark.parametrize("log_kind", ["sqlite", "kafka"], indirect=True)


@pytest.fixture
def log_kind(request: pytest.FixtureRequest) -> str:
    return str(getattr(request, "param", "sqlite"))


@pytest.fixture
async def log(log_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EventLog]:
    async with contextlib.AsyncExitStack() as stack:
        url = f"sqlite:///{tmp_path}/events.sqlite"
        if log_kind == "kafka":
            kafka = request.getfixturevalue("kafka")
            prefix = await stack.enter_async_context(topics_of_our_own(kafka.hosts, ["unused"], partitions=1))
            url = f"{kafka.url}&topic_prefix={prefix}&partitions=2"
            await prepare_eventlog(url)
        opened = open_eventlog(url, now_ms)
        stack.push_async_callback(opened.close)
        yield opened


@pytest.fixture
async def house(tmp_path: Path, settings: PackagerSettings, log: EventLog) -> AsyncIterator[House]:
    objects = open_objects(f"file://{tmp_path}/objects")
    quick = replace(settings, jobs_at_once=2, retry=RetryPolicy(attempts=3, first_delay_ms=200, waiting_delay_ms=200))
    house = House(tmp_path, log, objects, ShelfCatalog(objects), ScriptedModeration(), quick)
    yield house
    for worker, task in house.workers:
        await worker.drain(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    await objects.close()


Clip = Callable[[str], Path]


async def test_an_upload_becomes_playable_then_ready(house: House, clip: Clip) -> None:
    worker = house.start()
    await house.upload(1, clip("bbb"))
    first = await house.status(1, VideoStatus.PLAYABLE)
    assert first.publication is not None
    assert {"dash.mpd", "hls.m3u8", "poster.jpg"} <= first.publication.files.keys()
    assert len(first.publication.renditions) == 1
    last = await house.status(1, VideoStatus.READY)
    assert last.publication is not None
    assert (last.publication.revision, len(last.publication.renditions)) == (2, 3)
    assert last.publication.startup == first.publication.startup
    assert (last.publication.width, last.publication.height) == (1280, 720)
    assert house.moderation.seen[0].description == "a clip"
    stages = [what for _, what in house.catalog.history]
    assert stages.index("processing") < stages.index("playable") < stages.index("ready")
    await house.until(lambda: worker.stats.done == 1)
    assert worker.stats.running == 0
    assert 0.2 < worker.stats.cpu_s / worker.stats.media_s < 20
    assert list((house.root / "work").iterdir()) == []


async def test_a_worker_is_idle_when_no_upload_waits_or_is_worked_on(house: House, clip: Clip) -> None:
    worker = house.start()
    await worker.idle.until_idle()
    await house.upload(1, clip("silent"))
    await worker.idle.until_busy()
    await house.status(1, VideoStatus.READY)
    await worker.idle.until_idle()
    assert worker.stats.running == 0


async def test_a_clip_that_moderation_is_unsure_about_waits_and_is_published_once_a_person_cleared_it(
    house: House, clip: Clip
) -> None:
    house.moderation.verdicts = [Review("one frame scores 0.61")]
    worker = house.start()
    await house.upload(1, clip("silent"))
    await house.until(lambda: worker.stats.held == 1)
    [record] = await house.log.read(Topic.UPLOADS_REVIEW, {}, 10)
    event = decode(UploadEvent, record.value)
    assert (event.video_id, event.error_detail) == (1, "one frame scores 0.61")
    video = house.catalog.videos[1]
    assert (video.status, video.publication, video.failure) == (VideoStatus.PROCESSING, None, None)
    assert video.held_at_ms is not None
    assert await house.lag() == 0
    await house.log.append(Topic.UPLOADS, "1", encode(replace(event, cleared=True)))
    await house.status(1, VideoStatus.READY)
    assert len(house.moderation.seen) == 1


async def test_a_clip_that_plays_when_its_job_starts_over_is_not_held_for_a_doubt_about_it(
    house: House, clip: Clip
) -> None:
    house.moderation.verdicts = [Review("one frame scores 0.61")]
    await house.upload(1, clip("silent"))
    house.catalog.play(1)
    worker = house.start()
    await house.status(1, VideoStatus.READY)
    await house.until(lambda: worker.stats.done == 1)
    assert worker.stats.held == 0
    assert await house.log.read(Topic.UPLOADS_REVIEW, {}, 10) == []


async def test_a_clip_that_plays_when_its_job_starts_over_is_withdrawn_if_it_is_refused_now(
    house: House, clip: Clip
) -> None:
    house.moderation.verdicts = [Reject("moderation", "Not here.")]
    await house.upload(1, clip("silent"))
    house.catalog.play(1)
    house.start()
    video = await house.status(1, VideoStatus.REJECTED, VideoStatus.READY)
    assert video.failure == Failure("moderation", "Not here.")


async def test_a_clip_that_was_taken_down_before_is_rejected_and_publishes_nothing(house: House, clip: Clip) -> None:
    house.catalog.like[1] = Recognised(5, Likeness.SAME)
    house.start()
    await house.upload(1, clip("silent"))
    video = await house.status(1, VideoStatus.REJECTED)
    assert video.failure == Failure("taken_down_before", "This clip was taken down before, so it is not shown again.")
    assert [info async for info in house.objects.list("v/")] == []
    assert house.catalog.prints[1].pictures


async def test_a_clip_that_looks_like_one_taken_down_is_recognised_before_any_of_it_plays(
    house: House, clip: Clip
) -> None:
    house.catalog.like[1] = Recognised(5, Likeness.SIMILAR)
    house.catalog.looks_like.add(1)
    worker = house.start()
    await house.upload(1, clip("bbb"))
    await house.until(lambda: worker.stats.held == 1)
    assert [what for _, what in house.catalog.history if what.startswith("told")] == []


async def test_a_clip_that_its_print_alone_finds_out_is_withdrawn(house: House, clip: Clip) -> None:
    house.catalog.like[1] = Recognised(5, Likeness.SAME)
    house.start()
    await house.upload(1, clip("bbb"))
    video = await house.status(1, VideoStatus.REJECTED)
    assert video.failure is not None
    assert video.failure.code == "taken_down_before"
    assert {what for _, what in house.catalog.history if what.startswith("told")} == {"told 1"}


async def test_a_clip_that_by_its_print_only_resembles_what_was_taken_down_goes_on(house: House, clip: Clip) -> None:
    house.catalog.like[1] = Recognised(5, Likeness.SIMILAR)
    house.start()
    await house.upload(1, clip("bbb"))
    await house.status(1, VideoStatus.PLAYABLE)
    await house.status(1, VideoStatus.READY)
    assert await house.log.read(Topic.UPLOADS_REVIEW, {}, 10) == []


async def test_a_clip_that_only_resembles_one_taken_down_waits_and_is_published_once_a_person_cleared_it(
    house: House, clip: Clip
) -> None:
    house.catalog.like[1] = Recognised(5, Likeness.SIMILAR)
    worker = house.start()
    await house.upload(1, clip("silent"))
    await house.until(lambda: worker.stats.held == 1)
    [record] = await house.log.read(Topic.UPLOADS_REVIEW, {}, 10)
    event = decode(UploadEvent, record.value)
    assert event.error_detail == "it looks like video 5, which was taken down"
    house.catalog.prints.clear()
    await house.log.append(Topic.UPLOADS, "1", encode(replace(event, cleared=True)))
    await house.status(1, VideoStatus.READY)
    assert house.catalog.prints[1].pictures


async def test_what_the_master_playlist_names_is_in_the_store(house: House, clip: Clip) -> None:
    house.start()
    await house.upload(2, clip("silent"))
    video = await house.status(2, VideoStatus.READY)
    assert video.publication is not None
    blocks = [block async for block in house.objects.get(video.publication.files["hls.m3u8"])]
    uris = [line for line in b"".join(blocks).decode().splitlines() if line and not line.startswith("#")]
    for uri in uris:
        assert (await house.objects.stat(f"v/2/{uri}")).size_bytes > 0


@pytest.mark.parametrize(
    ("name", "code"), [("text", "not_a_video"), ("audio_only", "no_video_track"), ("long", "too_long")]
)
async def test_a_bad_clip_fails_at_once_with_a_reason_and_no_retry(
    house: House, clip: Clip, name: str, code: str
) -> None:
    worker = house.start()
    await house.upload(3, clip(name))
    video = await house.status(3, VideoStatus.FAILED)
    assert video.failure is not None
    assert video.failure.code == code
    await house.until(lambda: worker.stats.failed == 1)
    assert worker.stats.retried == 0
    assert await house.dead_letters() == []


async def test_a_rejected_clip_publishes_nothing(house: House, clip: Clip) -> None:
    house.moderation.verdicts = [Reject("moderation", "Not here.")]
    house.start()
    await house.upload(4, clip("silent"))
    video = await house.status(4, VideoStatus.REJECTED)
    assert video.failure == Failure("moderation", "Not here.")
    assert video.publication is None
    assert [info.key async for info in house.objects.list("v/")] == []


async def test_a_passing_fault_is_retried_and_the_job_completes(house: House, clip: Clip) -> None:
    house.moderation.verdicts = [ModerationUnavailable("asleep"), ModerationUnavailable("still asleep")]
    worker = house.start()
    await house.upload(5, clip("silent"))
    await house.status(5, VideoStatus.READY)
    assert (worker.stats.retried, worker.stats.started) == (2, 3)
    retries = [decode(UploadEvent, r.value) for r in await house.log.read(Topic.UPLOADS_RETRY, {}, 10)]
    assert [event.attempt for event in retries] == [1, 2]
    assert retries[0].error_code == "moderation_unavailable"
    assert retries[1].not_before > retries[0].not_before
    await house.until(lambda: worker.stats.done == 1)


async def test_a_fault_that_stays_ends_in_the_dead_letters(house: House, clip: Clip) -> None:
    house.moderation.verdicts = [ModerationUnavailable("asleep")] * 3
    house.start()
    await house.upload(6, clip("silent"))
    video = await house.status(6, VideoStatus.FAILED)
    assert video.failure is not None
    assert video.failure.code == "processing_failed"
    (dead,) = await house.dead_letters()
    event = decode(UploadEvent, dead)
    assert (event.attempt, event.error_code, event.error_detail) == (3, "moderation_unavailable", "asleep")


async def test_an_upload_whose_bytes_are_gone_is_not_retried(house: House) -> None:
    worker = house.start()
    house.catalog.add(7, "raw/7")
    await house.announce(7)
    video = await house.status(7, VideoStatus.FAILED)
    assert video.failure is not None
    assert video.failure.code == "upload_missing"
    await house.until(lambda: worker.stats.failed == 1)
    assert worker.stats.retried == 0


@ON_BOTH_LOGS
async def test_an_event_that_does_not_parse_goes_to_the_dead_letters_and_the_rest_flows(
    house: House, clip: Clip
) -> None:
    await house.log.append(Topic.UPLOADS, "8", b"\xff not json")
    await house.upload(8, clip("silent"))
    worker = house.start()
    await house.status(8, VideoStatus.READY)
    (letter,) = [read_letter(record) for record in await house.log.read(Topic.UPLOADS_DEAD, {}, 100)]
    assert (letter.code, letter.value) == (MALFORMED, b"\xff not json")
    assert worker.stats.malformed == 1


async def test_an_event_at_which_something_unforeseen_breaks_is_set_aside_and_the_rest_flows(
    house: House, clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("packager.worker.after_fault", lambda *_, **__: 1 / 0)
    house.moderation.verdicts = [ModerationUnavailable("asleep")]
    worker = house.start()
    await house.upload(8, clip("silent"))
    await house.until(lambda: worker.stats.failed == 1)
    await house.upload(9, clip("silent"))
    await house.status(9, VideoStatus.READY)
    await house.until(lambda: worker.stats.running == 0)
    (dead,) = await house.dead_letters()
    assert decode(UploadEvent, dead).error_detail == "ZeroDivisionError: division by zero"
    assert house.catalog.videos[8].status is VideoStatus.FAILED
    assert await house.lag() == 0


class OneConsumer:
    """A log that gives one consumer and is away then."""

    def __init__(self, log: EventLog) -> None:
        self.log = log
        self.given = 0

    async def consumer(self, group: str, topics: Sequence[str]) -> Consumer:
        self.given += 1
        if self.given > 1:
            raise LogUnavailable("away")
        return await self.log.consumer(group, topics)


async def test_a_packager_that_cannot_start_leaves_no_consumer_behind(house: House) -> None:
    log = house.log
    house.log = OneConsumer(log)  # type: ignore[assignment]
    house.start()
    ((_, running),) = house.workers
    with pytest.raises(LogUnavailable):
        await running
    house.workers.clear()
    house.log = log
    await house.announce(1)
    consumer = await log.consumer("packager", [Topic.UPLOADS])
    assert len(await consumer.poll(1, 20)) == 1


async def test_a_catalog_that_is_away_for_a_while_costs_a_retry_and_no_video(house: House, clip: Clip) -> None:
    house.catalog.away = 2
    house.start()
    await house.upload(9, clip("silent"))
    await house.status(9, VideoStatus.READY)


async def test_a_deleted_video_is_dropped_in_the_middle_of_its_job(house: House, clip: Clip) -> None:
    worker = house.start()
    await house.upload(10, clip("bbb"))
    await house.status(10, VideoStatus.PLAYABLE)
    house.catalog.delete(10)
    await house.until(lambda: worker.stats.abandoned == 1, timeout_s=10)
    assert house.catalog.videos[10].status is VideoStatus.DELETED
    assert worker.stats.done == 0
    assert list((house.root / "work").iterdir()) == []


async def test_a_job_that_finds_its_own_end_before_it_is_answered_goes_on_to_it(house: House, clip: Clip) -> None:
    house.catalog.answers_late_s = 1.5
    worker = house.start()
    await house.upload(19, clip("silent"))
    await house.until(lambda: worker.stats.running == 0 and worker.stats.started == 1)
    assert (worker.stats.done, worker.stats.abandoned) == (1, 0)


async def test_two_packagers_that_hold_the_same_event_make_one_whole_publication_between_them(
    house: House, clip: Clip, tmp_path: Path
) -> None:
    one = house.start("one")
    mine, house.log = house.log, open_eventlog(f"sqlite:///{tmp_path}/other.sqlite", now_ms)
    other = house.start("other")
    await house.upload(18, clip("bbb"))
    await mine.append(Topic.UPLOADS, "18", encode(UploadEvent(18, 7, "raw/18", now_ms())))
    await house.until(lambda: all(worker.stats.done + worker.stats.abandoned == 1 for worker in (one, other)))
    assert sorted((one.stats.started, other.stats.started)) == [1, 1]
    assert one.stats.done + other.stats.done == 1
    video = house.catalog.videos[18]
    assert (video.status, [what for _, what in house.catalog.history].count("ready")) == (VideoStatus.READY, 1)
    assert video.publication is not None
    blocks = [block async for block in house.objects.get(video.publication.files["hls.m3u8"])]
    uris = [line for line in b"".join(blocks).decode().splitlines() if line and not line.startswith("#")]
    assert {uri.split("/")[0] for uri in uris} >= set(video.publication.renditions)
    await other.drain(0)
    await house.log.close()


async def test_a_packager_that_thaws_stops_at_once_when_another_one_has_finished_its_video(
    house: House, clip: Clip
) -> None:
    worker = house.start()
    await house.upload(17, clip("bbb"))
    await house.status(17, VideoStatus.PLAYABLE)
    house.catalog.finish(17)
    await house.until(lambda: worker.stats.abandoned == 1, timeout_s=10)
    assert worker.stats.done == 0
    publication = house.catalog.videos[17].publication
    assert publication is not None
    assert publication.revision == 1
    assert [info.key async for info in house.objects.list("v/17/r2/")] == []


async def test_a_rung_is_published_while_it_grows_and_dropped_when_its_video_is_deleted(
    house: House, clip: Clip
) -> None:
    house.settings = replace(house.settings, growth_speed=0.01)
    worker = house.start()
    await house.upload(16, clip("growing"))
    video = await house.status(16, VideoStatus.PLAYABLE)
    assert video.publication is not None
    assert sorted(video.publication.files) == ["growing-a128.m3u8", "growing-v540.m3u8", "hls.m3u8", "poster.jpg"]
    house.catalog.delete(16)
    await house.until(lambda: worker.stats.abandoned == 1)
    assert [
        info.key async for info in house.objects.list("v/16/") if "growing" in info.key and "/r2/" in info.key
    ] == []
    assert worker.stats.done == 0


async def test_an_event_of_a_deleted_video_costs_nothing(house: House) -> None:
    house.catalog.add(11, "raw/11")
    house.catalog.delete(11)
    worker = house.start()
    await house.announce(11)
    await house.until(lambda: worker.stats.abandoned == 1)
    assert worker.stats.cpu_s == 0


@ON_BOTH_LOGS
async def test_an_upload_announced_twice_is_packaged_once_by_one_of_two_packagers(house: House, clip: Clip) -> None:
    await house.upload(12, clip("silent"))
    await house.announce(12)
    workers = [house.start("one"), house.start("two")]
    await house.until(lambda: sum(worker.stats.done + worker.stats.abandoned for worker in workers) == 2)
    assert sum(worker.stats.done for worker in workers) == 1
    publication = house.catalog.videos[12].publication
    assert publication is not None
    assert publication.revision == 1
    # A crash may have come between the publication and its announcement, so a redelivery announces it again.
    assert [what for _, what in house.catalog.history if what.startswith("told")] == ["told 1", "told 1"]
    async with asyncio.timeout(30):
        while await house.lag():  # noqa: ASYNC110 -- a log tells nobody
            await asyncio.sleep(0.1)


async def test_a_video_that_plays_goes_on_playing_when_its_other_rungs_fail(house: House, clip: Clip) -> None:
    # Room for the 540 rung, and too little for the 720; the mix of a sound would be larger than both.
    house.settings = replace(house.settings, output_bytes=800_000, retry=RetryPolicy(attempts=1))
    worker = house.start()
    await house.upload(15, clip("muted"))
    await house.until(lambda: worker.stats.failed == 1)
    assert house.catalog.videos[15].status is VideoStatus.PLAYABLE
    (dead,) = await house.dead_letters()
    event = decode(UploadEvent, dead)
    assert (event.attempt, event.error_code) == (1, "encoder_failed")


async def test_a_job_that_was_cut_short_completes_after_the_restart(house: House, clip: Clip) -> None:
    worker = house.start()
    await house.upload(13, clip("bbb"))
    await house.status(13, VideoStatus.PLAYABLE)
    await worker.drain(0)
    await house.workers.pop()[1]
    (house.root / "work" / "job-13" / "work").mkdir(parents=True)  # as after kill -9
    assert await house.lag() == 1
    again = house.start()
    video = await house.status(13, VideoStatus.READY)
    assert video.publication is not None
    assert video.publication.revision == 3
    kept = {info.key.split("/")[2] async for info in house.objects.list("v/13/") if "/r" in info.key}
    assert kept == {"r2", "r3"}
    await house.until(lambda: again.stats.done == 1 and again.stats.running == 0)
    statuses = [what for video_id, what in house.catalog.history if what in {"playable", "ready"}]
    assert statuses.count("ready") == 1
    await again.drain(5)
    assert await house.lag() == 0


async def test_drain_lets_a_running_job_end(house: House, clip: Clip) -> None:
    worker = house.start()
    await house.upload(14, clip("silent"))
    await house.status(14, VideoStatus.PROCESSING)
    await worker.drain(30)
    assert house.catalog.videos[14].status is VideoStatus.READY
    assert await house.lag() == 0
