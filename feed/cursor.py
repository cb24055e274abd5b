"""The opaque place in a feed that a client hands back for the next page. Rules file.

Base64url of: version, kind, feed id (8 bytes), position, the id to continue before (Following), a 24-bit mark
per shown video (For You), and a 32-bit check over all that and the user id. The check catches damage and
cursors of other users; it is no secret, and needs none: a forged cursor changes nothing but what its own
sender is shown.
"""

from __future__ import annotations

import base64
import binascii
import struct
from dataclasses import dataclass
from enum import IntEnum
from hashlib import blake2b

from origin.ids import MAX_ID

VERSION = 1
POSITION_MOST = 1_000_000
MARK_BYTES = 3
_HEAD = struct.Struct(">BB8sIQH")
_CHECK_BYTES = 4
MARKS_MOST = 500
LONGEST = 4 * (_HEAD.size + MARKS_MOST * MARK_BYTES + _CHECK_BYTES) // 3 + 4
_MIX = 0x9E37_79B9_7F4A_7C15
_MASK = (1 << 64) - 1


class BadCursor(ValueError):
    """Not a cursor that this feed gave to this user."""


class Kind(IntEnum):
    FOR_YOU = 1
    FOLLOWING = 2


@dataclass(frozen=True, slots=True)
class Cursor:
    kind: Kind
    feed_id: bytes
    """8 bytes, the same on all pages of a feed."""
    position: int
    """Of the next item."""
    before_id: int = 0
    """Following: continue with older videos than this one."""
    marks: tuple[int, ...] = ()
    """For You: marks of the videos shown in this session, oldest first."""


def mark(video_id: int) -> int:
    """24 bits that stand for a video in a cursor. Two videos share one with a chance of 6e-8."""
    return ((video_id * _MIX) & _MASK) >> (64 - 8 * MARK_BYTES)


def encode(cursor: Cursor, user_id: int) -> str:
    """The text for the client; at most `LONGEST` characters. The oldest marks beyond MARKS_MOST are dropped."""
    marks = cursor.marks[-MARKS_MOST:]
    position = min(cursor.position, POSITION_MOST)
    head = _HEAD.pack(VERSION, cursor.kind, cursor.feed_id, position, cursor.before_id, len(marks))
    body = head + b"".join(m.to_bytes(MARK_BYTES, "big") for m in marks)
    return base64.urlsafe_b64encode(body + _check(body, user_id)).rstrip(b"=").decode()


def decode(text: str, user_id: int, kind: Kind) -> Cursor:
    """Raises BadCursor."""
    if len(text) > LONGEST or not text.isascii():
        raise BadCursor("the cursor is too long or not ASCII")
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadCursor("the cursor is not base64url") from error
    if len(data) < _HEAD.size + _CHECK_BYTES:
        raise BadCursor("the cursor is too short")
    body, check = data[:-_CHECK_BYTES], data[-_CHECK_BYTES:]
    if check != _check(body, user_id):
        raise BadCursor("the cursor is damaged or of another user")
    version, found, feed_id, position, before_id, count = _HEAD.unpack_from(body)
    if version != VERSION or found != kind:
        raise BadCursor("the cursor is of another feed or version: begin again without one")
    rest = body[_HEAD.size :]
    possible = position <= POSITION_MOST and before_id <= MAX_ID and count <= MARKS_MOST
    if not possible or len(rest) != count * MARK_BYTES:
        raise BadCursor("the cursor is inconsistent")
    marks = tuple(int.from_bytes(rest[at : at + MARK_BYTES], "big") for at in range(0, len(rest), MARK_BYTES))
    return Cursor(kind, feed_id, position, before_id, marks)


def _check(body: bytes, user_id: int) -> bytes:
    return blake2b(body + user_id.to_bytes(16, "big", signed=True), digest_size=_CHECK_BYTES).digest()
