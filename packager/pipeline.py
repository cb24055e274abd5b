"""From a clip's file to a folder of published media. Shell: does what `job.next_step` says.

`out_folder` is what a viewer may be served from: a rendition's folder appears there whole (renamed into place), and the
manifests that name it are replaced after it. Everything else lives in `work_folder` and can be thrown away.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar, assert_never

from packager.admission import CUT_OFF, Refused, admit
from packager.encode import (
    AUDIO_FILE,
    SAMPLE_PATTERN,
    EncodePlan,
    done_frames,
    first_argv,
    rest_argv,
    sample_frames,
    video_file,
)
from packager.job import (
    Done,
    EncodeFirst,
    EncodeRest,
    EndRefused,
    EndRejected,
    JobFacts,
    Moderate,
    Probe,
    Publish,
    next_step,
    progress,
    stage_name,
)
from packager.ladder import Rung, plan_ladder
from packager.mux import (
    AUDIO_TRACK,
    FIRST_SEGMENT,
    INIT_NAME,
    Track,
    folder_name,
    packager_argv,
)
from packager.package import Hooks, NotPackaged, Package, Packaged, Startup
from packager.pictures import PREVIEW_S, Poster, make_poster, preview_argv, storyboard_argv
from packager.probe import probe
from packager.process import ProcessError, ProcessFailed, ProcessLimits, Usage, run
from packager.settings import PackagerSettings
from packager.storyboard import plan_storyboard, storyboard_vtt
from packager.tools import Tools

logger = logging.getLogger(__name__)

POSTER_NAME = "poster.jpg"
PREVIEW_NAME = "preview.webp"
STORYBOARD_NAME = "storyboard.vtt"
STORYBOARD_IMAGE = "storyboard.jpg"
TOO_MANY_ERRORS = 69
"""ffmpeg's exit code beyond `-max_error_rate`."""


async def package_file(
    path: Path,
    out_folder: Path,
    *,
    work_folder: Path,
    tools: Tools,
    settings: PackagerSettings,
    hooks: Hooks | None = None,
) -> Packaged | NotPackaged:
    """Package one clip: probe, first rung, moderation, publication, the other rungs, publication.

    `work_folder` must exist and belong to this job alone. Raises ProcessError where a child program failed for
    reasons that may pass, and what the hooks raise. Cancelling kills the running child.
    """
    run_of_job = _Job(path, out_folder, work_folder, tools, settings, hooks or Hooks())
    return await run_of_job.to_the_end()


@dataclass(slots=True)
class _Job:
    path: Path
    out: Path
    work: Path
    tools: Tools
    settings: PackagerSettings
    hooks: Hooks
    facts: JobFacts = JobFacts()
    usage: Usage = Usage()
    _plan: EncodePlan | None = None
    _poster: Poster | None = None
    _tracks: list[tuple[Rung | None, Track]] = field(default_factory=list)
    _package: Package | None = None

    async def to_the_end(self) -> Packaged | NotPackaged:
        await asyncio.to_thread(self.out.mkdir, parents=True, exist_ok=True)
        while True:
            step = next_step(self.facts)
            self.hooks.report(progress(self.facts, step, 0.0), stage_name(step))
            match step:
                case Probe():
                    await self._probe()
                case EncodeFirst() | EncodeRest():
                    await self._encode(step)
                case Moderate():
                    self.facts = replace(self.facts, verdict=await self.hooks.moderate(self._samples()))
                case Publish():
                    await self._publish(step)
                case Done():
                    return Packaged(_known(self._package), self.usage, float(_known(self._plan).duration_s))
                case EndRefused():
                    return NotPackaged(step.refusal, self.usage)
                case EndRejected():
                    return NotPackaged(step.rejection, self.usage)
                case _:
                    assert_never(step)

    async def _probe(self) -> None:
        found, usage = await probe(self.path, self.tools, self.settings.limits, self.work)
        self._account(usage)
        admission = found if isinstance(found, Refused) else admit(found, self.settings.limits)
        if isinstance(admission, Refused):
            self.facts = replace(self.facts, admission=admission)
            return
        video = admission.video
        ladder = plan_ladder(video.width, video.height, video.frame_rate)
        self._plan = EncodePlan(
            ffmpeg=self.tools.ffmpeg,
            path=str(self.path.absolute()),
            video=video,
            audio=admission.source.audio,
            ladder=ladder,
            threads=self.settings.threads,
            max_pixels=self.settings.limits.pixels,
            max_streams=self.settings.limits.streams,
            max_duration_s=math.ceil(self.settings.limits.duration_ms / 1000) + 1,
            loudness_lufs=self.settings.loudness_lufs,
            true_peak_dbtp=self.settings.true_peak_dbtp,
        )
        self.facts = replace(self.facts, admission=admission, ladder=ladder)

    async def _encode(self, step: EncodeFirst | EncodeRest) -> None:
        plan = _known(self._plan)
        first = isinstance(step, EncodeFirst)
        frames = 0

        def take(line: str) -> None:
            nonlocal frames
            if (done := done_frames(line)) is not None:
                frames = done
                self.hooks.report(progress(self.facts, step, min(1.0, frames / plan.frames)), stage_name(step))

        try:
            await self._child(first_argv(plan) if first else rest_argv(plan), self._limits(plan), take)
        except ProcessFailed as error:
            if error.returncode != TOO_MANY_ERRORS:
                raise
            self.facts = replace(self.facts, admission=CUT_OFF)
            return
        if frames != plan.frames:
            logger.info("clip ended early", extra={"frames": frames, "expected": plan.frames})
            self.facts = replace(self.facts, admission=CUT_OFF)
            return
        await self._name_tracks((plan.ladder.first,) if first else plan.ladder.rest)
        self.facts = replace(self.facts, first_encoded=True) if first else replace(self.facts, rest_encoded=True)

    async def _name_tracks(self, rungs: Sequence[Rung]) -> None:
        """Add the new rungs' tracks, the sound behind the first; the order is the order of the variants."""
        for rung in rungs:
            folder = folder_name(rung.name, await self._digest(video_file(rung)))
            self._tracks.append((rung, Track(video_file(rung), folder, video=True)))
        if _known(self._plan).audio is not None and all(rung for rung, _ in self._tracks):
            folder = folder_name(AUDIO_TRACK, await self._digest(AUDIO_FILE))
            self._tracks.append((None, Track(AUDIO_FILE, folder, video=False)))

    async def _publish(self, step: Publish) -> None:
        packed = self.work / ("packed-all" if step.complete else "packed-first")
        await asyncio.to_thread(_fresh_folder, packed)
        plan = _known(self._plan)
        tracks = [track for _, track in self._tracks]
        argv = packager_argv(self.tools.shaka_packager, tracks, packed.name, self._language(plan))
        await self._child(argv, self._limits(plan), None)
        if self._poster is None:
            self._poster = await asyncio.to_thread(make_poster, self._samples(), packed / POSTER_NAME)
        else:
            await asyncio.to_thread(shutil.copyfile, self.out / POSTER_NAME, packed / POSTER_NAME)
        if step.complete:
            await self._moving_pictures(plan, self._poster, packed)
        immutable, mutable = await asyncio.to_thread(_install, packed, self.out)
        self._package = self._describe(plan, self._poster, immutable, mutable, complete=step.complete)
        await self.hooks.publish(self._package)
        self.facts = replace(self.facts, first_published=True, all_published=step.complete)

    async def _moving_pictures(self, plan: EncodePlan, poster: Poster, packed: Path) -> None:
        rung = plan.ladder.first
        board = plan_storyboard(plan.duration_s, rung.width, rung.height)
        shown = float(sample_frames(plan.frames)[poster.sample] / plan.ladder.frame_rate)
        start = max(0.0, min(shown - 0.5, float(plan.duration_s) - PREVIEW_S))
        portrait = rung.width <= rung.height
        target = f"{packed.name}/{PREVIEW_NAME}"
        limits = self._limits(plan)
        await self._child(preview_argv(plan.ffmpeg, video_file(rung), start, target, portrait=portrait), limits, None)
        await self._child(storyboard_argv(plan.ffmpeg, video_file(rung), board, STORYBOARD_IMAGE), limits, None)
        folder = folder_name("story", await self._digest(STORYBOARD_IMAGE))
        text = storyboard_vtt(board, plan.duration_s, f"{folder}/{STORYBOARD_IMAGE}")
        await asyncio.to_thread(_place_storyboard, self.work / STORYBOARD_IMAGE, packed / folder, text)

    def _describe(
        self, plan: EncodePlan, poster: Poster, immutable: tuple[str, ...], mutable: tuple[str, ...], *, complete: bool
    ) -> Package:
        by_size = sorted(
            ((rung.short_side, track.folder) for rung, track in self._tracks if rung is not None), reverse=True
        )
        wanted = [track.folder for rung, track in self._tracks if rung in {None, plan.ladder.first}]
        names = [f"{folder}/{name}" for folder in wanted for name in (INIT_NAME, FIRST_SEGMENT)]
        return Package(
            complete=complete,
            folder=self.out,
            immutable=immutable,
            mutable=mutable,
            renditions=tuple(folder for _, folder in by_size),
            startup=tuple(Startup(name, (self.out / name).stat().st_size) for name in names),
            duration_ms=round(plan.duration_s * 1000),
            width=plan.video.width,
            height=plan.video.height,
            thumbhash=poster.thumbhash,
        )

    def _samples(self) -> tuple[Path, ...]:
        count = len(sample_frames(_known(self._plan).frames))
        return tuple(self.work / (SAMPLE_PATTERN % number) for number in range(1, count + 1))

    def _language(self, plan: EncodePlan) -> str:
        return (plan.audio.language if plan.audio else "") or self.settings.language

    def _limits(self, plan: EncodePlan) -> ProcessLimits:
        media_s = float(plan.duration_s)
        return ProcessLimits(
            wall_s=self.settings.base_wall_s + self.settings.wall_s_per_media_s * media_s,
            cpu_s=math.ceil(self.settings.base_wall_s + self.settings.cpu_s_per_media_s * media_s),
            address_space_bytes=self.settings.address_space_bytes,
            file_bytes=self.settings.output_bytes,
            niceness=self.settings.niceness,
        )

    async def _child(self, argv: Sequence[str], limits: ProcessLimits, on_line: Callable[[str], None] | None) -> None:
        try:
            finished = await run(argv, cwd=self.work, limits=limits, on_line=on_line)
        except ProcessError as error:
            self._account(error.usage)
            raise
        self._account(finished.usage)

    def _account(self, usage: Usage) -> None:
        self.usage += usage
        self.hooks.account(usage)

    async def _digest(self, name: str) -> bytes:
        return await asyncio.to_thread(_sha256, self.work / name)


T = TypeVar("T")


def _known(value: T | None) -> T:
    if value is None:
        raise RuntimeError("a step ran before the step that it rests on")
    return value


def _sha256(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _fresh_folder(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()


def _place_storyboard(image: Path, folder: Path, text: str) -> None:
    folder.mkdir()
    image.rename(folder / STORYBOARD_IMAGE)
    (folder.parent / STORYBOARD_NAME).write_text(text, encoding="utf-8")


def _install(packed: Path, out: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Move folders into place first, then the files that name them. A folder that is there has the same content."""
    entries = sorted(packed.iterdir())
    folders = [entry for entry in entries if entry.is_dir()]
    files = [entry for entry in entries if not entry.is_dir()]
    for folder in folders:
        if not (out / folder.name).exists():
            folder.rename(out / folder.name)
    for file in files:
        file.replace(out / file.name)
    return tuple(folder.name for folder in folders), tuple(file.name for file in files)
