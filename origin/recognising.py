"""Keeps the prints of clips and finds those that are like them. Shell; the rules are in `prints` and `reuploads`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from origin.metadata.base import Metadata
from origin.model import VideoStatus
from origin.prints import (
    Glimpses,
    Likeness,
    Print,
    PrintRules,
    asked_bands,
    compare,
    glimpsed_bands,
    likely,
    resembles,
)
from origin.reuploads import Alike, Recognised, original_of, recognised


@dataclass(frozen=True, slots=True)
class RecognisingSettings:
    compared_videos: int = 32
    """Whole prints that one clip is compared with: those that share the most with it."""
    rules: PrintRules = PrintRules()


class Recognising:
    """Raises MetadataError of the port; every method may be repeated."""

    def __init__(self, metadata: Metadata, settings: RecognisingSettings | None = None) -> None:
        self._metadata = metadata
        self._settings = settings or RecognisingSettings()

    async def resembles_taken_down(self, video_id: int, glimpses: Glimpses) -> bool:
        """Whether a clip that looks so may be one that was taken down. Nothing is kept."""
        prints = await self._candidates(video_id, glimpsed_bands(glimpses))
        alike = [each for each, theirs in prints.items() if resembles(glimpses, theirs, self._settings.rules)]
        videos = await self._metadata.videos(alike)
        return any(video.taken_down_from is not None for video in videos.values())

    async def recognise(self, video_id: int, print_: Print) -> Recognised | None:
        """Keep the print, note which earlier video it is of, and tell whether it is like one that was taken down."""
        await self._metadata.keep_print(video_id, print_)
        alike = await self._alike(video_id, print_)
        await self._metadata.mark_reupload(video_id, original_of(video_id, alike))
        ours = (await self._metadata.videos([video_id])).get(video_id)
        if ours is None or (ours.status is VideoStatus.DELETED and ours.taken_down_from is None):
            # The deletion may have swept before the print arrived.
            await self._metadata.forget_print(video_id)
        return recognised(alike)

    async def _alike(self, video_id: int, print_: Print) -> list[Alike]:
        prints = await self._candidates(video_id, asked_bands(print_))
        likenesses = await asyncio.to_thread(self._compared, print_, prints)
        videos = await self._metadata.videos(list(likenesses))
        return [Alike(videos[each], likeness) for each, likeness in likenesses.items() if each in videos]

    async def _candidates(self, video_id: int, keys: frozenset[int]) -> Mapping[int, Print]:
        holders = await self._metadata.holders(keys)
        others = likely((each for each in holders if each != video_id), self._settings.compared_videos)
        return await self._metadata.prints(others)

    def _compared(self, ours: Print, prints: Mapping[int, Print]) -> dict[int, Likeness]:
        """Takes a second of CPU for the longest clips."""
        found = {video_id: compare(ours, theirs, self._settings.rules) for video_id, theirs in prints.items()}
        return {video_id: likeness for video_id, likeness in found.items() if likeness > Likeness.NONE}
