"""AV1 renditions for one video: choose a CRF for each rung by samples, encode, and put them beside H.264's. Shell.

Nothing that is published is touched: the new renditions lie in folders of their own, and the new manifests are stored
under the next revision, which the caller hands to the catalog.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from origin.model import Publication, Video
from origin.objects.base import Objects
from packager.admission import Refused, admit
from packager.encode import done_frames
from packager.enhance import commands, quality
from packager.enhance.candidates import AV1
from packager.enhance.manifests import with_av1_set, with_av1_variants
from packager.enhance.published import Published, Unsuited, read_published
from packager.idle import IdleChildren
from packager.ladder import FIRST_SHORT_SIDE, Rung
from packager.mux import AUDIO_TRACK, DASH_NAME, HLS_NAME, Track, folder_name, packager_argv
from packager.package import Package
from packager.packing import agree_on_target, complete_mpd, fresh_folder, sha256_of
from packager.plan import EncodePlan, Means, means, plan_encoding
from packager.probe import probe
from packager.publish import upload
from packager.settings import PackagerSettings
from packager.tools import Tools
from packager.work_folder import local_clip, make_work_folder

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Enhanced:
    """`publication` is stored and not yet in force; `saved` is the share of bytes by the samples, 0-1."""

    publication: Publication
    media_s: float
    saved: float


@dataclass(frozen=True, slots=True)
class NothingGained:
    """AV1 at the same quality saves less than is asked for."""

    saved: float


@dataclass(slots=True)
class EnhancementJob:
    """`folder`, an absolute path, belongs to this job alone; it is made anew, and gone at the end."""

    settings: PackagerSettings
    least_gain: float
    tools: Tools
    objects: Objects
    folder: Path

    async def run(self, video: Video, children: IdleChildren) -> Enhanced | NothingGained:
        """`children` run in `folder`/work. Raises Unsuited, ProcessError, the object store's errors, and ValueError for
        a manifest or a judgement that makes no sense."""
        try:
            await asyncio.to_thread(make_work_folder, self.folder, self._free_bytes())
            return await self._run(video, children)
        finally:
            await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)

    def _free_bytes(self) -> int:
        """For the samples without loss, too: those of all rungs together have less than twice the pixels of the top
        one's."""
        return self.settings.free_bytes + 2 * self.settings.output_bytes

    async def _run(self, video: Video, children: IdleChildren) -> Enhanced | NothingGained:
        if video.publication is None:
            raise Unsuited("nothing is published")
        clip = await local_clip(self.objects, video.raw_key, self.folder, self.settings.limits.size_bytes)
        children.clip = clip
        plan = await self._plan(clip, children)
        published = await read_published(self.objects, video.video_id, video.publication, plan)
        making = _Making(plan, means(self.tools.ffmpeg, self.settings), children, published)
        choices, saved = await making.choose()
        if saved < self.least_gain:
            return NothingGained(saved)
        for rung, crf in choices.items():
            await making.encode(rung, crf)
        package = await making.pack(self.tools.shaka_packager, self.settings.language)
        revision = video.publication.revision + 1
        added = await upload(self.objects, video.video_id, package, revision)
        publication = replace(
            video.publication,
            revision=revision,
            files={**video.publication.files, **added.files},
            renditions=(*video.publication.renditions, *added.renditions),
        )
        return Enhanced(publication, float(plan.duration_s), saved)

    async def _plan(self, clip: Path, children: IdleChildren) -> EncodePlan:
        found, usage = await probe(clip, self.tools, self.settings.limits, children.work)
        children.add(usage)
        admission = found if isinstance(found, Refused) else admit(found, self.settings.limits)
        if isinstance(admission, Refused):
            raise Unsuited(f"the clip would be refused now: {admission.code}")
        return plan_encoding(str(clip), admission)


@dataclass(frozen=True, slots=True)
class _Making:
    plan: EncodePlan
    means: Means
    children: IdleChildren
    published: Published

    async def choose(self) -> tuple[dict[Rung, int], float]:
        """A CRF for every rung, and the share of bytes that they save together."""
        plan, rungs = self.plan, self.plan.ladder.rungs
        samples = quality.choose_samples(plan.cuts, plan.frames, plan.ladder.frame_rate)
        await self._run(commands.references_argv(plan, self.means, samples))
        choices, h264_bytes = [], []
        for rung in rungs:
            h264 = await self.published.samples(rung, samples, self.children.work)
            wanted = quality.target(await self._vmaf(rung, h264.files, samples))
            choice = await self._choose(rung, wanted, samples)
            choices.append(choice)
            h264_bytes.append(h264.size_bytes)
            share = round(choice.size_bytes / h264.size_bytes, 3)
            logger.info(
                "chose a CRF", extra={"rung": rung.name, "vmaf": round(wanted, 2), "crf": choice.crf, "of_h264": share}
            )
        crfs = {rung: choice.crf for rung, choice in zip(rungs, choices, strict=True)}
        return crfs, quality.gain(choices, h264_bytes)

    async def _choose(self, rung: Rung, wanted: float, samples: tuple[quality.Sample, ...]) -> quality.Choice:
        probes: list[quality.Probe] = []
        while (crf := quality.next_crf(probes, wanted)) is not None:
            await self._run(commands.probe_argv(self.means, rung, crf, samples))
            file = commands.probe_file(rung)
            size = (await asyncio.to_thread((self.children.work / file).stat)).st_size
            probes.append(quality.Probe(crf, await self._vmaf(rung, (file,), samples), size))
        return quality.choose(probes, wanted)

    async def _vmaf(self, rung: Rung, pieces: tuple[str, ...], samples: tuple[quality.Sample, ...]) -> float:
        await self._run(commands.judge_argv(self.means, rung, pieces))
        judged = self.children.work / commands.JUDGED_FILE
        return commands.read_vmaf(await asyncio.to_thread(judged.read_text, "utf-8"), samples)

    async def encode(self, rung: Rung, crf: int) -> None:
        frames = 0

        def take(line: str) -> None:
            nonlocal frames
            if (done := done_frames(line)) is not None:
                frames = done

        argv = commands.av1_argv(self.plan, self.means, rung, crf)
        await self.children.run(argv, float(self.plan.duration_s), take)
        if frames != self.plan.frames:
            raise Unsuited(f"{rung.name} came out with {frames} of {self.plan.frames} frames")

    async def pack(self, shaka_packager: str, language: str) -> Package:
        """The AV1 tracks beside the sound, for the sake of the rates that variants are told with; the sound stays where
        it is."""
        work = self.children.work
        tracks = [await self._track(rung) for rung in self._in_order()]
        sound = await self.published.sound(work)
        beside = [] if sound is None else [Track(sound, AUDIO_TRACK, video=False)]
        packed = await asyncio.to_thread(fresh_folder, work / "packed")
        await self._run(packager_argv(shaka_packager, [*tracks, *beside], packed.name, language))
        folders = [track.folder for track in tracks]
        await asyncio.to_thread(self._complete, packed, [*folders, *(track.folder for track in beside)])
        return Package(
            complete=True,
            folder=packed,
            immutable=tuple(folders),
            mutable=(HLS_NAME, DASH_NAME),
            renditions=tuple(sorted(folders, key=lambda name: -int(name[1:].partition(AV1)[0]))),
            startup=(),
            duration_ms=0,
            width=0,
            height=0,
            thumbhash="",
        )

    def _complete(self, packed: Path, folders: list[str]) -> None:
        """Blocking."""
        agree_on_target([packed / folder for folder in folders])
        complete_mpd(packed / DASH_NAME)
        for name, add, published in (
            (HLS_NAME, with_av1_variants, self.published.hls),
            (DASH_NAME, with_av1_set, self.published.dash),
        ):
            path = packed / name
            path.write_text(add(published, path.read_text(encoding="utf-8")), encoding="utf-8")

    def _in_order(self) -> list[Rung]:
        """What players begin with is the first AV1 variant, too."""
        rungs = list(self.plan.ladder.rungs)
        first = next((rung for rung in rungs if rung.short_side <= FIRST_SHORT_SIDE), rungs[-1])
        return [first, *(rung for rung in rungs if rung is not first)]

    async def _track(self, rung: Rung) -> Track:
        file = commands.av1_file(rung)
        digest = await asyncio.to_thread(sha256_of, self.children.work / file)
        return Track(file, folder_name(commands.av1_track(rung), digest), video=True)

    async def _run(self, argv: tuple[str, ...]) -> None:
        await self.children.run(argv, float(self.plan.duration_s))
