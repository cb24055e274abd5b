"""The encoder's command graphs. Rules file: frozen plans in, argument vectors out; a reason at every flag.

Timeline: every rendition of a clip starts at presentation time 1 s. Shaka Packager cuts segments at multiples of
2 s, so the first segment is 1 s long and all others 2 s, for video and audio alike: a player starts one second of
bytes earlier, and the rest is not chopped finer for it. HLS players map the first timestamp to zero, and Shaka writes
the same second into the MPD as `presentationTimeOffset`. A second of room also means that the AAC priming samples
need no negative time: sound stays within a sample of the picture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import ffmpeg

from packager.ladder import Ladder, Rung
from packager.source import HDR_TRANSFERS, AudioTrack, VideoTrack

TIMELINE_START_S = 1
SEGMENT_S = 2
SAMPLES = 8
"""Frames taken over the clip for moderation, poster and ThumbHash."""
SAMPLE_SHORT_SIDE = 720
AUDIO_FILE = "a128.mp4"
AUDIO_BIT_RATE = 128_000
SAMPLE_PATTERN = "sample%02d.jpg"
DECODERS = (
    "h264,hevc,libdav1d,libaom-av1,av1,vp9,mpeg4,mjpeg,prores,h263,"
    "aac,mp3,mp3float,opus,libopus,alac,ac3,eac3,amrnb,amrwb,flac,"
    "pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_f32le"
)
"""The decoders behind `admission.VIDEO_CODECS` and `AUDIO_CODECS`; ffmpeg refuses all others."""
MAX_ALLOCATION = 300_000_000


@dataclass(frozen=True, slots=True)
class EncodePlan:
    """One clip's encoding: `path` is the clip, outputs go to the working folder under the rungs' names."""

    ffmpeg: str
    path: str
    video: VideoTrack
    audio: AudioTrack | None
    ladder: Ladder
    threads: int
    max_pixels: int
    max_streams: int
    max_duration_s: int
    loudness_lufs: float
    true_peak_dbtp: float

    @property
    def frames(self) -> int:
        """Frames of every rendition, exactly."""
        return max(1, round(Fraction(self.video.duration_ms, 1000) * self.ladder.frame_rate))

    @property
    def duration_s(self) -> Fraction:
        return self.frames / self.ladder.frame_rate


def video_file(rung: Rung) -> str:
    """The intermediate of a rung, in the working folder."""
    return f"{rung.name}.mp4"


def sample_frames(frames: int) -> tuple[int, ...]:
    """Frame numbers in the middles of SAMPLES equal parts of the clip; fewer for a very short clip."""
    parts = min(SAMPLES, frames)
    return tuple((2 * part + 1) * frames // (2 * parts) for part in range(parts))


def first_argv(plan: EncodePlan) -> tuple[str, ...]:
    """Stage A: the first rung, the sound and the sample frames, from one decode."""
    clip = _input(plan)
    picture, samples = _branches(_picture(clip, plan, plan.ladder.first), 2)
    outputs = [_rung_output(picture, plan.ladder.first, plan), _samples_output(samples, plan)]
    if plan.audio is not None:
        outputs.append(_audio_output(clip[str(plan.audio.index)], plan))
    return _argv(plan, outputs)


def rest_argv(plan: EncodePlan) -> tuple[str, ...]:
    """Stage B: all other rungs from one decode. Same timeline and keyframes, so stage A's rung stays as it is."""
    rungs = plan.ladder.rest
    branches = _branches(_picture(_input(plan), plan, rungs[0]), len(rungs))
    return _argv(plan, [_rung_output(branch, rung, plan) for branch, rung in zip(branches, rungs, strict=True)])


def done_frames(progress_line: str) -> int | None:
    """The frame count in one line of ffmpeg's `-progress` output, None for any other line."""
    key, _, value = progress_line.partition("=")
    return int(value) if key == "frame" and value.strip().isdigit() else None


def _input(plan: EncodePlan) -> Any:
    return ffmpeg.input(
        plan.path,
        f="mov",  # never guess: a script or playlist named .mp4 would read other files
        protocol_whitelist="file",  # nothing inside the file may open a network address
        codec_whitelist=DECODERS,
        max_pixels=plan.max_pixels,  # an 8192x8192 picture fits into 200 kB and takes 370 MB to decode
        max_streams=plan.max_streams,
        threads=plan.threads,
        t=plan.max_duration_s,  # whatever the header said
    )


def _argv(plan: EncodePlan, outputs: list[Any]) -> tuple[str, ...]:
    command = [
        plan.ffmpeg,
        "-nostdin",  # a terminal's keys must not steer it
        "-hide_banner",
        "-v", "error",
        "-y",  # the working folder is ours, and a retry may meet its own leftovers
        "-max_alloc", str(MAX_ALLOCATION),
        # A damaged packet is concealed; a clip with more than one in fifty ends with exit code 69. (The default
        # lets 2 of 3 pass, and -xerror fails an hour's holiday for one flipped bit.)
        "-max_error_rate", "0.02",
        "-filter_complex_threads", str(plan.threads),
        "-progress", "pipe:1",
        "-stats_period", "0.5",
    ]  # fmt: skip
    return tuple(ffmpeg.compile(ffmpeg.merge_outputs(*outputs), cmd=command))


def _branches(stream: Any, count: int) -> list[Any]:
    if count == 1:
        return [stream]
    split = stream.filter_multi_output("split", count)
    return [split.stream(number) for number in range(count)]


def _picture(clip: Any, plan: EncodePlan, largest: Rung) -> Any:
    """Decoded frames → exactly `plan.frames` SDR BT.709 frames at the ladder's rate. ffmpeg has already turned them."""
    rate = plan.ladder.frame_rate
    picture = (
        clip[str(plan.video.index)]
        # Constant rate first: frames that are dropped need no scaling. A late first frame is repeated from zero on.
        .filter("fps", fps=f"{rate.numerator}/{rate.denominator}", start_time=0)
        # The last frame's end is a matter of rounding; this makes the count exact in every rendition.
        .filter("tpad", stop_mode="clone", stop_duration=0.5)
        .filter("trim", end_frame=plan.frames)
    )
    if plan.video.transfer in HDR_TRANSFERS:
        picture = _tone_mapped(picture, largest)
    return picture


def _tone_mapped(picture: Any, largest: Rung) -> Any:
    """PQ or HLG to BT.709 SDR. Scaled down first: float RGB costs 12 bytes a pixel."""
    return (
        picture.filter("scale", largest.width, largest.height)
        .filter("zscale", t="linear", npl=203)  # 203 cd/m2 is reference white (ITU-R BT.2408)
        .filter("format", "gbrpf32le")
        .filter("zscale", p="bt709")
        .filter("tonemap", tonemap="hable", desat=0)
        .filter("zscale", t="bt709", m="bt709", r="tv")
        .filter("format", "yuv420p")
    )


def _scaled(stream: Any, width: int, height: int, video: VideoTrack) -> Any:
    options: dict[str, str] = {"out_range": "tv"}  # cameras' full-range JPEG levels would wash out in players
    if video.color_space in {"smpte170m", "bt470bg", "fcc"} and video.transfer not in HDR_TRANSFERS:
        options |= {"in_color_matrix": "bt601", "out_color_matrix": "bt709"}
    return (
        stream.filter("scale", width, height, **options)
        .filter("setsar", 1)
        .filter("format", "yuv420p")
        # Only the filter tags the stream itself; the output options leave the transfer "unspecified".
        .filter(
            "setparams", colorspace="bt709", color_primaries="bt709", color_trc="bt709", range="tv"
        )
    )  # fmt: skip


def _rung_output(stream: Any, rung: Rung, plan: EncodePlan) -> Any:
    rate = plan.ladder.frame_rate
    options: dict[str, Any] = {
        "c:v": "libx264",
        "preset": "veryfast",  # the knee: superfast saves 15 % CPU and costs 40 % more bytes
        "crf": rung.crf,
        "maxrate": rung.max_rate,
        "bufsize": rung.max_rate * 3 // 2,
        "profile:v": "high",
        "pix_fmt": "yuv420p",
        "threads": plan.threads,
        # Keyframes at 0, 1, 3, 5, … s and nowhere else, so that all rungs of both stages switch at the same frames.
        "force_key_frames": f"expr:gte(t,if(eq(n_forced,0),0,{SEGMENT_S}*n_forced-{TIMELINE_START_S}))",
        "forced_idr": 1,
        "g": math.ceil(SEGMENT_S * rate) + 1,
        "sc_threshold": 0,
        # One tick is a whole part of a frame: 90 kHz does not divide by 24000/1001.
        "video_track_timescale": 90_000 if rate.denominator == 1 else rate.numerator,
        **_cmaf(),
    }
    return ffmpeg.output(_scaled(stream, rung.width, rung.height, plan.video), video_file(rung), **options)


def _audio_output(stream: Any, plan: EncodePlan) -> Any:
    sound = (
        # Holes and a late start become silence; the picture's timeline is the one that counts.
        stream.filter("aresample", **{"async": 1, "first_pts": 0})
        # Mixed down before it is measured: measured as 5.1, the stereo mix comes out 3 LU too loud.
        .filter("aformat", channel_layouts="stereo")
        .filter("loudnorm", I=plan.loudness_lufs, TP=plan.true_peak_dbtp)
        .filter("aresample", 48_000)  # loudnorm works at 192 kHz
        .filter("apad")  # sound that ends early: Apple's rule 8.3 wants tracks of the same length
    )
    return ffmpeg.output(
        sound,
        AUDIO_FILE,
        # Sound that is longer than the picture would make a last segment of a few milliseconds, which stalls players.
        t=f"{float(plan.duration_s):.6f}",
        ac=2,
        **{"c:a": "aac", "b:a": AUDIO_BIT_RATE},
        **_cmaf(),
    )


def _samples_output(stream: Any, plan: EncodePlan) -> Any:
    first = plan.ladder.first
    factor = min(1, SAMPLE_SHORT_SIDE / min(plan.video.width, plan.video.height))
    width, height = (
        (max(2, 2 * round(side * factor / 2)) for side in (plan.video.width, plan.video.height))
        if plan.video.transfer not in HDR_TRANSFERS
        else (first.width, first.height)
    )
    wanted = "+".join(f"eq(n,{frame})" for frame in sample_frames(plan.frames))
    picked = stream.filter("select", wanted).filter("scale", width, height, out_range="pc").filter("setsar", 1)
    return ffmpeg.output(
        picked,
        SAMPLE_PATTERN,
        f="image2",
        fps_mode="passthrough",
        map_metadata=-1,
        pix_fmt="yuvj420p",
        **{"c:v": "mjpeg", "q:v": 3},
    )


def _cmaf() -> dict[str, Any]:
    return {
        "map_metadata": -1,  # a phone's GPS position must not leave the house
        "map_chapters": -1,
        "fflags": "+bitexact",  # no encoder version and no clock in the bytes: names are hashes of them
        # delay_moov: with empty_moov Shaka misses the edit list and shifts the picture by its B-frames.
        "movflags": "+cmaf+frag_keyframe+delay_moov",
        "output_ts_offset": TIMELINE_START_S,
    }
