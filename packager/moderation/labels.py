"""What Rekognition's moderation labels mean for a clip. Rules file.

Source: Amazon Rekognition, content moderation, label categories of the model's version 7: top-level names, each with a
confidence of 0-100.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from packager.moderation.base import Allow, Reject, Review, Verdict

CERTAIN = 90.0
LIKELY = 60.0
"""What is less likely is not asked for."""
FORBIDDEN: Mapping[str, str] = {
    "Explicit": "nudity or sexual content",
    "Explicit Nudity": "nudity or sexual content",
    "Violence": "violence",
    "Visually Disturbing": "disturbing content",
    "Hate Symbols": "symbols of hate",
    "Drugs & Tobacco": "drugs",
}
"""Top-level categories that are not shown, in the creator's words. The others (swimwear, alcohol, gambling, rude
gestures, kissing) may be."""


@dataclass(frozen=True, slots=True)
class Label:
    name: str
    """A category above others is given beside those below it, as a label of its own."""
    confidence: float


def read_labels(answer: Mapping[str, Any]) -> tuple[Label, ...]:
    """Of a DetectModerationLabels answer. Raises ValueError when it is none."""
    try:
        return tuple(Label(str(each["Name"]), float(each["Confidence"])) for each in answer["ModerationLabels"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"no moderation labels: {error!r}") from error


def verdict_of(frames: Iterable[Iterable[Label]]) -> Verdict:
    """From the labels of each frame. A clip that no frame speaks for is not allowed."""
    seen = [tuple(labels) for labels in frames]
    if not seen:
        return Review("no frame could be looked at")
    found = [(label.confidence, label.name) for labels in seen for label in labels if label.name in FORBIDDEN]
    if not found:
        return Allow()
    confidence, name = max(found)
    if confidence >= CERTAIN:
        return Reject("moderation", f"This clip seems to show {FORBIDDEN[name]}, which is not allowed here.")
    return Review(f"{name} {confidence:.0f} %") if confidence >= LIKELY else Allow()
