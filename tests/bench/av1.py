"""What AV1 renditions save and cost, for `bench_packager`: the enhancement of one packaged clip, judged over all of it.

Of every rung the bytes in H.264 and AV1 and the VMAF of both (v0.6.1, at the rung's size, against the clip): the
harmonic mean of every seventh frame, which are as seldom keyframes as all are. The CRF was chosen by samples, so the
two VMAFs are near each other and not equal. What H.264 has above HIGHEST_TARGET, as a clip's own pictures have, does
not count.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from origin.model import Video, VideoStatus, Visibility
from origin.objects import Objects, open_objects
from packager.enhance.candidates import track_of
from packager.enhance.job import Enhanced, EnhancementJob
from packager.enhance.quality import HIGHEST_TARGET
from packager.idle import Idle, IdleChildren
from packager.ladder import plan_ladder
from packager.package import Package
from packager.publish import upload
from packager.settings import EnhancementSettings, PackagerSettings
from tests.bench.ladders import TOOLS
from tests.bench.vmaf import TELEVISION, judged


async def av1_measures(clip: Path, package: Package, folder: Path) -> dict[str, float]:
    """`folder` is empty; CPU includes the probes that choose the CRFs."""
    wanted = EnhancementSettings()
    settings = replace(
        PackagerSettings(), threads=wanted.threads, niceness=wanted.niceness, output_bytes=wanted.output_bytes
    )
    objects = open_objects(f"file://{folder}/objects")
    publication = await upload(objects, 1, package, 1)
    await objects.put("raw/1", await asyncio.to_thread(clip.read_bytes))
    ready, public = VideoStatus.READY, Visibility.PUBLIC
    video = Video(1, 1, "", ready, public, 0, raw_key="raw/1", publication=publication)
    job = EnhancementJob(settings, wanted.least_gain, TOOLS, objects, folder / "job")
    children = IdleChildren(
        clip=clip,
        work=job.folder / "work",
        settings=settings,
        account=lambda _: None,
        idle=Idle(),
        interrupted=lambda: None,
        patience_s=1,
    )
    result = await job.run(video, children)
    await _download(objects, folder / "out")
    await objects.close()
    if not isinstance(result, Enhanced):
        raise SystemExit(f"{clip} gains nothing by AV1: {result.saved:.3f}")
    found = await asyncio.to_thread(_compared, clip, package, folder, result.publication.renditions)
    cost = {
        "av1_cpu_s_per_media_s": children.usage.cpu_s / result.media_s,
        "av1_peak_rss_mb": children.usage.max_rss_bytes / 1e6,
    }
    return {**cost, "av1_saved_percent_by_samples": 100 * result.saved, **found}


async def _download(objects: Objects, out: Path) -> None:
    async for info in objects.list("v/1/"):
        path = out / info.key.removeprefix("v/1/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join([block async for block in objects.get(info.key)]))


def _compared(clip: Path, package: Package, folder: Path, renditions: tuple[str, ...]) -> dict[str, float]:
    folders = {track_of(name): folder / "out" / name for name in renditions}
    found: dict[str, float] = {}
    total = {"": 0, "av1": 0}
    lost = 0.0
    for rung in plan_ladder(package.width, package.height, Fraction(30)).rungs:
        vmafs = {}
        for codec in total:
            total[codec] += sum(file.stat().st_size for file in folders[f"{rung.name}{codec}"].glob("0*.m4s"))
            folder_of = folders[f"{rung.name}{codec}"]
            vmafs[codec] = judged(clip, folder_of, rung.width, rung.height, {"vmaf": TELEVISION})["vmaf"]
            found[f"vmaf_{rung.name}{codec}"] = vmafs[codec]
        lost = max(lost, min(vmafs[""], HIGHEST_TARGET) - vmafs["av1"])
    return {**found, "av1_vmaf_lost": lost, "av1_saved_percent": 100 * (1 - total["av1"] / total[""])}
