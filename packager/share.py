"""A file for downloading and sharing, of the very pictures and sound that are streamed. Rules file."""

from __future__ import annotations

from origin.clips import TIMELINE_START_S
from packager.ladder import Rung
from packager.plan import EncodePlan, Means, video_file
from packager.sound import AUDIO_FILE

SHORT_SIDE = 720
"""Of the rendition that is shared: what messengers keep as it is."""
DOWNLOAD_NAME = "download.mp4"


def shared_rung(plan: EncodePlan) -> Rung:
    """The highest of at most SHORT_SIDE, else the lowest."""
    return next((rung for rung in plan.ladder.rungs if rung.short_side <= SHORT_SIDE), plan.lowest)


def share_argv(plan: EncodePlan, means: Means, target: str) -> tuple[str, ...]:
    """Put a rendition and the sound into one file that plays from its first bytes on; nothing is encoded."""
    sound = () if plan.audio is None else ("-f", "mov", "-i", AUDIO_FILE)
    return (
        means.ffmpeg, "-nostdin", "-hide_banner", "-v", "error", "-y",
        "-copyts",  # each file begins with its own earliest timestamp, and priming makes the sound's earlier
        "-f", "mov", "-i", video_file(shared_rung(plan)), *sound,
        *("-map", "0:v"), *(("-map", "1:a") if sound else ()), "-c", "copy",
        "-output_ts_offset", str(-TIMELINE_START_S), "-map_metadata", "-1", "-fflags", "+bitexact",
        "-movflags", "+faststart", "-f", "mp4", target,
    )  # fmt: skip
