"""Shaka Packager's command line: HLS and DASH over the same CMAF segments. Rules file.

A track's folder is named `{track}-{hash8}` by the bytes that went in, so its files never change under a name, and the
same track packed again in the next stage lands under the same names with the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from packager.sound import AUDIO_BIT_RATE
from packager.timeline import SEGMENT_S

PACKING_REVISION = 2
"""Part of every folder's hash: raise it when the options below change the bytes of segments or media playlists."""
HLS_NAME = "hls.m3u8"
DASH_NAME = "dash.mpd"
INIT_NAME = "init.mp4"
PLAYLIST_NAME = "main.m3u8"
IFRAME_NAME = "iframe.m3u8"
FIRST_SEGMENT = "0001.m4s"
AUDIO_TRACK = f"a{AUDIO_BIT_RATE // 1000}"


@dataclass(frozen=True, slots=True)
class Track:
    """An encoded intermediate and the folder its segments go to."""

    file: str
    folder: str
    video: bool


def folder_name(track: str, content_sha256: bytes) -> str:
    """`v540-3fa9c1d2`: the track and the first 8 hex digits over its content and the packing revision."""
    digest = hashlib.sha256(content_sha256 + PACKING_REVISION.to_bytes(4, "big"))
    return f"{track}-{digest.hexdigest()[:8]}"


def packager_argv(program: str, tracks: Sequence[Track], out: str, language: str) -> tuple[str, ...]:
    """Argument vector for packing `tracks` into the folder `out`; the first video track becomes the first variant."""
    return (
        program,
        *(_descriptor(track, out, language) for track in tracks),
        "--segment_duration", str(SEGMENT_S),
        "--fragment_duration", str(SEGMENT_S),  # one fragment a segment: nothing is served while it is made
        "--generate_static_live_mpd",  # segments with a SegmentTimeline, yet a static presentation
        "--mpd_output", f"{out}/{DASH_NAME}",
        "--hls_master_playlist_output", f"{out}/{HLS_NAME}",
        "--hls_playlist_type", "VOD",
        "--default_language", language,  # DEFAULT=YES and the DASH role "main"
        "--io_cache_size", "1048576",  # of each open file; with the 32 MiB it has otherwise a job held 690 MB
        "--use_fake_clock_for_muxer",  # no creation time in the init segments: the same bytes every time
        "--quiet",
    )  # fmt: skip


def _descriptor(track: Track, out: str, language: str) -> str:
    folder = f"{out}/{track.folder}"
    fields = {
        "in": track.file,
        "stream": "video" if track.video else "audio",
        "init_segment": f"{folder}/{INIT_NAME}",
        "segment_template": f"{folder}/$Number%04d$.m4s",
        "playlist_name": f"{track.folder}/{PLAYLIST_NAME}",
    }
    if track.video:
        fields["iframe_playlist_name"] = f"{track.folder}/{IFRAME_NAME}"
    else:
        fields |= {"language": language, "hls_group_id": "audio", "hls_name": "main"}
    return ",".join(f"{name}={value}" for name, value in fields.items())
