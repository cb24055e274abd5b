"""A rendition that is published while it is still being encoded. Rules file.

A clip of a minute takes ten seconds to encode even once. Its first rung is therefore published as an HLS playlist of
type EVENT as soon as a few segments are there, and again as they become more, until it is whole; a player begins at
the first segment and never comes near the end, because it is only done where encoding is faster than playing.
The growing playlists have names of their own that outlive the growth, for players that began with them; their
segments are the very files that the whole rendition consists of.
"""

from __future__ import annotations

import re

from origin.delivery import GROWING_PREFIX
from packager.mux import IFRAME_NAME, PLAYLIST_NAME
from packager.timeline import SEGMENT_S

FIRST_SEGMENTS = 3
"""What a player may take in at once: Apple's rule for playlists without an end asks for three."""
FASTEST_PUBLICATION_S = 1.0


def playlist_name(folder: str) -> str:
    """`growing-v540.m3u8`: the same for all publications of a track."""
    return f"{GROWING_PREFIX}{folder.partition('-')[0]}.m3u8"


def may_grow(done_s: float, elapsed_s: float, speed: float) -> bool:
    """Whether what is done after `elapsed_s` of encoding can be published ahead of the rest: encoding is to be at
    least `speed` times as fast as playing."""
    return done_s >= speed * elapsed_s


def worth_publishing(segments: int, published: int, since_last_s: float) -> bool:
    """Whether `segments` whole ones are news beside `published`."""
    if published == 0:
        return segments >= FIRST_SEGMENTS
    return segments > published and since_last_s >= FASTEST_PUBLICATION_S


def growing_media(text: str, folder: str, segments: int, *, ended: bool) -> str:
    """The first `segments` of Shaka's media playlist, for a place above its folder; all of it, with an end, at last."""
    lines, taken = [], 0
    for line in text.splitlines():
        if line.startswith("#EXT-X-PLAYLIST-TYPE:"):
            lines.append("#EXT-X-PLAYLIST-TYPE:EVENT")
        elif line.startswith("#EXT-X-MAP:"):
            lines.append(line.replace('URI="', f'URI="{folder}/'))
        elif line == "#EXT-X-ENDLIST" or (taken >= segments and not ended):
            continue
        elif line and not line.startswith("#"):
            lines.append(f"{folder}/{line}")
            taken += 1
        else:
            lines.append(line)
    return "\n".join([*lines, *["#EXT-X-ENDLIST"] * ended, ""])


def growing_master(text: str, folders: list[str]) -> str:
    """Shaka's multivariant playlist over the growing playlists of `folders`, without the I-frame lists.

    Where a player begins is said here, because it would else begin at the end, as with a live stream.
    """
    for folder in folders:
        text = text.replace(f"{folder}/{PLAYLIST_NAME}", playlist_name(folder))
    kept = [line for line in text.splitlines() if IFRAME_NAME not in line]
    return re.sub(r"(#EXTM3U\n)", r"\1#EXT-X-START:TIME-OFFSET=0,PRECISE=YES\n", "\n".join([*kept, ""]), count=1)


def seconds_in(segments: int) -> float:
    """Of media, at least: every fragment of an intermediate is a segment, for both begin at the forced keyframes."""
    return max(0.0, float(SEGMENT_S * segments - 1))
