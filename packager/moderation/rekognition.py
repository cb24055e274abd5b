"""Moderation by Amazon Rekognition on the frames, and the word filter on the description.

Credentials and region are the AWS default chain's (environment, profile, role of the machine).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
from botocore import exceptions as boto
from botocore.config import Config

from packager.moderation.base import Evidence, ModerationUnavailable, Verdict
from packager.moderation.description import refused_description
from packager.moderation.labels import LIKELY, Label, read_labels, verdict_of

logger = logging.getLogger(__name__)
AT_ONCE = 4
"""Frames looked at side by side."""
_CONFIG = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})


def rekognition_client() -> Any:
    """Raises ModerationUnavailable where no region is set."""
    try:
        return boto3.client("rekognition", config=_CONFIG)
    except boto.BotoCoreError as error:
        raise ModerationUnavailable(f"Rekognition: {error} (AWS_DEFAULT_REGION, or the profile's region)") from error


class RekognitionModeration:
    """`client` is boto3's; None makes one at the first clip."""

    def __init__(self, client: Any = None) -> None:
        self._client = client
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="rekognition")

    async def judge(self, evidence: Evidence) -> Verdict:
        """Raises ModerationUnavailable when Rekognition does not answer, refuses, or a frame cannot be read."""
        if (refusal := refused_description(evidence)) is not None:
            return refusal
        try:
            if self._client is None:
                self._client = await asyncio.to_thread(rekognition_client)
            frames = await asyncio.gather(*(self._labels(frame) for frame in evidence.frames))
        except (boto.BotoCoreError, boto.ClientError, OSError, ValueError) as error:
            raise ModerationUnavailable(f"Rekognition could not look at the clip: {error}") from error
        verdict = verdict_of(frames)
        logger.info("moderated", extra={"video_id": evidence.video_id, "verdict": type(verdict).__name__.lower()})
        return verdict

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _labels(self, frame: Path) -> Sequence[Label]:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._ask, frame)

    def _ask(self, frame: Path) -> Sequence[Label]:
        image = {"Bytes": frame.read_bytes()}
        return read_labels(self._client.detect_moderation_labels(Image=image, MinConfidence=LIKELY))
