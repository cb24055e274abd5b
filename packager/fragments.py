"""What is whole in an intermediate that is still being written. Rules over its bytes, and a shell that reads them."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

HEADER_BYTES = 16


def box_size(header: bytes) -> tuple[bytes, int] | None:
    """Type and size of the ISO-BMFF box that begins with these 16 bytes; None when they are too few to tell."""
    if len(header) < 8:
        return None
    size = int.from_bytes(header[:4], "big")
    if size == 1:
        size = int.from_bytes(header[8:16], "big") if len(header) == HEADER_BYTES else 0
    return (header[4:8], size) if size >= 8 else None


def with_duration(init: bytes, ticks: int) -> bytes:
    """An init segment that says the whole presentation's length (`mehd`, ISO 14496-12 section 8.8.2), as the one will
    that is made of the whole: the two are one file."""
    place = init.find(b"mehd")
    if place < 0:
        return init
    start = place + 8
    size = 8 if init[place + 4] == 1 else 4
    return init[:start] + ticks.to_bytes(size, "big") + init[start + size :]


def whole_fragments(path: Path) -> list[int]:
    """Offsets at which the fragments end (each a `moof` and its `mdat`) that are all there. Blocking, a read a box."""
    if not path.exists():
        return []
    with path.open("rb") as file:
        return _ends(file, path.stat().st_size)


def _ends(file: BinaryIO, size: int) -> list[int]:
    ends: list[int] = []
    place = 0
    while True:
        file.seek(place)
        found = box_size(file.read(HEADER_BYTES))
        if found is None or place + found[1] > size:
            return ends
        place += found[1]
        if found[0] == b"mdat":
            ends.append(place)
