"""Moderation before publication: a port and its backends."""

from __future__ import annotations

from packager.moderation.base import (
    Allow,
    Evidence,
    Moderation,
    ModerationError,
    ModerationUnavailable,
    Reject,
    Review,
    UnknownModeration,
    Verdict,
)

__all__ = [
    "Allow",
    "Evidence",
    "Moderation",
    "ModerationError",
    "ModerationUnavailable",
    "Reject",
    "Review",
    "UnknownModeration",
    "Verdict",
    "open_moderation",
]


def open_moderation(url: str) -> Moderation:
    """The backend that `REELWAY_MODERATION` names. Raises UnknownModeration with what is allowed."""
    if url == "local":
        from packager.moderation.local import LocalModeration  # here, because it loads onnxruntime (0.3 s)

        return LocalModeration()
    raise UnknownModeration(f"moderation {url!r} is not known; allowed: local")
