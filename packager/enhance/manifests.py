"""AV1 renditions in manifests that name H.264's. Rules file: texts in, text out.

The manifests that are published stay as they are, line for line, and what Shaka Packager wrote of the AV1 tracks is
added behind: variants of their own in HLS, an adaptation set of its own in DASH. So the first variant, the sound and
all that a player has begun with keep their places, and who cannot decode AV1 finds what was there before.
"""

from __future__ import annotations

import re

from packager.enhance.candidates import AV1
from packager.mux import PLAYLIST_NAME

_SOUND = re.compile(r'^#EXT-X-MEDIA:TYPE=AUDIO,URI="(?P<folder>[A-Za-z0-9._-]+)/', re.MULTILINE)
_VIDEO_SET = re.compile(r'  <AdaptationSet id="\d+" contentType="video".*?</AdaptationSet>\n', re.DOTALL)
_SET_ID = re.compile(r'<AdaptationSet id="(\d+)"')
_LENGTH = re.compile(r"^#EXTINF:([\d.]+),", re.MULTILINE)
_SEGMENT = re.compile(r"^[^#\s]\S*$", re.MULTILINE)


class ManifestUnfit(ValueError):
    """A manifest lacks what is looked for in it."""


def sound_folder(hls: str) -> str | None:
    """Of the multivariant playlist's sound; None for a silent clip."""
    match = _SOUND.search(hls)
    return match["folder"] if match else None


def segments_of(playlist: str) -> tuple[tuple[str, float], ...]:
    """(name, seconds) of a media playlist."""
    lengths = [float(seconds) for seconds in _LENGTH.findall(playlist)]
    return tuple(zip(_SEGMENT.findall(playlist), lengths, strict=True))


def with_av1_variants(published: str, packed: str) -> str:
    """`packed` is the multivariant playlist of the AV1 tracks and the sound."""
    lines = packed.splitlines()
    variants, pictures = [], []
    for number, line in enumerate(lines):
        if line.startswith("#EXT-X-STREAM-INF:") and lines[number + 1].endswith(f"/{PLAYLIST_NAME}"):
            variants += [line, lines[number + 1]]
        elif line.startswith("#EXT-X-I-FRAME-STREAM-INF:"):
            pictures.append(line)
    before, mark, iframes = published.partition("\n#EXT-X-I-FRAME-STREAM-INF:")
    if not (variants and mark):
        raise ManifestUnfit("a multivariant playlist names no variants, or no I-frame lists")
    return "\n".join([before.rstrip("\n"), *variants, "", mark.strip() + iframes.rstrip("\n"), *pictures, ""])


def with_av1_set(published: str, packed: str) -> str:
    """`packed` is the MPD of the AV1 tracks and the sound."""
    match = _VIDEO_SET.search(packed)
    ids = [int(number) for number in _SET_ID.findall(published)]
    place = published.find('<AdaptationSet contentType="image"')
    place = published.find("</Period>") if place < 0 else place
    if match is None or not ids or place < 0:
        raise ManifestUnfit("an MPD has no adaptation set of pictures, or no period")
    added = _SET_ID.sub(f'<AdaptationSet id="{max(ids) + 1}"', match[0])
    # Unique within the period (ISO 23009-1 section 5.3.5.2), as both were counted from 0.
    added = re.sub(r'<Representation id="(\d+)"', rf'<Representation id="{AV1}-\1"', added)
    line = published.rfind("\n", 0, place) + 1
    return f"{published[:line]}    {added.strip()}\n{published[line:]}"
