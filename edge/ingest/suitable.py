"""What a clip's own header rules out, told while the rest is still on its way. Rules file; packaging judges the whole
by the same limits."""

from __future__ import annotations

from edge.gateway.problems import Problem
from edge.ingest.boxes import Movie
from edge.ingest.settings import IngestSettings


def refusal(movie: Movie, settings: IngestSettings) -> Problem | None:
    """Why a clip with this `moov` is not taken; None as far as that tells."""
    if movie.duration_ms is not None and movie.duration_ms > settings.longest_ms:
        seconds = settings.longest_ms / 1000
        return _refused(
            "too_long",
            "The clip is too long",
            f"This clip is {movie.duration_ms / 1000:.0f} s long; at most {seconds:.0f} s are taken. Trim it and "
            "upload again.",
        )
    if movie.video_tracks == 0:
        return _refused(
            "no_video_track", "The clip has no picture", "This file has no video track. Choose another clip."
        )
    if movie.encrypted:
        return _refused(
            "encrypted", "The clip is encrypted", "This clip is protected (DRM) and cannot be shown. Choose another."
        )
    if movie.tracks > settings.most_tracks:
        return _refused(
            "too_many_streams",
            "The clip has too many tracks",
            f"This file has {movie.tracks} tracks; at most {settings.most_tracks} are taken.",
        )
    return None


def _refused(code: str, title: str, detail: str) -> Problem:
    return Problem(422, code, title, f"{detail} Nothing of it was kept.")
