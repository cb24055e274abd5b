"""The way to the first publication. Shell.

Side by side: the first rung is encoded (or remuxed), the sound is measured and encoded, and keyframes of the clip are
taken, looked at by moderation, compared with what was taken down, and made a poster of.
As soon as the verdict and the sound are there, the rung may be published while it grows; nothing is before an Allow.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path

from origin.prints import Glimpses, Print
from packager.children import Children
from packager.encode import done_frames, first_argv
from packager.fragments import whole_fragments
from packager.growth import may_grow, seconds_in, worth_publishing
from packager.moderation.base import Allow, Verdict, stricter
from packager.package import Package
from packager.packing import POSTER_NAME, Packing
from packager.pictures import Poster, make_poster
from packager.plan import EncodePlan, Means, keyframe_samples, video_file
from packager.printing import make_glimpses, make_print
from packager.process import ProcessFailed
from packager.samples import SAMPLE_PATTERN, clip_samples_argv, rendition_samples_argv, sample_times
from packager.sound import check_argv, corrected, gain_for, measure_argv, read_loudness, sound_argv

logger = logging.getLogger(__name__)

GROWTH_POLL_S = 0.1
TOO_MANY_ERRORS = 69
"""ffmpeg's exit code beyond `-max_error_rate`."""


class CutShort(Exception):
    """The clip ends before its tables say, or too much of it is damaged."""


@dataclass(slots=True)
class FirstStage:
    """`judge` gives moderation's verdict on pictures, `recognise` that on the clip's print, and `resembles` says of
    glimpses of it whether that is waited for; `publish` takes a package; `report` a share of the encoding."""

    plan: EncodePlan
    means: Means
    children: Children
    packing: Packing
    judge: Callable[[tuple[Path, ...]], Awaitable[Verdict]]
    resembles: Callable[[Glimpses], Awaitable[bool]]
    recognise: Callable[[Print], Awaitable[Verdict]]
    publish: Callable[[Package], Awaitable[None]]
    report: Callable[[float], None]
    poster: Poster | None = None
    poster_s: Fraction = Fraction(0)
    """Second of the clip that the poster shows."""
    recognised: bool = False
    """Whether `verdict` is also on the whole clip's print."""
    _encoded: asyncio.Event = field(default_factory=asyncio.Event)
    _known: Verdict | None = None
    _judged: Verdict | None = None
    _sound: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def verdict(self) -> Verdict | None:
        """There with the later of the two that make it."""
        if self._judged is None or self._known is None:
            return None
        return stricter(self._judged, self._known)

    async def run(self) -> None:
        """Encode first rung and sound; the verdict is there too if keyframes speak for the clip.

        Raises CutShort, ProcessError, and what the hooks raise, in an ExceptionGroup.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(self._encode_pictures())
            group.create_task(self._encode_sound())
            times = keyframe_samples(self.plan.video)
            if times:
                group.create_task(self._look(clip_samples_argv(self.plan, self.means, times), times))
                group.create_task(self._grow())

    async def moderate(self) -> None:
        """Look at the encoded rung, where keyframes could not be taken for the clip."""
        if self.verdict is None:
            await self._look(rendition_samples_argv(self.plan, self.means), ())

    async def _encode_pictures(self) -> None:
        frames = 0

        def take(line: str) -> None:
            nonlocal frames
            if (done := done_frames(line)) is not None:
                frames = done
                self.report(min(1.0, frames / self.plan.frames))

        await self._decoding(first_argv(self.plan, self.means), take)
        self._encoded.set()
        if frames != self.plan.frames:
            logger.info("clip ended early", extra={"frames": frames, "expected": self.plan.frames})
            raise CutShort

    async def _encode_sound(self) -> None:
        if self.plan.audio is not None:
            told = await self._decoding(measure_argv(self.plan, self.means))
            gain = gain_for(read_loudness(told), self.means)
            if gain.heard:
                told = await self._decoding(check_argv(self.means, gain))
                gain = corrected(gain, read_loudness(told), self.means)
            await self._decoding(sound_argv(self.plan, self.means, gain))
        self._sound.set()

    async def know(self) -> None:
        """Recognise the whole clip, unless that was done."""
        if not self.recognised:
            await self._recognise(urgent=False)

    async def _recognise(self, *, urgent: bool) -> None:
        run = partial(self._decoding, urgent=urgent)
        beside = not self.plan.remuxed
        if beside:
            await self._encoded.wait()
        found = await make_print(self.plan, self.means, self.children.work, run, beside=beside)
        self._known = await self.recognise(found)
        self.recognised = True

    async def _look(self, argv: tuple[str, ...], times: tuple[Fraction, ...]) -> None:
        try:
            await self._decoding(argv)
        except ProcessFailed:
            if not times:
                raise
            return  # keyframes that lean on others (open GOPs) come out of order; the encoded rung will be looked at
        wanted = sample_times(self.plan, times)
        pictures = await asyncio.to_thread(_existing, self.children.work, len(wanted))
        if times and len(pictures) < len(wanted):
            return  # keyframes do not stand where the table says; the encoded rung will be looked at
        if not pictures:
            raise CutShort
        target = self.children.work / POSTER_NAME
        async with asyncio.TaskGroup() as group:
            group.create_task(self._judge(pictures))
            group.create_task(self._glimpse(pictures))
            poster = await asyncio.to_thread(make_poster, pictures, target)
        self.poster, self.poster_s = poster, wanted[poster.sample]

    async def _judge(self, pictures: tuple[Path, ...]) -> None:
        self._judged = await self.judge(pictures)

    async def _glimpse(self, pictures: tuple[Path, ...]) -> None:
        if await self.resembles(await asyncio.to_thread(make_glimpses, pictures)):
            await self._recognise(urgent=True)
        else:
            self._known = Allow()

    async def _grow(self) -> None:
        """Publish what is encoded so far, again and again, while that runs ahead of a player."""
        began = time.monotonic()
        await self._sound.wait()
        file = self.children.work / video_file(self.plan.ladder.first)
        latest, speed = began, self.children.settings.growth_speed
        while not self._encoded.is_set() and self.packing.grown < len(self.plan.cuts):
            ends = await asyncio.to_thread(whole_fragments, file)
            now = time.monotonic()
            news = worth_publishing(len(ends), self.packing.grown, now - latest)
            if isinstance(self.verdict, Allow) and news and may_grow(seconds_in(len(ends)), now - began, speed):
                latest = now
                await self._publish_growing(ends)
            await asyncio.sleep(GROWTH_POLL_S)

    async def _publish_growing(self, ends: list[int]) -> None:
        if self.poster is None:
            return
        await self.packing.add_first()
        packed = await self.packing.pack_growing(ends)
        await asyncio.to_thread(copy_poster, self.children.work, packed)
        await self.publish(await self.packing.install(packed, self.poster, complete=False))

    async def _decoding(
        self, argv: tuple[str, ...], on_line: Callable[[str], None] | None = None, *, urgent: bool = False
    ) -> tuple[str, ...]:
        """Run a program over the clip; its last lines."""
        try:
            finished = await self.children.run(argv, float(self.plan.duration_s), on_line, urgent=urgent)
        except ProcessFailed as error:
            if error.returncode == TOO_MANY_ERRORS:
                raise CutShort from error
            raise
        return finished.stderr_tail


def copy_poster(work: Path, packed: Path) -> None:
    """Blocking."""
    (packed / POSTER_NAME).write_bytes((work / POSTER_NAME).read_bytes())


def _existing(folder: Path, count: int) -> tuple[Path, ...]:
    paths = (folder / (SAMPLE_PATTERN % number) for number in range(1, count + 1))
    return tuple(path for path in paths if path.exists())
