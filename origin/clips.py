"""What the bytes of a clip look like at their beginning. Rules file."""

from __future__ import annotations

FIRST_BYTES_FROM, FIRST_BYTES = 4, b"ftyp"
"""ISO 14496-12 section 4.3: the type of the first box, behind its size."""
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
