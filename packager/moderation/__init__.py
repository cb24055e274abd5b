"""Moderation before publication: a port and its backends."""

from __future__ import annotations

from collections.abc import Callable

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
from packager.moderation.hook import PREFIX, parse_hook

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


def open_moderation(setting: str, clock: Callable[[], int]) -> Moderation:
    """The backend that `REELWAY_MODERATION` names. Raises UnknownModeration with what is allowed.

    Each is imported where it is chosen: onnxruntime, boto3 and httpx take a third of a second each.
    """
    if setting == "local":
        from packager.moderation.local import LocalModeration

        return LocalModeration()
    if setting == "rekognition":
        from packager.moderation.rekognition import RekognitionModeration

        return RekognitionModeration()
    if setting.startswith(PREFIX):
        from packager.moderation.webhook import WebhookModeration

        return WebhookModeration(parse_hook(setting), clock)
    raise UnknownModeration("moderation is local, rekognition or webhook:https://:SECRET@host/path")
