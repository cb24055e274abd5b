"""What enhancing needs of the system of record. `deploy.compose` implements it with origin's use cases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from origin.model import HotVideo, Publication


class EnhancementCatalog(Protocol):
    """Every method is safe to repeat. All raise MetadataError and ObjectStoreError; a retry may help."""

    async def hottest(self, limit: int) -> Sequence[HotVideo]:
        """Public videos that can be watched, hottest first."""

    async def claim(self, video_id: int, owner: str, lasting_ms: int) -> bool:
        """Take or prolong the claim on a video's enhancement, from now on; 0 ends it. False: another one holds it."""

    async def publish(self, video_id: int, publication: Publication) -> bool:
        """Replace the publication of a ready video, whose status stays; a viewer sees the old or the new.

        False when the video is not ready any more, or has a publication with this revision or a later one.
        """
