"""One upload event's job: fetch the clip, package it, publish what is ready, tell the catalog. Shell."""

from __future__ import annotations

import asyncio
import logging
import shutil
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path

from origin.eventlog.base import EventLogError
from origin.events import UploadEvent
from origin.metadata.base import MetadataError
from origin.model import WATCHABLE, Failure, Video, VideoStatus
from origin.objects.base import Objects, ObjectStoreError
from origin.prints import Glimpses, Print
from origin.progress.base import Packaging, Stage
from origin.reuploads import Recognised
from packager.admission import Refused
from packager.catalog import Catalog
from packager.moderation.base import Allow, Evidence, Moderation, Reject, Review, Verdict
from packager.package import Hooks, NotPackaged, Package
from packager.pipeline import package_file
from packager.process import Usage
from packager.publish import upload
from packager.settings import PackagerSettings
from packager.tools import Tools
from packager.work_folder import local_clip, make_work_folder

logger = logging.getLogger(__name__)

REPORT_EVERY_S = 0.5
DELETED = "deleted by its creator"
TAKEN_DOWN_BEFORE = "taken_down_before"
KNOWN = "This clip was taken down before, so it is not shown again."
NOTHING_LEFT = "deleted by its creator, or finished by another packager"


class JobEnd(Enum):
    PUBLISHED = auto()
    REFUSED = auto()
    """Failed or rejected, for good."""
    HELD = auto()
    """A person is to decide."""
    ABANDONED = auto()
    """There was nothing to do, or not any more: deleted, or decided by an earlier delivery."""


@dataclass(frozen=True, slots=True)
class JobOutcome:
    end: JobEnd
    media_s: float = 0.0
    review: str = ""
    """Of a held clip: what made moderation unsure."""


class _Abandoned(Exception):
    """There is nothing more to do for the video; unwinds the job."""


@dataclass(slots=True)
class _Progress:
    """Handed from the pipeline's callback, which must not wait, to the task that tells the catalog."""

    value: float = 0.0
    packaging: Packaging = Packaging(Stage.CHECKING)
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class UploadJob:
    """`folder` belongs to this job alone; it is made anew, and gone at the end. `usage` is valid after `run`."""

    def __init__(
        self,
        settings: PackagerSettings,
        tools: Tools,
        objects: Objects,
        catalog: Catalog,
        moderation: Moderation,
        folder: Path,
    ) -> None:
        self.usage = Usage()
        self._settings = settings
        self._tools = tools
        self._objects = objects
        self._catalog = catalog
        self._moderation = moderation
        self._folder = folder
        self._progress = _Progress()
        self._deciding = False
        """This job is about to tell the video's end: to find it ended is no reason to stop any more."""

    async def run(self, event: UploadEvent) -> JobOutcome:
        """Raises whatever kept the job from its end (see `faults`); a clip that is refused is an end, not an error."""
        video = await self._catalog.begin_processing(event.video_id)
        if video is None:
            await self._announce_again(event.video_id)
            return JobOutcome(JobEnd.ABANDONED)
        try:
            await asyncio.to_thread(make_work_folder, self._folder, self._settings.free_bytes)
            return await self._watched(event, video)
        finally:
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def _announce_again(self, video_id: int) -> None:
        """An earlier start of this job may have been cut short between the last publication and its announcement."""
        video = await self._catalog.video(video_id)
        if video is not None and video.status in WATCHABLE and video.publication is not None:
            await self._catalog.publish(video_id, video.publication, video.status)

    async def _watched(self, event: UploadEvent, video: Video) -> JobOutcome:
        """Package with a second task that reports progress and stops everything when the video is deleted or has ended
        (a frozen packager that thaws may find that another one did its work)."""
        outcome = JobOutcome(JobEnd.ABANDONED)
        try:
            async with asyncio.TaskGroup() as group:
                reporter = group.create_task(self._report(video.video_id))
                outcome = await self._package(event, video)
                reporter.cancel()
        except* _Abandoned as reasons:
            logger.info("job abandoned", extra={"video_id": video.video_id, "reason": str(reasons.exceptions[0])})
        return outcome

    async def _package(self, event: UploadEvent, video: Video) -> JobOutcome:
        key, most_bytes = video.raw_key or event.raw_s3_path, self._settings.limits.size_bytes
        clip = await local_clip(self._objects, key, self._folder, most_bytes)

        async def moderate(frames: tuple[Path, ...]) -> Verdict:
            if event.cleared:
                return Allow()
            evidence = Evidence(video.video_id, video.creator_id, video.description, frames)
            return await self._upheld(video.video_id, await self._moderation.judge(evidence))

        async def resembles(glimpses: Glimpses) -> bool:
            return not event.cleared and await self._catalog.resembles_taken_down(video.video_id, glimpses)

        async def recognise(print_: Print) -> Verdict:
            # Kept also of a clip that a person allowed: it may be taken down one day.
            found = await self._catalog.recognise(video.video_id, print_)
            if event.cleared:
                return Allow()
            return await self._upheld(video.video_id, verdict_on(found))

        async def publish(package: Package) -> None:
            await self._publish(video.video_id, package)

        hooks = Hooks(moderate, resembles, recognise, publish, report=self._note, account=self._account)
        result = await package_file(
            clip,
            self._folder / "out",
            work_folder=self._folder / "work",
            tools=self._tools,
            settings=self._settings,
            hooks=hooks,
        )
        if isinstance(result, NotPackaged):
            if isinstance(result.reason, Review):
                # Before the worker puts it into the queue: what is decided there must find it held.
                await self._catalog.hold(video.video_id)
                return JobOutcome(JobEnd.HELD, review=result.reason.reason)
            await self._refuse(video.video_id, result.reason)
            return JobOutcome(JobEnd.REFUSED)
        logger.info(
            "packaged",
            extra={"video_id": video.video_id, "cpu_s": round(self.usage.cpu_s, 2), "media_s": result.media_s},
        )
        return JobOutcome(JobEnd.PUBLISHED, result.media_s)

    async def _upheld(self, video_id: int, verdict: Verdict) -> Verdict:
        """A clip that plays does not go back to wait for a person: it was allowed once, by an earlier start of this
        job or as one that looks like nothing known. A rejection withdraws it."""
        if not isinstance(verdict, Review):
            return verdict
        video = await self._catalog.video(video_id)
        if video is None or video.status not in WATCHABLE:
            return verdict
        logger.info("a clip that plays goes on", extra={"video_id": video_id, "doubt": verdict.reason})
        return Allow()

    async def _publish(self, video_id: int, package: Package) -> None:
        current = await self._catalog.video(video_id)
        if _gone(current):
            raise _Abandoned(DELETED)
        revision = 1 + (current.publication.revision if current and current.publication else 0)
        publication = await upload(self._objects, video_id, package, revision)
        status = VideoStatus.READY if package.complete else VideoStatus.PLAYABLE
        self._deciding = package.complete
        if await self._catalog.publish(video_id, publication, status):
            if package.complete:
                await self._forget_before(video_id, revision - 1)
            return
        if _gone(await self._catalog.video(video_id)):
            # The deletion may have swept before these files arrived.
            await self._objects.delete_prefix(f"v/{video_id}/")
            raise _Abandoned(DELETED)
        raise _Abandoned("another worker published it")

    async def _forget_before(self, video_id: int, revision: int) -> None:
        """The manifests and posters of a rendition that grew, a dozen of each. The last but one may be on its way."""
        try:
            for old in range(1, revision):
                await self._objects.delete_prefix(f"v/{video_id}/r{old}/")
        except ObjectStoreError:
            logger.warning("old publications were left behind", extra={"video_id": video_id}, exc_info=True)

    async def _refuse(self, video_id: int, reason: Refused | Reject) -> None:
        failure = Failure(reason.code, reason.detail)
        logger.info("clip refused", extra={"video_id": video_id, "code": reason.code})
        self._deciding = True
        if isinstance(reason, Reject):
            await self._catalog.reject(video_id, failure)
        else:
            await self._catalog.fail(video_id, failure)

    def _account(self, usage: Usage) -> None:
        self.usage += usage

    def _note(self, value: float, packaging: Packaging) -> None:
        self._progress.value, self._progress.packaging = value, packaging
        self._progress.changed.set()

    async def _report(self, video_id: int) -> None:
        while True:
            await self._progress.changed.wait()
            self._progress.changed.clear()
            try:
                told = self._progress
                alive = await self._catalog.report_progress(video_id, told.value, told.packaging)
            except (MetadataError, EventLogError):
                # Progress is a courtesy; the publication that follows will tell whether the catalog is back.
                alive = True
            if not alive and not self._deciding:
                raise _Abandoned(NOTHING_LEFT)
            await asyncio.sleep(REPORT_EVERY_S)


def verdict_on(found: Recognised | None) -> Verdict:
    """On a clip that is like one that was taken down."""
    if found is None:
        return Allow()
    return Reject(TAKEN_DOWN_BEFORE, KNOWN) if found.certain else Review(str(found))


def _gone(video: Video | None) -> bool:
    return video is None or video.status is VideoStatus.DELETED
