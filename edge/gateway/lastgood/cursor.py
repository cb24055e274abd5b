"""The place in a feed from memory. Rules file.

`~`, base64url of feed id (8 bytes), position and a CRC-32 of each shown video id, `~`, and the feed's own cursor at
which the client was when the feed went away: with it the client goes on there once the feed is back. The feed's cursors
have no `~`. Like those it is no secret: a forged one changes what its sender is shown.
"""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from dataclasses import dataclass

from edge.gateway.cursors import BadCursor

_SIGN = "~"
_HEAD = struct.Struct(">8sI")
_MARK = struct.Struct(">I")
MARKS_MOST = 200
RESUME_MOST = 2100
"""Characters of a feed's own cursor."""
_OWN_MOST = 4 * (_HEAD.size + MARKS_MOST * _MARK.size + 2) // 3
POSITION_MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class Cursor:
    feed_id: bytes
    position: int
    """Of the next item."""
    marks: frozenset[int]
    """Of the videos shown from memory."""
    resume: str | None
    """Where the feed is to go on; None: at its beginning."""


def mark(video_id: int) -> int:
    """32 bits that stand for a video."""
    return zlib.crc32(video_id.to_bytes(8, "big"))


def is_ours(text: str) -> bool:
    return text.startswith(_SIGN)


def encode(cursor: Cursor) -> str:
    marks = b"".join(_MARK.pack(each) for each in sorted(cursor.marks)[:MARKS_MOST])
    own = _HEAD.pack(cursor.feed_id, min(cursor.position, POSITION_MOST)) + marks
    return _SIGN + base64.urlsafe_b64encode(own).rstrip(b"=").decode() + _SIGN + (cursor.resume or "")


def decode(text: str) -> Cursor:
    """A cursor that `is_ours`. Raises BadCursor."""
    own, found, resume = text[1:].partition(_SIGN)
    if not found or len(own) > _OWN_MOST:
        raise BadCursor("the cursor is not one of ours")
    try:
        data = base64.b64decode(own + "=" * (-len(own) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadCursor("the cursor is not base64url") from error
    if len(data) < _HEAD.size or (len(data) - _HEAD.size) % _MARK.size:
        raise BadCursor("the cursor has not the size of one")
    feed_id, position = _HEAD.unpack_from(data)
    if position > POSITION_MOST:
        raise BadCursor("the cursor's position is too high")
    marks = frozenset(_MARK.unpack_from(data, at)[0] for at in range(_HEAD.size, len(data), _MARK.size))
    return Cursor(feed_id, position, marks, resumable(resume) if resume else None)


def resumable(text: str) -> str:
    """What may be the feed's own cursor: it is not ours to read. Raises BadCursor."""
    if len(text) > RESUME_MOST or not (text.isascii() and text.isprintable()) or _SIGN in text:
        raise BadCursor("the cursor is not one of this feed")
    return text
