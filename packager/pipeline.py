"""From a clip's file to a folder of published media. Shell: does what `job.next_step` says.

`out_folder` is what a viewer may be served from. Everything else lives in `work_folder` and can be thrown away.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar, assert_never

from packager.admission import CUT_OFF, Refused, admit
from packager.children import Children
from packager.encode import done_frames, rest_argv
from packager.extras import add_extras
from packager.first_stage import TOO_MANY_ERRORS, CutShort, FirstStage, copy_poster
from packager.job import (
    Done,
    EncodeFirst,
    EncodeRest,
    EndUnpublished,
    JobFacts,
    Moderate,
    Probe,
    Publish,
    Recognise,
    Step,
    next_step,
    packaging,
    progress,
)
from packager.package import Hooks, NotPackaged, Package, Packaged
from packager.packing import Packing
from packager.plan import EncodePlan, Means, means, plan_encoding
from packager.probe import probe
from packager.process import ProcessFailed
from packager.settings import PackagerSettings
from packager.tools import Tools

logger = logging.getLogger(__name__)


async def package_file(
    path: Path,
    out_folder: Path,
    *,
    work_folder: Path,
    tools: Tools,
    settings: PackagerSettings,
    hooks: Hooks | None = None,
) -> Packaged | NotPackaged:
    """Package one clip: probe, first rung beside moderation, publication, the other rungs, publication.

    `work_folder` must exist and belong to this job alone. Raises ProcessError where a child program failed for
    reasons that may pass, and what the hooks raise. Cancelling kills the running children.
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
    _children: Children = field(init=False)
    _means: Means = field(init=False)
    _plan: EncodePlan | None = None
    _packing: Packing | None = None
    _first: FirstStage | None = None
    _package: Package | None = None

    def __post_init__(self) -> None:
        self._children = Children(self.path.absolute(), self.work, self.settings, self.hooks.account)
        self._means = means(self.tools.ffmpeg, self.settings)

    async def to_the_end(self) -> Packaged | NotPackaged:
        await asyncio.to_thread(self.out.mkdir, parents=True, exist_ok=True)
        while True:
            step = next_step(self.facts)
            self._report(step, 0.0)
            match step:
                case Probe():
                    await self._probe()
                case EncodeFirst():
                    await self._guarded(known(self._first).run)
                    first = known(self._first)
                    self.facts = replace(
                        self.facts, first_encoded=True, verdict=first.verdict, recognised=first.recognised
                    )
                case Moderate():
                    await self._guarded(known(self._first).moderate)
                    self.facts = replace(self.facts, verdict=known(self._first).verdict)
                case Recognise():
                    await self._guarded(known(self._first).know)
                    self.facts = replace(self.facts, verdict=known(self._first).verdict, recognised=True)
                case EncodeRest():
                    await self._guarded(self._encode_rest)
                    self.facts = replace(self.facts, rest_encoded=True)
                case Publish():
                    await self._publish(step)
                case Done():
                    media_s = float(known(self._plan).duration_s)
                    return Packaged(known(self._package), self._children.usage, media_s)
                case EndUnpublished():
                    return NotPackaged(step.reason, self._children.usage)
                case _:
                    assert_never(step)

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        """A clip that turns out to be cut short is refused, wherever that shows. Of several faults the first counts."""
        try:
            await work()
        except CutShort:
            self.facts = replace(self.facts, admission=CUT_OFF)
        except BaseExceptionGroup as errors:
            first = _first_of(errors)
            if not isinstance(first, CutShort):
                raise first from errors
            self.facts = replace(self.facts, admission=CUT_OFF)

    async def _probe(self) -> None:
        found, usage = await probe(self.path, self.tools, self.settings.limits, self.work)
        self._children.add(usage)
        admission = found if isinstance(found, Refused) else admit(found, self.settings.limits)
        if isinstance(admission, Refused):
            self.facts = replace(self.facts, admission=admission)
            return
        plan = plan_encoding(str(self.path.absolute()), admission)
        logger.info("planned", extra={"encoded_because": plan.encoded_because, "rungs": len(plan.ladder.rungs)})
        language = (plan.audio.language if plan.audio else "") or self.settings.language
        self._plan = plan
        self._packing = Packing(plan, self.tools.shaka_packager, language, self._children, self.work, self.out)
        self._first = FirstStage(
            plan,
            self._means,
            self._children,
            self._packing,
            judge=self.hooks.moderate,
            resembles=self.hooks.resembles,
            recognise=self.hooks.recognise,
            publish=self._publish_growing,
            report=lambda share: self._report(EncodeFirst(), share),
        )
        self.facts = replace(self.facts, admission=admission, ladder=plan.ladder)

    async def _encode_rest(self) -> None:
        plan, frames = known(self._plan), 0

        def take(line: str) -> None:
            nonlocal frames
            if (done := done_frames(line)) is not None:
                frames = done
                self._report(EncodeRest(), min(1.0, frames / plan.frames))

        try:
            await self._children.run(rest_argv(plan, self._means), float(plan.duration_s), take)
        except ProcessFailed as error:
            if error.returncode == TOO_MANY_ERRORS:
                raise CutShort from error
            raise
        if frames != plan.frames:
            raise CutShort
        await known(self._packing).add_rest()

    async def _publish(self, step: Publish) -> None:
        packing, first = known(self._packing), known(self._first)
        await packing.add_first()
        packed = await packing.pack()
        await asyncio.to_thread(copy_poster, self.work, packed)
        if step.complete:
            await add_extras(known(self._plan), self._means, self._children, first.poster_s, packed)
        self._package = await packing.install(packed, known(first.poster), complete=step.complete)
        await self.hooks.publish(self._package)
        self.facts = replace(self.facts, first_published=True, all_published=step.complete)

    async def _publish_growing(self, package: Package) -> None:
        await self.hooks.publish(package)
        self.facts = replace(self.facts, growing=True)

    def _report(self, step: Step, share: float) -> None:
        self.hooks.report(progress(self.facts, step, share), packaging(self.facts, step, share))


def _first_of(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    first = errors.exceptions[0]
    return _first_of(first) if isinstance(first, BaseExceptionGroup) else first


T = TypeVar("T")


def known(value: T | None) -> T:
    if value is None:
        raise RuntimeError("a step ran before the step that it rests on")
    return value
