"""Use cases of hot videos for the packager, which adds renditions to them (`packager.enhance.catalog`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from origin.metadata.base import Metadata, NotFound
from origin.model import HotVideo, Publication, VideoStatus
from origin.objects.base import Objects

HEAT_HOURS = 24
"""What was watched before says little about who will watch."""


class Enhancements:
    """Every method may be repeated. Raises MetadataError, and ObjectStoreError where a deleted video is swept."""

    def __init__(self, metadata: Metadata, objects: Objects, clock: Callable[[], int]) -> None:
        self._metadata = metadata
        self._objects = objects
        self._clock = clock

    async def hottest(self, limit: int) -> Sequence[HotVideo]:
        """Hottest first, by the last HEAT_HOURS."""
        heats = await self._metadata.hot(self._clock(), HEAT_HOURS, limit)
        videos = await self._metadata.videos([heat.video_id for heat in heats])
        return [HotVideo(videos[heat.video_id], heat.score) for heat in heats if heat.video_id in videos]

    async def claim(self, video_id: int, owner: str, lasting_ms: int) -> bool:
        """Take or prolong the claim on a video's enhancement, from now on; 0 ends it. False: another one holds it."""
        now_ms = self._clock()
        return await self._metadata.claim_enhancement(video_id, owner, now_ms, now_ms + lasting_ms)

    async def publish(self, video_id: int, publication: Publication) -> bool:
        """Replace the publication of a video that is ready, and stays so, by one whose revision is the next.

        False when it is not ready any more, or was published anew; what was stored for a deleted one is removed.
        Nobody is told: what the earlier manifests name is still there, and edges ask for newer ones by themselves.
        """
        ready = VideoStatus.READY
        if await self._metadata.publish(video_id, publication, ready, self._clock(), {ready}):
            return True
        if await self._is_gone(video_id):
            await self._objects.delete_prefix(f"v/{video_id}/")
        return False

    async def _is_gone(self, video_id: int) -> bool:
        try:
            return (await self._metadata.video(video_id)).status is VideoStatus.DELETED
        except NotFound:
            return True
