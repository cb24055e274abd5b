"""Captions of a video: WebVTT that its creator gives, shown by HLS and DASH players. Rules file.

A track is one file, whole, under a folder named by its content. The packager's manifests know nothing of captions;
they are written into them as they are sent, so that a track can come before, between and after the publications.

Sources: WebVTT (W3C), sections 4.1 and 6; RFC 8216 sections 3.5 and 4.3.4.1; ISO 23009-1; RFC 5646 for the tags.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from origin.clips import TIMELINE_START_S
from origin.model import Caption, Video, VideoStatus

MOST_BYTES = 128 * 1024
"""Of a track: a minute of speech has a few kilobytes."""
MOST_CUES = 2_000
MOST_LANGUAGES = 20
MOST_LABEL = 50
"""Characters."""
HLS, DASH = "hls.m3u8", "dash.mpd"
_GROUP = "captions"
_MPEG_TICKS_PER_S = 90_000
_TIME = r"(?:([0-9]{2,4}):)?([0-5][0-9]):([0-5][0-9])\.([0-9]{3})"
_TIMING = re.compile(rf"{_TIME}[ \t]+-->[ \t]+{_TIME}(?:[ \t].*)?")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z]{4})?(?:-(?:[A-Za-z]{2}|\d{3}))?(?:-[A-Za-z\d]{5,8}){0,2}")
_NAME = re.compile(r"captions-[0-9a-f]{16}/[A-Za-z0-9-]+\.(?:vtt|m3u8)")


_NOT_IN_LABELS = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})
_TURNING = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})


class BadTrack(ValueError):
    """What is wrong with a WebVTT file, and in which line."""


def canonical_language(tag: str) -> str | None:
    """A BCP 47 tag as it is written (`pt-BR`, `zh-Hant-TW`); None for what is no tag of a language."""
    if len(tag) > 35 or not _LANGUAGE.fullmatch(tag):
        return None
    first, *rest = tag.split("-")
    return "-".join([first.lower(), *map(_subtag, rest)])


def _subtag(text: str) -> str:
    if len(text) == 4:
        return text.title()
    return text.upper() if len(text) <= 3 else text.lower()


def checked_track(body: bytes) -> bytes:
    """A creator's WebVTT as it is kept: one kind of line end, and how its times map to the segments' own.

    Everything else passes through. Raises BadTrack.
    """
    if len(body) > MOST_BYTES:
        raise BadTrack(f"A track has at most {MOST_BYTES // 1024} KiB.")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadTrack(f"The track is not UTF-8: byte {error.start + 1} does not fit.") from error
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if not re.fullmatch(r"WEBVTT(?:[ \t].*)?", lines[0]):
        raise BadTrack("The first line must be WEBVTT.")
    if "\0" in text:
        raise BadTrack("The track holds a zero byte.")
    _check_cues(lines)
    # Some tools write a mapping for segments of their own.
    kept = [line for line in lines[1:] if not line.startswith("X-TIMESTAMP-MAP")]
    ticks = TIMELINE_START_S * _MPEG_TICKS_PER_S
    return "\n".join([lines[0], f"X-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:{ticks}", *kept]).encode()


def _check_cues(lines: Sequence[str]) -> None:
    cues, latest = 0, 0
    for number, line in enumerate(lines, start=1):
        if "-->" not in line:
            continue
        match = _TIMING.fullmatch(line.strip())
        if match is None:
            raise BadTrack(f"Line {number} is no timing such as 00:00:01.000 --> 00:00:02.500.")
        begin, end = _milliseconds(match.groups()[:4]), _milliseconds(match.groups()[4:])
        if end <= begin:
            raise BadTrack(f"Line {number}: the cue ends before it has begun.")
        if begin < latest:
            raise BadTrack(f"Line {number}: the cue begins before the one above it.")
        cues, latest = cues + 1, begin
    if not 1 <= cues <= MOST_CUES:
        raise BadTrack(f"A track has 1 to {MOST_CUES} cues, this one {cues}.")


def _milliseconds(parts: Sequence[str | None]) -> int:
    hours, minutes, seconds, fraction = (int(part or 0) for part in parts)
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + fraction


def label_fits(label: str) -> bool:
    """A line of plain text: no control characters, and nothing that turns what stands around it."""
    return len(label) <= MOST_LABEL and not any(
        unicodedata.category(sign) in _NOT_IN_LABELS or unicodedata.bidirectional(sign) in _TURNING for sign in label
    )


def caption_of(language: str, label: str, track: bytes) -> Caption:
    """`language` is canonical, `track` checked. Without a label the tag is shown."""
    return Caption(language, label or language, hashlib.sha256(track).hexdigest()[:16])


def file_name(caption: Caption) -> str:
    """The track's name under `/v/{video_id}/`."""
    return f"captions-{caption.digest}/{caption.language}.vtt"


def object_key(video_id: int, caption: Caption) -> str:
    return f"v/{video_id}/{file_name(caption)}"


@dataclass(frozen=True, slots=True)
class Rewriting:
    """How a file of the store is sent as another one: `mark` tells that representation's entity tag from the file's."""

    key: str
    mark: str
    apply: Callable[[str], str]


def rewriting(video: Video, name: str, key: str) -> Rewriting | None:
    """What captions change about the public name of a video's file, whose object is `key`; None: nothing.

    Manifests name them once no further rendition comes: a player that began with a growing playlist would see a
    group appear. Each track has an HLS playlist that is made of its place and the video's duration alone.
    """
    if name in (HLS, DASH) and video.captions and video.status is VideoStatus.READY:
        captions = video.captions
        mark = hashlib.sha256(repr(captions).encode()).hexdigest()[:16]
        return Rewriting(key, mark, lambda text: (_in_hls if name == HLS else _in_dash)(text, captions))
    if _NAME.fullmatch(name) and name.endswith(".m3u8") and video.publication is not None:
        duration_ms, track = video.publication.duration_ms, name.removesuffix(".m3u8") + ".vtt"
        playlist = _playlist(track.rpartition("/")[2], duration_ms)
        return Rewriting(f"v/{video.video_id}/{track}", f"list-{duration_ms}", lambda _: playlist)
    return None


def _playlist(track: str, duration_ms: int) -> str:
    seconds = max(1, duration_ms) / 1000
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:6",
        f"#EXT-X-TARGETDURATION:{max(1, int(seconds + 0.5))}",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        f"#EXTINF:{seconds:.3f},",
        track,
        "#EXT-X-ENDLIST",
    ]
    return "\n".join([*lines, ""])


def _in_hls(text: str, captions: Sequence[Caption]) -> str:
    """A multivariant playlist that offers the captions with every variant, shown to those who ask for them."""
    media = [
        f'#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="{_GROUP}",NAME="{name}",LANGUAGE="{each.language}",'
        f'DEFAULT=NO,AUTOSELECT=YES,FORCED=NO,URI="{file_name(each).removesuffix(".vtt")}.m3u8"'
        for each, name in zip(captions, _names(captions), strict=True)
    ]
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("#EXT-X-STREAM-INF:"):
            lines += media
            media = []
            lines.append(f'{line},SUBTITLES="{_GROUP}"')
        else:
            lines.append(line)
    return "\n".join([*lines, ""])


def _names(captions: Sequence[Caption]) -> list[str]:
    """Each another one (RFC 8216 section 4.3.4.1.1)."""
    labels = [_quotable(each.label) for each in captions]
    return [
        f"{label} ({each.language})" if labels.count(label) > 1 else label
        for each, label in zip(captions, labels, strict=True)
    ]


def _quotable(label: str) -> str:
    """A quoted string of a playlist has no quotes and no line ends (RFC 8216 section 4.2)."""
    return label.replace('"', "'")


def _in_dash(text: str, captions: Sequence[Caption]) -> str:
    sets = [
        f"""  <AdaptationSet contentType="text" mimeType="text/vtt" lang={quoteattr(each.language)}>
      <Label>{escape(each.label)}</Label>
      <Role schemeIdUri="urn:mpeg:dash:role:2011" value="caption"/>
      <Representation id="captions-{each.language}" bandwidth="1000">
        <BaseURL>{file_name(each)}</BaseURL>
      </Representation>
    </AdaptationSet>
"""
        for each in captions
    ]
    return text.replace("</Period>", f"{''.join(sets)}  </Period>")
