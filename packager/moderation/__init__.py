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
from packager.moderation.hook import parse_hook

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
    hook = parse_hook(setting)
    from packager.moderation.webhook import WebhookModeration

    return WebhookModeration(hook, clock)
