"""The pictures' command lines: remux, first rung, other rungs. Rules file: plans in, argument vectors out."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from packager.command import branches, clip_input, cmaf, command, output
from packager.ladder import Rung
from packager.plan import EncodePlan, Means, video_file
from packager.prints import pictures_output
from packager.source import HDR_TRANSFERS, VideoTrack

MATRICES = {
    "smpte170m": "bt601",
    "bt470bg": "bt601",
    "fcc": "bt601",
    "smpte240m": "smpte240m",
    "bt2020nc": "bt2020",
    "bt2020c": "bt2020",
}
"""ffprobe's names of matrices other than BT.709, and the scaler's."""
NO_MESSAGES = "filter_units=remove_types=6"
"""Supplemental messages: captions that nobody announces, what an app left there, 700 bytes of an encoder's options."""
PRESET = {"preset": "superfast", "trellis": 1, "mbtree": 1, "rc-lookahead": 10}
"""What superfast leaves out and is worth its CPU: without trellis, sensor noise is quantised into blur, and without the
macroblock tree still backgrounds cost bytes. It needs three quarters of veryfast's CPU and, at the same VMAF, no more
bytes: noisy, drawn and screen material was tried."""
REFERENCE_WHITE = 203
"""cd/m2 (ITU-R BT.2408)."""
BT709 = 1
"""As ITU-T H.273 numbers primaries, transfer and matrix."""


def first_argv(plan: EncodePlan, means: Means) -> tuple[str, ...]:
    """Stage A: the first rung; where it is encoded the pictures of the clip's print, too, which costs no decoding."""
    return _remux_argv(plan, means) if plan.remuxed else _first_rung_argv(plan, means)


def rest_argv(plan: EncodePlan, means: Means) -> tuple[str, ...]:
    """Stage B: all other rungs from one decode. Same timeline and keyframes, so stage A's rung stays as it is."""
    rungs = plan.ladder.rest
    pictures = branches(picture(clip_input(plan, means), plan, rungs[0]), len(rungs))
    outputs = [_rung_output(picture, rung, plan, means) for picture, rung in zip(pictures, rungs, strict=True)]
    return command(means, outputs)


def done_frames(progress_line: str) -> int | None:
    """The frame count in one line of ffmpeg's `-progress` output, None for any other line."""
    key, _, value = progress_line.partition("=")
    return int(value) if key == "frame" and value.strip().isdigit() else None


def _remux_argv(plan: EncodePlan, means: Means) -> tuple[str, ...]:
    marks = f"colour_primaries={BT709}:transfer_characteristics={BT709}:matrix_coefficients={BT709}"
    pictures = output(
        clip_input(plan, means)[str(plan.video.index)],
        video_file(plan.ladder.first),
        **{
            "c:v": "copy",
            "bsf:v": f"{NO_MESSAGES},h264_metadata={marks}:video_full_range_flag=0",
            "video_track_timescale": time_scale(plan.ladder.frame_rate),
            **cmaf(),
        },
    )
    return command(means, [pictures])


def _first_rung_argv(plan: EncodePlan, means: Means) -> tuple[str, ...]:
    rung = plan.ladder.first
    shown, printed = branches(picture(clip_input(plan, means), plan, rung), 2)
    return command(means, [_rung_output(shown, rung, plan, means), pictures_output(printed, plan)])


def picture(clip: Any, plan: EncodePlan, largest: Rung, only: Sequence[tuple[int, int]] = ()) -> Any:
    """Decoded frames → exactly `plan.frames` SDR BT.709 frames at the ladder's rate. ffmpeg has already turned them.

    `only`: of these the runs from a frame's number up to, and without, another's.
    """
    rate = plan.ladder.frame_rate
    picture = (
        clip[str(plan.video.index)]
        # Constant rate first: frames that are dropped need no scaling. A late first frame is repeated from zero on.
        .filter("fps", fps=f"{rate.numerator}/{rate.denominator}", start_time=0)
        # The last frame's end is a matter of rounding; this makes the count exact in every rendition.
        .filter("tpad", stop_mode="clone", stop_duration=0.5)
        .filter("trim", end_frame=plan.frames)
    )
    if not plan.video.form.progressive:
        picture = picture.filter("bwdif", mode="send_frame")  # combed rows would be scaled into mush
    if only:
        wanted = "+".join(f"between(n,{begin},{end - 1})" for begin, end in only)
        tick = f"{rate.denominator}/{rate.numerator}"
        picture = picture.filter("select", wanted).filter("settb", tick).filter("setpts", "N")
    if plan.video.transfer in HDR_TRANSFERS:
        picture = tone_mapped(picture, largest)
    return picture


def tone_mapped(picture: Any, largest: Rung) -> Any:
    """PQ or HLG to BT.709 SDR. Scaled down first: float RGB costs 12 bytes a pixel.

    What is darker than half of reference white stays as it is; the white of paper comes out at three quarters of
    SDR's, and everything above it, up to a display of 1000 cd/m2, shares the rest.
    """
    return (
        picture.filter("scale", largest.width, largest.height)
        .filter("zscale", t="linear", npl=REFERENCE_WHITE)
        .filter("format", "gbrpf32le")
        .filter("zscale", p="bt709")
        .filter("tonemap", tonemap="mobius", param=0.5, peak=1000 / REFERENCE_WHITE, desat=0)
        .filter("zscale", t="bt709", m="bt709", r="tv")
        .filter("format", "yuv420p")
    )


def scaled(stream: Any, width: int, height: int, video: VideoTrack) -> Any:
    options: dict[str, str] = {"out_range": "tv"}  # cameras' full-range JPEG levels would wash out in players
    if (matrix := MATRICES.get(video.color_space)) and video.transfer not in HDR_TRANSFERS:
        options |= {"in_color_matrix": matrix, "out_color_matrix": "bt709"}
    return (
        stream.filter("scale", width, height, **options)
        .filter("setsar", 1)
        .filter("format", "yuv420p")
        # Only the filter tags the stream itself; the output options leave the transfer "unspecified".
        .filter(
            "setparams", colorspace="bt709", color_primaries="bt709", color_trc="bt709", range="tv"
        )
    )  # fmt: skip


def _rung_output(stream: Any, rung: Rung, plan: EncodePlan, means: Means) -> Any:
    options: dict[str, Any] = {
        "c:v": "libx264",
        **PRESET,
        "crf": rung.crf,
        "maxrate": rung.max_rate,
        "bufsize": rung.max_rate * 3 // 2,
        "profile:v": "high",
        "pix_fmt": "yuv420p",
        "threads": means.threads,
        **keyframes(plan.cuts, plan.frames),
        "forced_idr": 1,
        "sc_threshold": 0,
        "bsf:v": NO_MESSAGES,
        "video_track_timescale": time_scale(plan.ladder.frame_rate),
        **cmaf(),
    }
    return output(scaled(stream, rung.width, rung.height, plan.video), video_file(rung), **options)


def keyframes(cuts: Sequence[int], frames: int) -> dict[str, Any]:
    """Where segments begin and nowhere else, so that all rungs of all stages switch at the same frames."""
    return {"force_key_frames": "expr:" + "+".join(f"eq(n,{cut})" for cut in cuts), "g": frames + 1}


def time_scale(rate: Fraction) -> int:
    """One tick is a whole part of a frame: 90 kHz does not divide by 24000/1001."""
    return 90_000 if rate.denominator == 1 else rate.numerator
