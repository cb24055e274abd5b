"""The word filter on a description, for backends that look at pictures alone. Shell: logs what was found."""

from __future__ import annotations

import logging

from packager.moderation.base import Evidence, Reject
from packager.moderation.text import blocked_phrase

logger = logging.getLogger(__name__)


def refused_description(evidence: Evidence) -> Reject | None:
    """None when its words may be shown."""
    if (phrase := blocked_phrase(evidence.description)) is None:
        return None
    logger.info("description refused", extra={"video_id": evidence.video_id, "phrase": phrase})
    return Reject("moderation", "The description contains words that are not allowed here.")
