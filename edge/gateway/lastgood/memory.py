"""The videos and the hot list that are remembered. Rules file.

Only what everybody may watch is kept, and nothing of the viewer for whom it was read. A video that is read again and is
not there, or no longer public, is forgotten; so is one that was changed here. A read that began before such a moment
does not bring the video back.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from edge.gateway.lastgood.model import LastGoodSettings, LastGoodStats
from origin.model import WATCHABLE, Video, Visibility
from origin.views import VideoView

FORGOTTEN_MOST = 4096
"""Ids of which it is known when they were forgotten: as many as may come during one read."""


@dataclass(frozen=True, slots=True)
class _Kept:
    view: VideoView
    read_at_ms: int


def is_public(video: Video) -> bool:
    return video.status in WATCHABLE and video.visibility is Visibility.PUBLIC


class Memory:
    """Bounded by `videos_most` and `hot_most`; the video read longest ago goes first."""

    def __init__(self, settings: LastGoodSettings, stats: LastGoodStats) -> None:
        self._settings = settings
        self._stats = stats
        self._videos: OrderedDict[int, _Kept] = OrderedDict()
        self._hot: tuple[int, ...] = ()
        self._moment = 0
        """Grows whenever something is forgotten."""
        self._forgotten: OrderedDict[int, int] = OrderedDict()
        """Id → the moment."""
        self._known_from = 0
        """Reads that began before this moment are not trusted: too much was forgotten since."""

    def moment(self) -> int:
        """To be asked before a read and handed to `learn` with what came of it."""
        return self._moment

    def learn(self, asked: Iterable[int], views: Iterable[VideoView], began: int, now_ms: int) -> None:
        """What a read of the videos `asked` gave; those it did not give are not to be watched."""
        found = {view.video.video_id: view for view in views if is_public(view.video)}
        for video_id in asked:
            if video_id not in found:
                self.forget(video_id)
        if began < self._known_from:
            return
        for video_id, view in found.items():
            if self._forgotten.get(video_id, 0) <= began:
                self._keep(video_id, replace(view, liked=False, following=False, packaging=None), now_ms)

    def _keep(self, video_id: int, view: VideoView, now_ms: int) -> None:
        self._videos[video_id] = _Kept(view, now_ms)
        self._videos.move_to_end(video_id)
        if len(self._videos) > self._settings.videos_most:
            self._videos.popitem(last=False)
        self._stats.remembered = len(self._videos)

    def forget(self, video_id: int) -> None:
        """The video was deleted, hidden or changed."""
        self._moment += 1
        self._videos.pop(video_id, None)
        self._forgotten[video_id] = self._moment
        self._forgotten.move_to_end(video_id)
        if len(self._forgotten) > FORGOTTEN_MOST:
            _, self._known_from = self._forgotten.popitem(last=False)
        self._stats.remembered = len(self._videos)

    def recall(self, video_ids: Sequence[int], now_ms: int) -> list[VideoView]:
        """Those that are remembered, in the order asked for."""
        kept = [self._videos[video_id] for video_id in video_ids if video_id in self._videos]
        return [each.view for each in kept if now_ms - each.read_at_ms < self._settings.age_most_ms]

    def learn_hot(self, video_ids: Sequence[int]) -> None:
        """The present hot list, best first."""
        self._hot = tuple(video_ids[: self._settings.hot_most])
        self._stats.hot = len(self._hot)

    def hot(self, now_ms: int) -> list[int]:
        """Of the hot list what can be shown from memory; until one is known, what was read last."""
        video_ids = self._hot or tuple(reversed(self._videos))[: self._settings.hot_most]
        return [view.video.video_id for view in self.recall(video_ids, now_ms)]
