"""The boxes of a clip as they arrive: what its `moov` says of duration and tracks, known before the media is here when
it comes first, as phones' recorders and exporters for the web write it. Rules file.

Source: ISO 14496-12, sections 4.2 (boxes), 8.2.2 (mvhd), 8.4.3 (hdlr), 8.5.2 (stsd), 8.8.1 (mvex), 8.12 (encv, enca).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

MOST_MOOV_BYTES = 1 << 20
"""Held for one upload; that of a clip of 60 s has some tens of kB. Larger ones are left to packaging."""
_HEAD, _LARGE_HEAD = 8, 16
_VIDEO = b"vide"
_ENCRYPTED = frozenset({b"encv", b"enca"})
_ENTRIES_AT = 8
"""In an `stsd`, behind version, flags and count."""


@dataclass(frozen=True, slots=True)
class Movie:
    """What a `moov` declares."""

    duration_ms: int | None
    """None where it does not say: fragmented files, or an ill-formed header."""
    tracks: int
    video_tracks: int
    encrypted: bool = False
    """Pictures or sound can only be read with a key."""


class BoxWatch:
    """Fed a file from its first byte on; holds one box head, or the `moov`."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._moov: bytearray | None = None
        self._left = 0
        """Bytes of the present box that are still to come."""
        self._taken = 0
        self.over = False
        """Nothing more will be learnt."""

    @property
    def held_bytes(self) -> int:
        return len(self._head) + len(self._moov or b"")

    def feed(self, block: bytes) -> Movie | None:
        """The movie, with the block that ends its `moov`."""
        view = memoryview(block)
        while view and not self.over:
            if self._left == 0:
                if not self._begin(view):
                    return None
                view = view[self._taken :]
            part, view = view[: self._left], view[self._left :]
            self._left -= len(part)
            if self._moov is not None:
                self._moov += part
                if self._left == 0:
                    self.over = True
                    return read_movie(bytes(self._moov))
        return None

    def _begin(self, view: memoryview) -> bool:
        """Read a box's head; False while it has not arrived whole. `_taken` bytes of the view belong to it."""
        self._taken = 0
        for need in (_HEAD, _LARGE_HEAD):
            more = view[self._taken : self._taken + max(0, need - len(self._head))]
            self._head += more
            self._taken += len(more)
            if len(self._head) < need:
                return False
            if int.from_bytes(self._head[:4], "big") != 1:
                break
        self._open(bytes(self._head))
        self._head.clear()
        return True

    def _open(self, head: bytes) -> None:
        size, kind = int.from_bytes(head[:4], "big"), head[4:8]
        size = int.from_bytes(head[8:], "big") if size == 1 else size
        self._left = size - len(head)
        if kind == b"moov" and self._left <= MOST_MOOV_BYTES:
            self._moov = bytearray()
        # A box of size 0 goes to the end of the file; a smaller one than its head is none.
        self.over = self._left < 0 or (kind == b"moov" and self._moov is None)


def read_movie(moov: bytes) -> Movie:
    """From the content of a `moov`, whatever it holds."""
    duration_ms, handlers, entries, fragmented = None, [], set[bytes](), False
    for kind, content in _boxes(moov):
        if kind == b"mvhd":
            duration_ms = _duration_ms(content)
        elif kind == b"trak":
            handlers.append(_inside(content, b"mdia", b"hdlr")[8:12])
            sample_entries = _inside(content, b"mdia", b"minf", b"stbl", b"stsd")[_ENTRIES_AT:]
            entries.update(entry for entry, _ in _boxes(sample_entries))
        elif kind == b"mvex":
            fragmented = True
    return Movie(
        None if fragmented else duration_ms, len(handlers), handlers.count(_VIDEO), not entries.isdisjoint(_ENCRYPTED)
    )


def _duration_ms(mvhd: bytes) -> int | None:
    is_long = mvhd[:1] == b"\x01"
    start, size = (20, 8) if is_long else (12, 4)
    timescale = int.from_bytes(mvhd[start : start + 4], "big")
    field = mvhd[start + 4 : start + 4 + size]
    # All ones: not known.
    if len(field) < size or timescale == 0 or field == b"\xff" * size:
        return None
    return int.from_bytes(field, "big") * 1000 // timescale


def _inside(content: bytes, *path: bytes) -> bytes:
    """The content of the first box at `path`; empty where there is none."""
    for wanted in path:
        content = next((inner for kind, inner in _boxes(content) if kind == wanted), b"")
    return content


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The boxes of a box; ends at the first that is ill-formed."""
    at = 0
    while at + _HEAD <= len(content):
        size, kind, head = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8], _HEAD
        if size == 1:
            size, head = int.from_bytes(content[at + 8 : at + 16], "big"), _LARGE_HEAD
        if size == 0:
            size = len(content) - at
        if size < head:
            return
        yield kind, content[at + head : at + size]
        at += size
