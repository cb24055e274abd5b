"""The frames that moderation looks at and the poster is chosen from. Rules file: argument vectors out."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from packager.command import clip_input, command, output, rendition_input
from packager.encode import tone_mapped
from packager.plan import EncodePlan, Means, even_samples, video_file
from packager.source import HDR_TRANSFERS, VideoTrack

SAMPLE_SHORT_SIDE = 720
SAMPLE_PATTERN = "sample%02d.jpg"
NEAR_S = 0.002
"""A timestamp as a filter sees it is rounded to the track's ticks."""


def clip_samples_argv(plan: EncodePlan, means: Means, times: Sequence[Fraction]) -> tuple[str, ...]:
    """The keyframes at `times` of the clip; of all others the decoder is given the first alone.

    Phones write a keyframe a second, so decoding every one of them costs four times as much.
    """
    # A clip may carry its parameter sets in its first keyframe only.
    others = f"not(eq(n,0)+{_near('pts*tb', times)})".replace(",", "\\,")
    options = {"skip_frame": "nokey", f"bsf:{plan.video.index}": f"noise=drop={others}"}
    picture = clip_input(plan, means, **options)[str(plan.video.index)].filter("select", _near("t", times))
    if plan.video.transfer in HDR_TRANSFERS:
        picture = tone_mapped(picture, plan.ladder.first)
    return command(means, [_pictures(picture, plan.video)])


def _near(timestamp: str, times: Sequence[Fraction]) -> str:
    """ffmpeg's expression: not 0 where `timestamp` is one of `times`."""
    return "+".join(f"between({timestamp},{float(time) - NEAR_S:.6f},{float(time) + NEAR_S:.6f})" for time in times)


def rendition_samples_argv(plan: EncodePlan, means: Means) -> tuple[str, ...]:
    """Frames spread evenly over the first rung."""
    wanted = "+".join(f"eq(n,{frame})" for frame in even_samples(plan.frames))
    pictures = rendition_input(video_file(plan.ladder.first), means)["0"].filter("select", wanted)
    return command(means, [_pictures(pictures, plan.video)])


def sample_times(plan: EncodePlan, times: Sequence[Fraction]) -> tuple[Fraction, ...]:
    """Seconds of the sample pictures: `times`, or those of the rendition's when these are none."""
    return tuple(times) or tuple(frame / plan.ladder.frame_rate for frame in even_samples(plan.frames))


def _pictures(picture: Any, video: VideoTrack) -> Any:
    factor = min(1, SAMPLE_SHORT_SIDE / min(video.width, video.height))
    width, height = (max(2, 2 * round(side * factor / 2)) for side in (video.width, video.height))
    return output(
        picture.filter("scale", width, height, out_range="pc").filter("setsar", 1),
        SAMPLE_PATTERN,
        f="image2",
        fps_mode="passthrough",
        map_metadata=-1,
        pix_fmt="yuvj420p",
        **{"c:v": "mjpeg", "q:v": 3},
    )
