"""What Shaka Packager's HLS playlists are corrected in. Rules file: text in, text out."""

from __future__ import annotations

import re
from collections.abc import Iterable

_DURATION = re.compile(r"^#EXTINF:([\d.]+)", re.MULTILINE)
_TARGET = re.compile(r"^#EXT-X-TARGETDURATION:\d+$", re.MULTILINE)


def target_duration(playlists: Iterable[str]) -> int:
    """The one target duration of a presentation's media playlists (Apple's rule 8.2).

    Shaka rounds up, and a segment of sound lasts 2.005 s: 3 would be said for segments of 2 s, players would wait
    longer for news, and peak rates are defined over runs of about a target duration (RFC 8216 section 4.4.3.1 rounds
    to the nearest).
    """
    longest = max((float(seconds) for text in playlists for seconds in _DURATION.findall(text)), default=1.0)
    return max(1, int(longest + 0.5))


def with_target_duration(text: str, seconds: int) -> str:
    return _TARGET.sub(f"#EXT-X-TARGETDURATION:{seconds}", text)
