"""How a player turns a clip's pictures, read from ffprobe's display matrix. Rules file: answers in, plain values out.

ISO 14496-12 section 6.2.2: a matrix turns, and one whose determinant is negative mirrors as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_ROW = re.compile(r"^0000000[01]:\s+(-?\d{1,11})\s+(-?\d{1,11})\s", re.MULTILINE)


def rotation(stream: Mapping[str, Any]) -> int:
    """Clockwise degrees a player turns the picture by: 0, 90, 180 or 270."""
    for entry in _side_data(stream):
        angle = entry.get("rotation")
        if isinstance(angle, int | float) and abs(angle) <= 360:
            # ffprobe counts anticlockwise; ffmpeg turns by right angles only.
            return round(-angle / 90) * 90 % 360
    return 0


def mirrored(stream: Mapping[str, Any]) -> bool:
    """Whether a player also exchanges left and right (or top and bottom), which no rotation says."""
    for entry in _side_data(stream):
        matrix = entry.get("displaymatrix")
        rows = _ROW.findall(matrix) if isinstance(matrix, str) else []
        if len(rows) == 2:
            (a, b), (c, d) = ((int(one), int(other)) for one, other in rows)
            return a * d - b * c < 0
    return False


def _side_data(stream: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    found = stream.get("side_data_list")
    return (entry for entry in (found if isinstance(found, list) else []) if isinstance(entry, dict))
