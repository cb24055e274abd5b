"""May this clip be packaged? Rules file. A refusal is final: trying again cannot change it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from packager.settings import UploadLimits
from packager.source import SourceInfo, VideoTrack

RefusalCode = Literal[
    "not_a_video",
    "no_video_track",
    "empty",
    "too_large",
    "too_long",
    "too_many_pixels",
    "too_many_streams",
    "unsupported_shape",
    "frame_rate_too_high",
    "unsupported_codec",
    "truncated",
]
"""Every reason for which a clip is not taken."""

VIDEO_CODECS = frozenset({"h264", "hevc", "av1", "vp9", "mpeg4", "mjpeg", "prores", "h263"})
AUDIO_CODECS = frozenset(
    {"aac", "mp3", "opus", "alac", "ac3", "eac3", "amr_nb", "amr_wb", "flac"}
    | {"pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_f32le"}
)
"""What phones, cameras and editors put into MP4 and MOV files; any other decoder stays out of reach."""
MISSING_SHARE = 0.02
"""A track that ends this much before its header says was cut off on its way here."""


@dataclass(frozen=True, slots=True)
class Accepted:
    source: SourceInfo
    video: VideoTrack


@dataclass(frozen=True, slots=True)
class Refused:
    """`detail` is a sentence for the clip's creator: what is wrong and what to do."""

    code: RefusalCode
    detail: str


NOT_A_VIDEO = Refused(
    "not_a_video", "This file is not an MP4 or MOV video. Choose a clip that was recorded or exported as one."
)
CUT_OFF = Refused("truncated", "The end of this clip is missing or damaged. Export it again and upload the new file.")


def admit(source: SourceInfo, limits: UploadLimits) -> Accepted | Refused:
    """Decide by the probe alone, before anything is decoded."""
    if source.size_bytes > limits.size_bytes:
        return Refused(
            "too_large",
            f"This clip has {source.size_bytes / 1e6:.0f} MB; at most {limits.size_bytes / 1e6:.0f} MB are taken.",
        )
    if source.streams > limits.streams:
        return Refused(
            "too_many_streams", f"This file has {source.streams} tracks; at most {limits.streams} are taken."
        )
    video = source.video
    if video is None:
        return Refused("no_video_track", "This file has sound but no picture. Choose a clip with video.")
    return (
        _refuse_codec(source, video)
        or _refuse_picture(video, limits)
        or _refuse_time(video, limits)
        or Accepted(source, video)
    )


def _refuse_codec(source: SourceInfo, video: VideoTrack) -> Refused | None:
    if video.codec not in VIDEO_CODECS:
        return Refused("unsupported_codec", _codec_detail("video", video.codec))
    if source.audio is not None and source.audio.codec not in AUDIO_CODECS:
        return Refused("unsupported_codec", _codec_detail("sound", source.audio.codec))
    return None


def _codec_detail(what: str, codec: str) -> str:
    name = codec or "an unknown format"
    return f"The {what} of this clip is stored as {name}, which cannot be read here. Export it as H.264 with AAC sound."


def _refuse_picture(video: VideoTrack, limits: UploadLimits) -> Refused | None:
    if video.coded_width * video.coded_height > limits.pixels:
        return Refused(
            "too_many_pixels",
            f"The picture is {video.coded_width}x{video.coded_height}; at most 4K (3840x2160) is taken.",
        )
    short, long = sorted((video.width, video.height))
    if short < limits.short_side:
        return Refused(
            "unsupported_shape",
            f"The picture is {video.width}x{video.height}; each side must have at least {limits.short_side} pixels.",
        )
    if long > limits.aspect * short:
        return Refused(
            "unsupported_shape",
            f"The picture is {video.width}x{video.height}; one side may be at most {limits.aspect:g} times the other.",
        )
    return None


def _refuse_time(video: VideoTrack, limits: UploadLimits) -> Refused | None:
    longest = limits.duration_ms + limits.duration_tolerance_ms
    if max(video.duration_ms, video.declared_ms) > longest:
        return Refused(
            "too_long",
            f"This clip is {max(video.duration_ms, video.declared_ms) / 1000:.0f} s long; "
            f"at most {limits.duration_ms / 1000:.0f} s are taken. Trim it and upload again.",
        )
    if video.frames == 0 or video.duration_ms == 0:
        return Refused("empty", "This clip has no frames. Record or export it again.")
    if video.frame_rate > limits.frame_rate:
        return Refused(
            "frame_rate_too_high",
            f"This clip has {float(video.frame_rate):.0f} frames a second; at most {limits.frame_rate:.0f} are taken.",
        )
    # Half a second of slack: recorders round the header's duration up to their own time scale.
    if video.duration_ms < video.declared_ms * (1 - MISSING_SHARE) - 500:
        return CUT_OFF
    return None
