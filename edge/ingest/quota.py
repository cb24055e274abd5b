"""What one user may have unfinished at once. Rules file."""

from __future__ import annotations

from collections.abc import Sequence

from edge.gateway.problems import Problem
from edge.ingest import refusals
from edge.ingest.settings import IngestSettings
from origin.views import UploadTicket


def refusal(live: Sequence[UploadTicket], length: int | None, settings: IngestSettings) -> Problem | None:
    """Why a user with those unfinished uploads may not begin another of that length; None if it may. What an upload
    may become counts, not what has arrived: so nobody has to be stopped in the middle."""
    if len(live) >= settings.live_uploads:
        return refusals.TOO_MANY_UPLOADS
    lengths = [length, *(each.length for each in live)]
    reserved = sum(settings.max_bytes if each is None else each for each in lengths)
    return refusals.TOO_MANY_BYTES if reserved > settings.unfinished_bytes else None
