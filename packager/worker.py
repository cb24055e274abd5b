"""The packager's loop: upload events in, published videos out. Shell.

Two consumers of one group, so that waiting retries never stand in the way of fresh uploads; which job is next, `intake`
says. An offset is committed only after its job has ended, one way or another; whatever was cut short is delivered again
and starts over under the same names.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from origin.cancelling import cancelled
from origin.deadletters import dead_letter
from origin.eventlog.base import Consumer, EventLog, EventLogError, Record
from origin.events import MalformedEvent, Topic, UploadEvent, encode
from origin.model import WATCHABLE, Failure
from origin.objects.base import Objects
from origin.reviews import hold
from origin.trace import request_id
from packager.catalog import Catalog
from packager.faults import Fault, classify
from packager.idle import Idle
from packager.intake import Intake, Taken
from packager.job import DeadLetter, after_fault
from packager.moderation.base import Moderation
from packager.sandbox import describe
from packager.settings import PackagerSettings
from packager.tools import Tools, find_tools
from packager.upload_job import JobEnd, JobOutcome, UploadJob

logger = logging.getLogger(__name__)

GROUP = "packager"
WAITING_UPLOADS = 256
"""Who comes behind many clips of another is seen once those before are gathered; what waits costs some 400 bytes."""
WAITING_RETRIES = 64
MEASURE_S = 1.0
APPEND_PAUSE_S = 2.0
JOB_PREFIX = "job-"


@dataclass(slots=True)
class WorkerStats:
    """Counters since the start. `cpu_s` is the children's; with `media_s` it gives the cost of a second of video."""

    started: int = 0
    """Jobs begun, retries included."""
    done: int = 0
    """Jobs that published every rendition."""
    failed: int = 0
    """Ended as failed or rejected, or dead-lettered."""
    held: int = 0
    """Put into the review queue."""
    retried: int = 0
    """Jobs put off after a passing fault."""
    abandoned: int = 0
    """Deleted while they were worked on, or already decided."""
    malformed: int = 0
    """Records that were no upload event; dead-lettered."""
    running: int = field(default=0, metadata={"gauge": True})
    """Jobs under way now."""
    waiting: int = field(default=0, metadata={"gauge": True})
    """Upload events that were gathered and not begun; what the log holds behind them is not seen yet."""
    oldest_wait_s: float = field(default=0.0, metadata={"gauge": True})
    """How long the oldest of them could have been begun."""
    cpu_s: float = 0.0
    media_s: float = 0.0
    peak_rss_bytes: int = field(default=0, metadata={"gauge": True})
    """The most that any one child has held."""


class PackagerWorker:
    """Consumes uploads until it is drained. `work_folder` belongs to this process alone; `clock` gives epoch ms."""

    def __init__(
        self,
        settings: PackagerSettings,
        eventlog: EventLog,
        objects: Objects,
        catalog: Catalog,
        moderation: Moderation,
        clock: Callable[[], int],
        work_folder: Path,
    ) -> None:
        """Raises ToolMissing when ffmpeg, ffprobe or Shaka Packager is not there."""
        self.stats = WorkerStats()
        self.idle = Idle()
        """For work that is to give way to uploads."""
        self._settings = settings
        self._log = eventlog
        self._objects = objects
        self._catalog = catalog
        self._moderation = moderation
        self._clock = clock
        self._work_folder = work_folder
        self._tools: Tools = find_tools(settings)
        logger.info("children run in a sandbox", extra={"sandbox": describe()})
        self._slots = asyncio.Semaphore(settings.jobs_at_once)
        self._jobs: set[asyncio.Task[None]] = set()
        self._drain = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()

    async def run(self) -> None:
        """Work until `drain`; a log that is away for a while is waited for. May be called again after it raised."""
        await asyncio.to_thread(_sweep, self._work_folder)
        # Consumers are closed last: a job that ends meanwhile still commits. Also when only one could be had: left in
        # its group it would hold partitions that nobody reads.
        async with contextlib.AsyncExitStack() as stack:
            uploads = await self._log.consumer(GROUP, [Topic.UPLOADS])
            stack.push_async_callback(uploads.close)
            retries = await self._log.consumer(GROUP, [Topic.UPLOADS_RETRY])
            stack.push_async_callback(retries.close)
            await self._work(uploads, retries)

    async def _work(self, uploads: Consumer, retries: Consumer) -> None:
        intake = Intake(self._clock, self._set_aside)
        self._drained.clear()
        loops = {
            asyncio.create_task(intake.gather(uploads, WAITING_UPLOADS)),
            asyncio.create_task(intake.gather(retries, WAITING_RETRIES)),
            asyncio.create_task(self._begin_jobs(intake)),
            asyncio.create_task(self._measure(intake)),
            asyncio.create_task(self._drain.wait()),
        }
        try:
            ended, _ = await asyncio.wait(loops, return_when=asyncio.FIRST_COMPLETED)
            for loop in ended:
                loop.result()
            await cancelled(loops)
            if self._jobs:
                # Until they end, or `drain` loses patience with them.
                await asyncio.wait(set(self._jobs))
        finally:
            await cancelled(loops)
            await cancelled(self._jobs)
            self._drained.set()

    async def drain(self, grace_s: float) -> None:
        """Take no more, give running jobs `grace_s` to end, then cancel them; their events will be delivered again."""
        self._drain.set()
        if jobs := set(self._jobs):
            await asyncio.wait(jobs, timeout=grace_s)
        await cancelled(self._jobs)
        await self._drained.wait()

    async def _begin_jobs(self, intake: Intake) -> None:
        while True:
            await self._slots.acquire()
            try:
                taken = await intake.next()
            except BaseException:
                self._slots.release()
                raise
            task = asyncio.create_task(self._work_off(taken, intake))
            self._jobs.add(task)
            task.add_done_callback(self._jobs.discard)
            task.add_done_callback(lambda _: self._slots.release())

    async def _measure(self, intake: Intake) -> None:
        while True:
            self.stats.waiting, self.stats.oldest_wait_s = intake.waiting, intake.oldest_wait_s()
            await asyncio.sleep(MEASURE_S)

    async def _work_off(self, taken: Taken, intake: Intake) -> None:
        request_id.set(taken.event.request_id)
        with self.idle.upload():
            try:
                await self._start(taken.event)
            except Exception as error:
                logger.exception("upload event cannot be handled", extra={"video_id": taken.event.video_id})
                # Left as it is, the record would hold up its partition for good.
                await self._give_up(taken.event, classify(error))
            await intake.finish(taken)

    async def _set_aside(self, record: Record, error: MalformedEvent) -> None:
        self.stats.malformed += 1
        logger.warning("upload event refused", extra={"position": str(record.position), "error": str(error)})
        await self._append(*dead_letter(record, GROUP, error))

    async def _start(self, event: UploadEvent) -> None:
        self.stats.started += 1
        self.stats.running += 1
        folder = self._work_folder / f"{JOB_PREFIX}{event.video_id}"
        job = UploadJob(self._settings, self._tools, self._objects, self._catalog, self._moderation, folder)
        try:
            outcome = await job.run(event)
        except Exception as error:
            await self._after(event, classify(error, str(folder.absolute())), error)
        else:
            if outcome.end is JobEnd.HELD:
                logger.info("a clip waits for review", extra={"video_id": event.video_id, "reason": outcome.review})
                await self._append(Topic.UPLOADS_REVIEW, str(event.video_id), hold(event, outcome.review))
            self._count(outcome)
        finally:
            self.stats.running -= 1
            self.stats.cpu_s += job.usage.cpu_s
            self.stats.peak_rss_bytes = max(self.stats.peak_rss_bytes, job.usage.max_rss_bytes)

    def _count(self, outcome: JobOutcome) -> None:
        self.stats.media_s += outcome.media_s
        match outcome.end:
            case JobEnd.PUBLISHED:
                self.stats.done += 1
            case JobEnd.REFUSED:
                self.stats.failed += 1
            case JobEnd.HELD:
                self.stats.held += 1
            case JobEnd.ABANDONED:
                self.stats.abandoned += 1

    async def _after(self, event: UploadEvent, fault: Fault, error: Exception) -> None:
        known = fault.code != "internal"
        logger.warning(
            "packaging failed",
            extra={"video_id": event.video_id, "attempt": event.attempt, "code": fault.code, "detail": fault.detail},
            exc_info=None if known else error,
        )
        now_ms = self._clock()
        chance = random.random()  # noqa: S311  -- jitter, nothing secret
        fate = after_fault(event.attempt, self._settings.retry, now_ms, chance, waits=fault.waits)
        if fault.final or isinstance(fate, DeadLetter):
            await self._give_up(event, fault)
            return
        self.stats.retried += 1
        again = replace(_told(event, fault), attempt=fate.attempt, not_before=fate.not_before_ms)
        await self._append(Topic.UPLOADS_RETRY, str(event.video_id), encode(again))

    async def _give_up(self, event: UploadEvent, fault: Fault) -> None:
        """A video that plays already goes on playing with the renditions it has."""
        letter = replace(_told(event, fault), attempt=event.attempt + 1)
        await self._append(Topic.UPLOADS_DEAD, str(event.video_id), encode(letter))
        failure = Failure("processing_failed", "Something went wrong on our side while this clip was prepared.")
        if fault.code == "upload_missing":
            failure = Failure("upload_missing", "The uploaded file is no longer there. Upload the clip again.")
        while True:
            try:
                video = await self._catalog.video(event.video_id)
                if video is None or video.status not in WATCHABLE:
                    await self._catalog.fail(event.video_id, failure)
            except Exception:
                # Left undone, the video would say "processing" for ever.
                logger.exception("failure could not be recorded", extra={"video_id": event.video_id})
                await asyncio.sleep(APPEND_PAUSE_S)
            else:
                self.stats.failed += 1
                return

    async def _append(self, topic: str, key: str, value: bytes) -> None:
        """Until the log has it: without its successor the record must not be committed."""
        while True:
            try:
                await self._log.append(topic, key, value)
            except EventLogError as error:
                logger.warning("the event log takes no record", extra={"topic": topic, "key": key, "error": str(error)})
                await asyncio.sleep(APPEND_PAUSE_S)
            else:
                return


def _told(event: UploadEvent, fault: Fault) -> UploadEvent:
    return replace(event, error_code=fault.code, error_detail=fault.detail)


def _sweep(work_folder: Path) -> None:
    """Jobs that a crash cut short left their folders; the jobs themselves come back by their events."""
    work_folder.mkdir(parents=True, exist_ok=True)
    for leftover in work_folder.glob(f"{JOB_PREFIX}*"):
        shutil.rmtree(leftover, ignore_errors=True)
