"""Other ways to the same ladder, for `bench_packager`: the plain commands, and Shaka Streamer's own."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from packager.settings import PackagerSettings
from packager.tools import find_tools

TOOLS = find_tools(PackagerSettings())
# The plain way: one decode, four rungs and the sound, then one packager. No probe, pictures, moderation or stages.
PLAIN_RUNGS = ((1080, 23, 5000), (720, 23, 2500), (540, 23, 1400), (360, 24, 700))
STREAMER_RUNGS = (("1080p", 1080), ("720p", 720), ("480p", 480), ("360p", 360))
"""Of Shaka Streamer's default table: the four that are nearest to ours."""


def ffmpeg(*arguments: object) -> None:
    subprocess.run([TOOLS.ffmpeg, "-nostdin", "-v", "error", "-y", *map(str, arguments)], check=True)


def cpu_s(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def short_side(clip: Path) -> int:
    stream = _picture_track(clip)
    return min(stream["width"], stream["height"])


def frame_rate(rendition: Path) -> str:
    """As ffmpeg's filters take it: `30000/1001`."""
    return str(_picture_track(rendition)["r_frame_rate"])


def _picture_track(clip: Path) -> dict[str, Any]:
    asked = ["-v", "error", "-select_streams", "v:0", "-show_entries", "stream=width,height,r_frame_rate"]
    told = subprocess.run([TOOLS.ffprobe, *asked, "-of", "json", str(clip)], capture_output=True, text=True, check=True)
    return dict(json.loads(told.stdout)["streams"][0])


def plain_cpu_s(clip: Path) -> float:
    """CPU-seconds of `PLAIN_RUNGS` and the packager; rungs above the clip are left out."""
    with tempfile.TemporaryDirectory() as folder:
        before = cpu_s(resource.RUSAGE_CHILDREN)
        _plain(clip, Path(folder), [rung for rung in PLAIN_RUNGS if rung[0] <= short_side(clip)])
        return cpu_s(resource.RUSAGE_CHILDREN) - before


def _plain(clip: Path, folder: Path, rungs: list[tuple[int, int, int]]) -> None:
    scale = "scale='if(gt(iw,ih),-2,{0})':'if(gt(iw,ih),{0},-2)'"
    labels = [f"[s{number}]" for number in range(len(rungs))]
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
    ffmpeg(*arguments)
    streams = [
        f"in={folder}/{name}.mp4,stream={kind},init_segment={folder}/{name}/init.mp4,"
        f"segment_template={folder}/{name}/$Number%04d$.m4s,playlist_name={name}/main.m3u8"
        for name, kind in [*((f"v{side}", "video") for side, _, _ in rungs), ("a", "audio")]
    ]
    outputs = ["--mpd_output", f"{folder}/m.mpd", "--hls_master_playlist_output", f"{folder}/m.m3u8"]
    flags = ["--segment_duration", "2", "--generate_static_live_mpd", "--quiet"]
    subprocess.run([TOOLS.shaka_packager, *streams, *flags, *outputs], check=True, capture_output=True)


def streamer_cpu_s(streamer: Path, clip: Path) -> float:
    """CPU-seconds of Shaka Streamer's VOD pipeline with its own bit rates and encoder settings."""
    # It goes by width and height as a landscape has them, and knows nothing of display matrices.
    inputs = {"inputs": [{"name": str(clip.absolute()), "media_type": kind} for kind in ("video", "audio")]}
    wanted = [name for name, side in STREAMER_RUNGS if side <= short_side(clip)]
    pipeline = {
        "streaming_mode": "vod",
        "resolutions": wanted,
        "audio_codecs": ["aac"],
        "video_codecs": ["h264"],
        "manifest_format": ["dash", "hls"],
        "segment_size": 2,
        "segment_per_file": True,
    }
    with tempfile.TemporaryDirectory() as folder:
        # JSON is YAML too.
        for name, document in (("input.yaml", inputs), ("pipeline.yaml", pipeline)):
            (Path(folder) / name).write_text(json.dumps(document))
        command = [streamer, "-i", f"{folder}/input.yaml", "-p", f"{folder}/pipeline.yaml", "-o", f"{folder}/out"]
        paths = f"{streamer.parent}{os.pathsep}{os.environ.get('PATH', '')}"
        before = cpu_s(resource.RUSAGE_CHILDREN)
        subprocess.run(list(map(str, command)), check=True, capture_output=True, env={**os.environ, "PATH": paths})
        return cpu_s(resource.RUSAGE_CHILDREN) - before
