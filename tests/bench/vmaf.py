"""How near a rendition is to its clip, as VMAF v0.6.1 says: the harmonic mean of every seventh frame."""

from __future__ import annotations

import json
from pathlib import Path

from tests.bench.ladders import ffmpeg, frame_rate

TELEVISION = "version=vmaf_v0.6.1"
PHONE = f"{TELEVISION}:enable_transform=true"


def judged(clip: Path, rendition: Path, width: int, height: int, models: dict[str, str]) -> dict[str, float]:
    """Of a folder of segments against the clip as it is shown, both at this size; by the models' names."""
    whole, log = rendition.with_suffix(".mp4"), rendition.with_suffix(".json")
    parts = [rendition / "init.mp4", *sorted(rendition.glob("0*.m4s"))]
    whole.write_bytes(b"".join(part.read_bytes() for part in parts))
    # Both marked alike: else the graph takes unmarked pictures for BT.601, converts them, and clips lose to themselves.
    marks = "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv"
    # At the rendition's own rate: frames that stand still twice as long are judged by a stricter eye.
    rate = frame_rate(whole)
    scale = f"scale={width}:{height}:flags=bicubic,setsar=1,format=yuv420p"
    size = f"fps={rate},{scale},{marks},settb=1/({rate}),setpts=N"
    named = "|".join(f"{model}:name={name}" for name, model in models.items()).replace(":", "\\:")
    judge = f"libvmaf=n_threads=2:n_subsample=7:log_fmt=json:log_path={log}:model='{named}'"
    graph = f"[0:v]{size}[a];[1:v]{size}[b];[a][b]{judge}"
    ffmpeg("-i", whole, "-i", clip, "-filter_complex", graph, "-f", "null", "-")
    pooled = json.loads(log.read_text())["pooled_metrics"]
    return {name: float(pooled[name]["harmonic_mean"]) for name in models}
