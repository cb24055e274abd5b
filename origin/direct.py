"""How an upload straight to the object store is cut. Rules file."""

from __future__ import annotations

PART_BYTES = 8 << 20
"""Of every part but the last. S3 takes no smaller one than 5 MiB; over a phone's link one takes some seconds."""


def sizes(length: int, part_bytes: int) -> list[int]:
    """The sizes of parts 1, 2, … in bytes. `length` is positive."""
    whole, rest = divmod(length, part_bytes)
    return [part_bytes] * whole + ([rest] if rest else [])
