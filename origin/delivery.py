"""How a published file is sent to an edge: type, caching, coding, conditions, one range. Rules only.

Sources: RFC 9110 sections 8.8, 13 and 14, RFC 8216bis and the Apple authoring rules for the media types.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate

IMMUTABLE = "public, max-age=31536000, immutable"
"""Names under a content-addressed folder never change their bytes."""
UNTIL_READY = "public, max-age=2, stale-while-revalidate=60"
"""Playlists grow while renditions are being added."""
GROWING_PREFIX = "growing-"
"""Of the playlists that end where encoding is; the packager names them so."""
WHILE_GROWING = "public, max-age=1"
"""An old one is no help to a player that asks for the next segment, so it is never served stale."""
WHEN_READY = "public, max-age=60, stale-while-revalidate=600"
MISSING = "public, max-age=1"
"""A video may become playable at any moment."""

VIEWER, CREATOR = "reelway-viewer", "creator"
"""The request field by which an edge says that a token for the creator was shown. Answers about a private video vary
by it; edges set it themselves and take it from no client."""

MAX_COMPRESSED_BYTES = 4 * 1024 * 1024
"""Larger text is sent as it is."""

_TYPES = {
    "m3u8": "application/vnd.apple.mpegurl",
    "mpd": "application/dash+xml",
    "mp4": "video/mp4",
    "m4s": "video/iso.segment",
    "m4a": "audio/mp4",
    "aac": "audio/aac",
    "vtt": "text/vtt; charset=utf-8",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "avif": "image/avif",
    "json": "application/json",
}
_COMPRESSED = frozenset({"m3u8", "mpd", "vtt", "json"})
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_GZIP = re.compile(r"(?:^|,)\s*(?:x-)?gzip\s*(?:;\s*q=(?P<q>[0-9.]+)\s*)?(?:,|$)", re.IGNORECASE)
_TAG = re.compile(r'(?:W/)?("[^"]*")')


@dataclass(frozen=True, slots=True)
class Representation:
    """A file as it could be sent whole. `etag` is strong and quoted; `modified_s` epoch seconds."""

    name: str
    size_bytes: int
    etag: str
    modified_s: int
    cache_control: str
    tag: str
    """Surrogate key of the video."""
    gzip: bool = False
    private: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send: status, fields, and the bytes of the representation from `start` (inclusive) to `end`
    (exclusive).
    """

    status: int
    fields: Mapping[str, str]
    start: int = 0
    end: int = 0


def lifetime(name: str, *, ready: bool) -> str:
    """Cache-Control of a mutable name; `ready` when no further rendition will come."""
    if ready:
        return WHEN_READY
    return WHILE_GROWING if name.startswith(GROWING_PREFIX) else UNTIL_READY


def content_type(name: str) -> str:
    """The media type that a file's name tells."""
    return _TYPES.get(_extension(name), "application/octet-stream")


def compressible(name: str) -> bool:
    """Whether the file is text that is sent with gzip to those who take it."""
    return _extension(name) in _COMPRESSED


def wants_gzip(accept_encoding: str) -> bool:
    """Whether Accept-Encoding names gzip with a weight above zero."""
    match = _GZIP.search(accept_encoding)
    return match is not None and (match["q"] is None or match["q"].strip("0.") != "")


def plan(file: Representation, request: Mapping[str, str]) -> Plan:
    """Decide on a GET or HEAD; `request` has the request's fields by lower-case name."""
    fields = _fields(file)
    if _unchanged(file, request):
        kept = ("etag", "last-modified", "cache-control", "surrogate-key", "vary")
        return Plan(304, {name: fields[name] for name in kept if name in fields})
    span = _span(file, request)
    if span is None:
        return Plan(200, {**fields, "content-length": str(file.size_bytes)}, 0, file.size_bytes)
    start, end = span
    if start >= end:
        return Plan(416, {**fields, "content-range": f"bytes */{file.size_bytes}", "content-length": "0"})
    span_fields = {"content-range": f"bytes {start}-{end - 1}/{file.size_bytes}", "content-length": str(end - start)}
    return Plan(206, {**fields, **span_fields}, start, end)


def _fields(file: Representation) -> dict[str, str]:
    fields = {
        "content-type": content_type(file.name),
        "etag": file.etag,
        "last-modified": http_date(file.modified_s),
        "cache-control": file.cache_control,
        "surrogate-key": file.tag,
        "accept-ranges": "bytes",
        "x-content-type-options": "nosniff",
    }
    varies = ["Accept-Encoding"] * compressible(file.name) + [VIEWER] * file.private
    if varies:
        fields["vary"] = ", ".join(varies)
    if file.gzip:
        fields["content-encoding"] = "gzip"
    return fields


def _unchanged(file: Representation, request: Mapping[str, str]) -> bool:
    tags = request.get("if-none-match")
    if tags is not None:
        return tags.strip() == "*" or file.etag in {match[1] for match in _TAG.finditer(tags)}
    # Only the exact date that was given out: dates are compared as text, never parsed (RFC 9110 section
    # 13.1.3 allows it).
    return request.get("if-modified-since") == http_date(file.modified_s)


def _span(file: Representation, request: Mapping[str, str]) -> tuple[int, int] | None:
    """One range as a span clipped to the file, empty if unsatisfiable; None to send everything."""
    condition = request.get("if-range")
    if condition is not None and condition not in (file.etag, http_date(file.modified_s)):
        return None
    match = _RANGE.fullmatch(request.get("range", "").replace(" ", ""))
    if match is None or not (match[1] or match[2]):
        return None
    size = file.size_bytes
    if not match[1]:
        return max(0, size - int(match[2])), size
    first = int(match[1])
    if match[2] and int(match[2]) < first:
        return None
    return min(first, size), min(int(match[2]) + 1, size) if match[2] else size


def http_date(epoch_s: int) -> str:
    """IMF-fixdate of epoch seconds."""
    return formatdate(epoch_s, usegmt=True)


def _extension(name: str) -> str:
    return name.rpartition(".")[2].lower()
