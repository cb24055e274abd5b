"""What every ffmpeg command of a job shares: how a clip is opened, and the flags around it. Rules file."""

from __future__ import annotations

from typing import Any

import ffmpeg

from origin.clips import TIMELINE_START_S
from packager.plan import EncodePlan, Means

DECODERS = (
    "h264,hevc,libdav1d,libaom-av1,av1,vp9,mpeg4,mjpeg,prores,h263,"
    "aac,mp3,mp3float,opus,libopus,alac,ac3,eac3,amrnb,amrwb,flac,"
    "pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_f32le"
)
"""The decoders behind `admission.VIDEO_CODECS` and `AUDIO_CODECS`; ffmpeg refuses all others."""
MAX_ALLOCATION = 300_000_000


def clip_input(plan: EncodePlan, means: Means, **options: Any) -> Any:
    """The uploaded clip, opened as what it is admitted for and nothing else."""
    return ffmpeg.input(
        plan.path,
        f="mov",  # never guess: a script or playlist named .mp4 would read other files
        protocol_whitelist="file",  # nothing inside the file may open a network address
        codec_whitelist=DECODERS,
        max_pixels=means.max_pixels,  # an 8192x8192 picture fits into 200 kB and takes 370 MB to decode
        max_streams=means.max_streams,
        threads=means.threads,
        t=means.max_duration_s,  # whatever the header said
        **options,
    )


def rendition_input(file: str, means: Means) -> Any:
    """A rendition of our own making, or the clip's pictures as remuxed, which are no safer than the clip."""
    return ffmpeg.input(
        file,
        f="mov",
        protocol_whitelist="file",
        codec_whitelist=DECODERS,
        max_pixels=means.max_pixels,
        threads=means.threads,
    )


def wave_input(file: str, codec: str) -> Any:
    """Sound of our own making, in samples of `codec`."""
    return ffmpeg.input(file, f="wav", protocol_whitelist="file", codec_whitelist=codec)


def output(stream: Any, file: str, **options: Any) -> Any:
    return ffmpeg.output(stream, file, **options)


def command(means: Means, outputs: list[Any], *, log: str = "error") -> tuple[str, ...]:
    """The argument vector."""
    flags = [
        means.ffmpeg,
        "-nostdin",  # a terminal's keys must not steer it
        "-hide_banner",
        "-v", log,
        "-y",  # the working folder is ours, and a retry may meet its own leftovers
        "-max_alloc", str(MAX_ALLOCATION),
        # A damaged packet is concealed; a clip with more than one in fifty ends with exit code 69. (The default
        # lets 2 of 3 pass, and -xerror fails an hour's holiday for one flipped bit.)
        "-max_error_rate", "0.02",
        "-filter_complex_threads", str(means.threads),
        "-progress", "pipe:1",
        "-stats_period", "0.2",
    ]  # fmt: skip
    return tuple(ffmpeg.compile(ffmpeg.merge_outputs(*outputs), cmd=flags))


def branches(stream: Any, count: int) -> list[Any]:
    """The same pictures `count` times."""
    if count == 1:
        return [stream]
    split = stream.filter_multi_output("split", count)
    return [split.stream(number) for number in range(count)]


def cmaf() -> dict[str, Any]:
    """Options of every intermediate."""
    return {
        "map_metadata": -1,  # a phone's GPS position must not leave the house
        "map_chapters": -1,
        "fflags": "+bitexact",  # no encoder version and no clock in the bytes: names are hashes of them
        # delay_moov: with empty_moov Shaka misses the edit list and shifts the picture by its B-frames.
        "movflags": "+cmaf+frag_keyframe+delay_moov",
        # Else the end of a fragment stays in the muxer's buffer until the next one is written.
        "flush_packets": 1,
        "output_ts_offset": TIMELINE_START_S,
    }
