"""The loop that adds AV1 renditions to hot videos, one at a time, while its packager has no uploads in hand. Shell.

Several packagers look at the same hot list; a claim on the video in the metadata decides who makes its renditions.
Whatever goes wrong, the video plays on as it did: its status and what is published are not touched before the one
publication at the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from origin.metadata.base import MetadataError
from origin.model import Publication, Video
from origin.objects.base import Objects, ObjectStoreError
from packager.enhance.candidates import deserving
from packager.enhance.catalog import EnhancementCatalog
from packager.enhance.job import Enhanced, EnhancementJob, NothingGained
from packager.enhance.published import Unsuited
from packager.faults import classify
from packager.idle import Idle, IdleChildren, StillBusy
from packager.process import Usage
from packager.settings import EnhancementSettings, PackagerSettings
from packager.tools import find_tools

logger = logging.getLogger(__name__)
RENEWALS_PER_CLAIM = 4
PUBLISH_PAUSES_S = (1.0, 4.0, 15.0, 60.0)
"""A store that is away is waited for: minutes of CPU are in what is to be published."""


@dataclass(slots=True)
class EnhancerStats:
    """Counters since the start. `cpu_s` is that of the children that came to an end, probes included."""

    started: int = 0
    done: int = 0
    """Videos that got AV1 renditions."""
    nothing_gained: int = 0
    """Videos that AV1 makes too little smaller."""
    failed: int = 0
    abandoned: int = 0
    """Deleted or published anew meanwhile, claimed by another packager after all, kept waiting by uploads for as long
    as a claim lasts, or a store was away."""
    interrupted: int = 0
    """Child programs that gave way to an upload and began again."""
    running: int = field(default=0, metadata={"gauge": True})
    cpu_s: float = 0.0
    media_s: float = 0.0
    """Of the videos that are done."""


class _ClaimLost(Exception):
    """Another packager took the video, as this one was frozen for longer than its claim."""


class Enhancer:
    """Give it to a supervisor; cancel `run`. `work_folder`, an absolute path, belongs to this process alone."""

    def __init__(
        self,
        settings: EnhancementSettings,
        packaging: PackagerSettings,
        objects: Objects,
        catalog: EnhancementCatalog,
        idle: Idle,
        work_folder: Path,
    ) -> None:
        """Raises ToolMissing when ffmpeg, ffprobe or Shaka Packager is not there."""
        self.stats = EnhancerStats()
        self._settings = settings
        self._packaging = replace(
            packaging, threads=settings.threads, niceness=settings.niceness, output_bytes=settings.output_bytes
        )
        self._objects = objects
        self._catalog = catalog
        self._idle = idle
        self._work_folder = work_folder
        self._tools = find_tools(packaging)

    async def run(self) -> None:
        await asyncio.to_thread(shutil.rmtree, self._work_folder, ignore_errors=True)
        while True:
            await asyncio.sleep(self._settings.look_every_s)
            await self._idle.until_idle()
            await self.look()

    async def look(self) -> None:
        """Look at the hot list once, and enhance the hottest video that deserves it and that nobody else has taken."""
        try:
            hot = await self._catalog.hottest(self._settings.looked_at)
            for video in deserving(hot, self._settings.from_heat):
                owner = uuid.uuid4().hex
                if await self._catalog.claim(video.video_id, owner, self._settings.claim_ms):
                    await self._claimed(video, owner)
                    return
        except (MetadataError, ObjectStoreError) as error:
            logger.warning("hot videos cannot be looked at", extra={"error": str(error)})

    async def _claimed(self, video: Video, owner: str) -> None:
        self.stats.started += 1
        self.stats.running += 1
        rest_ms = 0
        try:
            rest_ms = await self._attempt(video, owner)
        finally:
            self.stats.running -= 1
            with contextlib.suppress(MetadataError):  # then the claim ends by itself
                await self._catalog.claim(video.video_id, owner, rest_ms)

    async def _attempt(self, video: Video, owner: str) -> int:
        """For how many milliseconds the video is to be left alone."""
        folder = self._work_folder / f"video-{video.video_id}"
        try:
            async with asyncio.TaskGroup() as group:
                keeping = group.create_task(self._keep(video.video_id, owner))
                rest_ms = await self._enhance(video, folder)
                keeping.cancel()
        except ExceptionGroup as errors:
            return self._after(video, errors.exceptions[0], folder)
        return rest_ms

    async def _enhance(self, video: Video, folder: Path) -> int:
        children = IdleChildren(
            clip=folder,
            work=folder / "work",
            settings=self._packaging,
            account=self._account,
            idle=self._idle,
            interrupted=self._interrupted,
            patience_s=self._settings.claim_ms / 1000,
        )
        job = EnhancementJob(self._packaging, self._settings.least_gain, self._tools, self._objects, folder)
        result = await job.run(video, children)
        told = {"video_id": video.video_id, "saved": round(result.saved, 3), "cpu_s": round(children.usage.cpu_s, 1)}
        if isinstance(result, NothingGained):
            self.stats.nothing_gained += 1
            logger.info("AV1 gains too little", extra=told)
            return self._settings.rest_ms
        return await self._publish(video, result, told)

    async def _publish(self, video: Video, result: Enhanced, told: Mapping[str, object]) -> int:
        if not await self._is_published(video.video_id, result.publication):
            self.stats.abandoned += 1
            logger.info("enhancement abandoned", extra={**told, "reason": "deleted or published anew meanwhile"})
            return 0
        self.stats.done += 1
        self.stats.media_s += result.media_s
        logger.info("enhanced", extra={**told, "revision": result.publication.revision, "media_s": result.media_s})
        # Who looked at the hot list just before takes it for a video without AV1.
        return self._settings.claim_ms

    async def _is_published(self, video_id: int, publication: Publication) -> bool:
        for pause_s in PUBLISH_PAUSES_S:
            try:
                return await self._catalog.publish(video_id, publication)
            except (MetadataError, ObjectStoreError) as error:
                logger.warning("AV1 waits to be published", extra={"video_id": video_id, "error": str(error)})
                await asyncio.sleep(pause_s)
        return await self._catalog.publish(video_id, publication)

    def _after(self, video: Video, error: Exception, folder: Path) -> int:
        fault = classify(error, str(folder))
        passing = fault.waits or isinstance(error, _ClaimLost | StillBusy)
        detail = {"video_id": video.video_id, "code": fault.code, "detail": fault.detail}
        if passing:
            self.stats.abandoned += 1
            logger.info("enhancement abandoned", extra=detail)
            # Others are tried before the one that a store did not give or take.
            return self._settings.claim_ms if fault.waits else 0
        self.stats.failed += 1
        known = fault.code != "internal" or isinstance(error, Unsuited)
        logger.warning("enhancement failed", extra=detail, exc_info=None if known else error)
        return self._settings.rest_ms

    async def _keep(self, video_id: int, owner: str) -> None:
        while True:
            await asyncio.sleep(self._settings.claim_ms / 1000 / RENEWALS_PER_CLAIM)
            with contextlib.suppress(MetadataError):
                if not await self._catalog.claim(video_id, owner, self._settings.claim_ms):
                    raise _ClaimLost

    def _account(self, usage: Usage) -> None:
        self.stats.cpu_s += usage.cpu_s

    def _interrupted(self) -> None:
        self.stats.interrupted += 1
