"""Which stored parts of an upload count. Rules file.

Who takes over an upload from a writer that may still be storing one part leaves two numbers free, the first for that
part should it arrive (see `edge.ingest.locks.base`). So between parts that count, numbers are missing in pairs, and a
part behind which an odd count of numbers is missing came too late: nobody acknowledged it, and what it holds was
stored again behind the gap.
"""

from __future__ import annotations

from collections.abc import Sequence

from origin.objects.base import Part

STRAY_NUMBERS = 2
"""Left free for each writer that may still bring a part."""


def counting_parts(parts: Sequence[Part]) -> list[Part]:
    """Those that count, by number."""
    ordered = sorted(parts, key=lambda part: part.number)
    following = [part.number for part in ordered[1:]]
    counting = [part for part, after in zip(ordered, following, strict=False) if (after - part.number) % 2 == 1]
    return [*counting, *ordered[-1:]]
