"""How records lie in a segment, and how the consumed place is written down. Rules file.

A record is its head (length of the payload, CRC-32 of everything else, key, time; big-endian) and the payload. A
segment is records and nothing else; a torn or damaged one ends what can be read of its segment.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from edge.gateway.spool.model import Place

PAYLOAD_MOST = 2 << 20
"""Bytes; the largest body of an API call is half of it."""
_HEAD = struct.Struct(">IIqq")
_LENGTH = struct.Struct(">I")
_AFTER_CRC = 8
FRAME_MOST = _HEAD.size + PAYLOAD_MOST
_PLACE = struct.Struct(">QQI")


@dataclass(frozen=True, slots=True)
class Frame:
    key: int
    at_ms: int
    payload: bytes
    end: int
    """Offset behind it in what was read."""

    @property
    def size_bytes(self) -> int:
        return _HEAD.size + len(self.payload)


def encode(key: int, at_ms: int, payload: bytes) -> bytes:
    """The bytes of one record. Raises ValueError for a payload over PAYLOAD_MOST."""
    if len(payload) > PAYLOAD_MOST:
        raise ValueError(f"a record has at most {PAYLOAD_MOST} bytes, not {len(payload)}")
    head = _HEAD.pack(len(payload), 0, key, at_ms)
    return _HEAD.pack(len(payload), _check(head, payload), key, at_ms) + payload


def scan(data: bytes) -> Iterator[Frame]:
    """The whole records at the beginning of `data`, whatever the bytes are."""
    offset = 0
    while offset + _HEAD.size <= len(data):
        length, check, key, at_ms = _HEAD.unpack_from(data, offset)
        start, end = offset + _HEAD.size, offset + _HEAD.size + length
        if length > PAYLOAD_MOST or end > len(data):
            return
        payload = data[start:end]
        if check != _check(data[offset:start], payload):
            return
        yield Frame(key, at_ms, payload, end)
        offset = end


def _check(head: bytes, payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(head[_AFTER_CRC:], zlib.crc32(head[: _LENGTH.size])))


def encode_place(place: Place) -> bytes:
    body = struct.pack(">QQ", place.segment, place.offset)
    return body + _LENGTH.pack(zlib.crc32(body))


def decode_place(data: bytes) -> Place | None:
    """None: not a place that was written down."""
    if len(data) != _PLACE.size:
        return None
    segment, offset, check = _PLACE.unpack(data)
    return Place(segment, offset) if check == zlib.crc32(data[:-4]) else None
