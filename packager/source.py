"""What an uploaded clip is, read from ffprobe's answers. Rules file: text in, frozen values out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from packager.packets import Packet, span_of
from packager.turning import mirrored, rotation

HDR_TRANSFERS = frozenset({"smpte2084", "arib-std-b67"})
"""PQ (SMPTE ST 2084) and HLG (ARIB STD-B67)."""
MAGIC_BYTES = 12
STILLS = frozenset({b"avif", b"heic", b"heix", b"mif1"})
"""Major brands of pictures, which would make a film of one frame."""


class UnreadableProbe(ValueError):
    """ffprobe's answer is not what its version documents, or it describes no movie."""


@dataclass(frozen=True, slots=True)
class AudioTrack:
    index: int
    """Stream number in the file."""
    codec: str
    language: str
    """ISO 639-2 code as tagged in the file; empty when unknown."""


@dataclass(frozen=True, slots=True)
class VideoForm:
    """How the pictures are stored; what decides whether they may be published as they are."""

    profile: str = ""
    level: int = 0
    """Ten times the H.264 level: 40 is level 4."""
    pixel_format: str = ""
    progressive: bool = False
    square_pixels: bool = False
    rotation: int = 0
    """Clockwise degrees a player turns the picture by: 0, 90, 180 or 270."""
    mirrored: bool = False
    """Whether a player exchanges left and right, or top and bottom, as well."""
    full_range: bool = False
    primaries: str = ""


@dataclass(frozen=True, slots=True)
class VideoTrack:
    index: int
    """Stream number in the file."""
    codec: str
    coded_width: int
    coded_height: int
    width: int
    """Display size in square pixels, after rotation and sample aspect."""
    height: int
    transfer: str
    color_space: str
    frame_rate: Fraction
    """Frames over presented time; for a variable rate the mean."""
    frames: int
    """Presented frames whose bytes are really in the file."""
    duration_ms: int
    """From the clip's start to the end of the last frame that is really in the file."""
    declared_ms: int
    """What the header promises."""
    form: VideoForm = VideoForm()
    time_base: Fraction = Fraction(1, 1000)
    """Seconds of one tick of `packets`."""
    start: Fraction = Fraction(0)
    """Second of the container's time line at which the clip begins."""
    packets: tuple[Packet, ...] = ()
    """In decoding order."""


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """A probed clip; sizes in pixels and bytes, times in milliseconds."""

    size_bytes: int
    streams: int
    video: VideoTrack | None
    audio: AudioTrack | None


def is_isobmff(head: bytes) -> bool:
    """True when a file's first bytes are the `ftyp` box of an ISO-BMFF movie (ISO 14496-12 section 4.3).

    Everything else (a playlist, a script, an SVG, a text) must never reach a demuxer that guesses.
    """
    boxed = len(head) >= MAGIC_BYTES and head[4:8] == b"ftyp" and int.from_bytes(head[:4], "big") >= MAGIC_BYTES
    return boxed and head[8:12] not in STILLS


def read_source(document: str, packets: tuple[Packet, ...], size_bytes: int) -> SourceInfo:
    """Build a SourceInfo from ffprobe's `-show_streams -show_format -of json` document and the video's packets.

    Raises UnreadableProbe when the document is not such an answer.
    """
    parsed = _parse(document)
    streams = _streams(parsed)
    container = parsed.get("format")
    container = container if isinstance(container, dict) else {}
    video = _first_video(streams)
    audio = next((stream for stream in streams if stream.get("codec_type") == "audio"), None)
    return SourceInfo(
        size_bytes=size_bytes,
        streams=len(streams),
        video=None if video is None else _video_track(video, container, packets),
        audio=None if audio is None else _audio_track(audio),
    )


def _parse(document: str) -> dict[str, Any]:
    try:
        parsed = json.loads(document)
    except (ValueError, RecursionError) as error:
        raise UnreadableProbe(f"not JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise UnreadableProbe("not a JSON object")
    return parsed


def _streams(parsed: Mapping[str, Any]) -> list[dict[str, Any]]:
    streams = parsed.get("streams", [])
    if not isinstance(streams, list) or not all(isinstance(stream, dict) for stream in streams):
        raise UnreadableProbe("no list of streams")
    return streams


def _first_video(streams: list[dict[str, Any]]) -> dict[str, Any] | None:
    for stream in streams:
        disposition = stream.get("disposition")
        picture = isinstance(disposition, dict) and disposition.get("attached_pic") == 1
        if stream.get("codec_type") == "video" and not picture:
            return stream
    return None


def _video_track(stream: dict[str, Any], container: dict[str, Any], packets: tuple[Packet, ...]) -> VideoTrack:
    coded_width, coded_height = _int(stream.get("width")), _int(stream.get("height"))
    form = _form(stream)
    width, height = _display_size(coded_width, coded_height, _ratio(stream.get("sample_aspect_ratio")), form.rotation)
    time_base = _ratio(stream.get("time_base")) or Fraction(1, 1000)
    span = span_of(packets)
    start = Fraction(0) if span is None else max(Fraction(0), _seconds(container.get("start_time")))
    duration = Fraction(0) if span is None else max(Fraction(0), span.end * time_base - start)
    shown = Fraction(0) if span is None else (span.end - span.start) * time_base
    frames = 0 if span is None else span.packets
    return VideoTrack(
        index=_int(stream.get("index")),
        codec=_text(stream.get("codec_name")),
        coded_width=coded_width,
        coded_height=coded_height,
        width=width,
        height=height,
        transfer=_text(stream.get("color_transfer")),
        color_space=_text(stream.get("color_space")),
        frame_rate=_frame_rate(stream, frames, shown),
        frames=frames,
        duration_ms=round(duration * 1000),
        declared_ms=_declared_ms(stream, container),
        form=form,
        time_base=time_base,
        start=start,
        packets=packets,
    )


def _form(stream: dict[str, Any]) -> VideoForm:
    return VideoForm(
        profile=_text(stream.get("profile")),
        level=_int(stream.get("level")),
        pixel_format=_text(stream.get("pix_fmt")),
        progressive=_text(stream.get("field_order")) in {"progressive", "unknown", ""},
        square_pixels=(_ratio(stream.get("sample_aspect_ratio")) or 1) == 1,
        rotation=rotation(stream),
        mirrored=mirrored(stream),
        full_range=_text(stream.get("color_range")) == "pc",
        primaries=_text(stream.get("color_primaries")),
    )


def _declared_ms(stream: dict[str, Any], container: dict[str, Any]) -> int:
    duration = _seconds(stream.get("duration")) or _seconds(container.get("duration"))
    return round(duration * 1000)


def _frame_rate(stream: dict[str, Any], frames: int, shown: Fraction) -> Fraction:
    """The header's mean rate, unless the packets contradict it by more than 2 % (then theirs)."""
    declared = _ratio(stream.get("avg_frame_rate")) or Fraction(0)
    if frames < 2 or shown <= 0:
        return declared
    counted = Fraction(frames) / shown
    agrees = declared > 0 and abs(counted / declared - 1) <= Fraction(2, 100)
    return declared if agrees else counted.limit_denominator(1001)


def _display_size(width: int, height: int, sample_aspect: Fraction | None, rotation: int) -> tuple[int, int]:
    if sample_aspect and sample_aspect > 0:
        width = max(1, round(width * sample_aspect)) if width else 0
    return (height, width) if rotation in {90, 270} else (width, height)


def _audio_track(stream: dict[str, Any]) -> AudioTrack:
    tags = stream.get("tags")
    language = _text(tags.get("language")) if isinstance(tags, dict) else ""
    known = re.fullmatch(r"[a-z]{3}", language) is not None and language not in {"und", "mis", "zxx"}
    return AudioTrack(
        index=_int(stream.get("index")),
        codec=_text(stream.get("codec_name")),
        language=language if known else "",
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _int(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value) else 0


def _seconds(value: object) -> Fraction:
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,12}(\.\d{1,12})?", value):
        return Fraction(value)
    return Fraction(0)


def _ratio(value: object) -> Fraction | None:
    """`a/b` or `a:b` as a fraction; None for what is no positive ratio."""
    match = re.fullmatch(r"(\d{1,12})[/:](\d{1,12})", value) if isinstance(value, str) else None
    if match is None or int(match[1]) == 0 or int(match[2]) == 0:
        return None
    return Fraction(int(match[1]), int(match[2]))
