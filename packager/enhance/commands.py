"""ffmpeg's arguments for AV1 renditions, and for the probes that choose their CRF. Rules file.

All outputs go to the working folder under the rung's name.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import accumulate

from packager.command import branches, clip_input, cmaf, command, output, rendition_input
from packager.encode import keyframes, picture, scaled, time_scale
from packager.enhance.candidates import AV1
from packager.enhance.quality import Sample
from packager.ladder import Rung
from packager.plan import EncodePlan, Means

PRESET = 6
"""Of SVT-AV1. At 720 lines it saved 51 % of a phone clip's H.264 bytes at equal VMAF; preset 8 saved 36 % for half of
its CPU, preset 4 saved 56 % for half as much again."""
QUICK = {"c:v": "libx264", "preset": "ultrafast", "qp": 0}
"""Without loss."""
EVERY_NTH = 3
"""Frame is judged: neighbours are coded alike."""
JUDGED_FILE = "vmaf.json"


def av1_track(rung: Rung) -> str:
    return f"{rung.name}{AV1}"


def av1_file(rung: Rung) -> str:
    return f"{av1_track(rung)}.mp4"


def reference_file(rung: Rung) -> str:
    return f"{rung.name}.reference.mp4"


def probe_file(rung: Rung) -> str:
    return f"{av1_track(rung)}.probe.mp4"


def references_argv(plan: EncodePlan, means: Means, samples: Sequence[Sample]) -> tuple[str, ...]:
    """The samples of the clip without loss, at every rung's size, from one decode."""
    rungs = plan.ladder.rungs
    only = [(sample.begin, sample.end) for sample in samples]
    pictures = branches(picture(clip_input(plan, means), plan, rungs[0], only), len(rungs))
    outputs = [
        output(
            scaled(stream, rung.width, rung.height, plan.video),
            reference_file(rung),
            **QUICK,
            video_track_timescale=time_scale(plan.ladder.frame_rate),
        )
        for stream, rung in zip(pictures, rungs, strict=True)
    ]
    return command(means, outputs)


def probe_argv(means: Means, rung: Rung, crf: int, samples: Sequence[Sample]) -> tuple[str, ...]:
    """The samples in AV1, each beginning with a keyframe as it will in the rendition."""
    ends = list(accumulate(sample.end - sample.begin for sample in samples))
    options = {**_av1(crf, means), **keyframes([0, *ends[:-1]], ends[-1])}
    return command(means, [output(rendition_input(reference_file(rung), means)["0"], probe_file(rung), **options)])


def judge_argv(means: Means, rung: Rung, pieces: Sequence[str]) -> tuple[str, ...]:
    """VMAF of files that hold the samples one after another, beside the reference, into JUDGED_FILE."""
    files = [*pieces, reference_file(rung)]
    inputs = [argument for file in files for argument in ("-f", "mov", "-protocol_whitelist", "file", "-i", file)]
    # Both marked alike, or one would be converted; both by number, so that frame meets frame.
    alike = (
        "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv,format=yuv420p,settb=1/30,setpts=N"
    )
    joined = "".join(f"[{number}:v]" for number in range(len(pieces))) + f"concat=n={len(pieces)}:v=1:a=0,{alike}[a]"
    judge = f"libvmaf=n_threads={means.threads}:n_subsample={EVERY_NTH}:log_fmt=json:log_path={JUDGED_FILE}"
    return (
        means.ffmpeg, "-nostdin", "-hide_banner", "-v", "error", "-y", *inputs,
        "-filter_complex_threads", str(means.threads),
        "-filter_complex", f"{joined};[{len(pieces)}:v]{alike}[b];[a][b]{judge}",
        "-f", "null", "-",
    )  # fmt: skip


def read_vmaf(text: str, samples: Sequence[Sample]) -> float:
    """The harmonic mean, 0-100. Raises ValueError where it is not of all frames that were to be judged."""
    document = json.loads(text)
    frames = sum(sample.end - sample.begin for sample in samples)
    judged = len(document["frames"])
    if judged != -(-frames // EVERY_NTH):
        raise ValueError(f"VMAF judged {judged} of {frames} frames, wanted is every {EVERY_NTH}rd")
    return float(document["pooled_metrics"]["vmaf"]["harmonic_mean"])


def av1_argv(plan: EncodePlan, means: Means, rung: Rung, crf: int) -> tuple[str, ...]:
    """A rung of the whole clip, with the keyframes of the H.264 one."""
    stream = scaled(picture(clip_input(plan, means), plan, rung), rung.width, rung.height, plan.video)
    options = {
        **_av1(crf, means),
        **keyframes(plan.cuts, plan.frames),
        "video_track_timescale": time_scale(plan.ladder.frame_rate),
        **cmaf(),
    }
    return command(means, [output(stream, av1_file(rung), **options)])


def _av1(crf: int, means: Means) -> dict[str, object]:
    return {
        "c:v": "libsvtav1",
        "preset": PRESET,
        "crf": crf,
        "pix_fmt": "yuv420p",
        "svtav1-params": f"scd=0:lp={means.threads}",
    }
