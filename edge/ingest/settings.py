"""Settings of the ingest, with units; `deploy.compose` fills them in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IngestSettings:
    max_bytes: int = 256 << 20
    """Largest upload. A clip of 60 s has 10–20 MB; phones at full bitrate send ten times that."""
    part_bytes: int = 5 << 20
    """Bytes of one durable part: what a crash of this process can cost a client at most. S3 takes no smaller part but
    the last."""
    ahead_bytes: int = 5 << 20
    """Of one upload, received while the part before is being stored."""
    all_ahead_bytes: int = 8 << 20
    """Of all uploads together; beyond that bodies are read as they are stored."""
    longest_ms: int = 60_500
    """Of a clip, by its own header."""
    most_tracks: int = 8
    live_uploads: int = 10
    """Unfinished uploads of one user at once."""
    unfinished_bytes: int = 1 << 30
    """Of all unfinished uploads of one user, each taken as what it was announced with, or as `max_bytes`."""
    idle_timeout_s: float = 30.0
    """A request whose body stops for so long is ended; what arrived is kept."""
    lock_wait_s: float = 5.0
    """For an older request to the same upload to give way."""
    presigned_s: int = 3600
    """How long the addresses of a direct upload's parts can be used; new ones can be asked for."""
