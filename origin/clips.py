"""What origin and packager both know of clips: their first bytes, and where the time of a published one begins.
Rules file."""

from __future__ import annotations

FIRST_BYTES_FROM, FIRST_BYTES = 4, b"ftyp"
"""ISO 14496-12 section 4.3: the type of the first box, behind its size."""
TIMELINE_START_S = 1
"""The presentation time of a published clip's first frame. A second of room means that AAC's priming samples need no
negative time."""
LEAST_BYTES = FIRST_BYTES_FROM + len(FIRST_BYTES)


def first_bytes_fit(offset: int, block: bytes) -> bool:
    """Can bytes that stand at `offset` of a file belong to an MP4 or QuickTime clip? Judged byte by byte, so that a
    clip may be cut anywhere."""
    start = max(offset, FIRST_BYTES_FROM)
    end = min(offset + len(block), LEAST_BYTES)
    if start >= end:
        return True
    expected = FIRST_BYTES[start - FIRST_BYTES_FROM : end - FIRST_BYTES_FROM]
    return block[start - offset : end - offset] == expected
