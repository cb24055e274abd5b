"""The table of videos: one slot each, in columns, so that NumPy scores many at once. Rules file."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feed.diversity import Candidate
from feed.features import tag_key
from feed.model.decay import Scale
from feed.settings import ScorerSettings

TAGS = 4
"""Tags per video that count."""
_COLUMNS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "ids": (np.int64, ()),
    "creators": (np.int64, ()),
    "tag_keys": (np.int64, (TAGS,)),
    "published_at_ms": (np.int64, ()),
    "published_as": (np.int64, ()),
    "duration_ms": (np.int32, ()),
    "published": (np.bool_, ()),
    "public": (np.bool_, ()),
    "gone": (np.bool_, ()),
    "popularity": (np.float64, ()),
    "impressions": (np.float64, ()),
    "completions": (np.float64, ()),
    "positives": (np.float64, ()),
}


class VideoTable:
    """Grows by doubling; `compact` makes room when it is full."""

    ids: NDArray[np.int64]
    creators: NDArray[np.int64]
    tag_keys: NDArray[np.int64]
    """`tag_key` of up to TAGS tags, 0 for none."""
    published_at_ms: NDArray[np.int64]
    published_as: NDArray[np.int64]
    """A growing number in the order in which publications and edits were seen."""
    duration_ms: NDArray[np.int32]
    published: NDArray[np.bool_]
    public: NDArray[np.bool_]
    gone: NDArray[np.bool_]
    """Deleted: nothing brings it back."""
    popularity: NDArray[np.float64]
    """Scaled by `popularity_scale`."""
    impressions: NDArray[np.float64]
    """Scaled by `outcome_scale`, as are completions."""
    completions: NDArray[np.float64]
    positives: NDArray[np.float64]
    """How many users liked or completed it; scaled by the co-watch scale."""

    def __init__(self, settings: ScorerSettings) -> None:
        self.count = 0
        self.publications = 0
        self.slot_of: dict[int, int] = {}
        self.candidates: list[Candidate] = []
        self.by_creator: defaultdict[int, list[int]] = defaultdict(list)
        self.by_tag: defaultdict[int, list[int]] = defaultdict(list)
        self.popularity_scale = Scale(settings.popularity_half_life_ms)
        self.outcome_scale = Scale(settings.outcome_half_life_ms)
        for name, (dtype, shape) in _COLUMNS.items():
            setattr(self, name, np.zeros((64, *shape), dtype))

    def eligible(self) -> NDArray[np.bool_]:
        """Which slots may be listed."""
        n = self.count
        return np.asarray(self.published[:n] & self.public[:n] & ~self.gone[:n])

    def add(self, video_id: int, creator_id: int) -> int:
        """The video's slot, made when it has none."""
        slot = self.slot_of.get(video_id)
        if slot is None:
            slot = self.count
            if slot == len(self.ids):
                self._resize(2 * slot)
            self.ids[slot] = video_id
            self.creators[slot] = creator_id
            self.slot_of[video_id] = slot
            self.candidates.append(Candidate(video_id, creator_id))
            self.count += 1
        return slot

    def describe(self, slot: int, creator_id: int, tags: tuple[str, ...]) -> None:
        """Set what lists depend on, and make the video findable by it."""
        self._unlist(slot)
        self.creators[slot] = creator_id
        keys = [tag_key(tag) for tag in tags[:TAGS]]
        self.tag_keys[slot] = keys + [0] * (TAGS - len(keys))
        self.candidates[slot] = Candidate(int(self.ids[slot]), creator_id, frozenset(tags))
        self.publications += 1
        self.published_as[slot] = self.publications
        self._list(slot)

    def listable(self, slot: int) -> bool:
        return bool(self.published[slot] and self.public[slot] and not self.gone[slot])

    def renew_scales(self, now_ms: int) -> None:
        factor = self.popularity_scale.renew(now_ms)
        if factor is not None:
            self.popularity *= factor
        factor = self.outcome_scale.renew(now_ms)
        if factor is not None:
            self.impressions *= factor
            self.completions *= factor

    def keep(self, slots: NDArray[np.int64]) -> None:
        """Forget all but `slots` (growing), which become 0, 1, 2, …"""
        for name in _COLUMNS:
            column = getattr(self, name)
            kept = np.zeros_like(column)
            kept[: len(slots)] = column[slots]
            setattr(self, name, kept)
        self.candidates = [self.candidates[slot] for slot in slots]
        self.count = len(slots)
        self.reindex()

    def reindex(self) -> None:
        self.slot_of = {int(video_id): slot for slot, video_id in enumerate(self.ids[: self.count])}
        self.by_creator.clear()
        self.by_tag.clear()
        for slot in np.argsort(self.published_as[: self.count], kind="stable"):
            if self.published_as[slot]:
                self._list(int(slot))

    def columns(self) -> dict[str, NDArray[Any]]:
        """The filled part of each column, by name."""
        return {name: getattr(self, name)[: self.count] for name in _COLUMNS}

    def load(self, columns: dict[str, NDArray[Any]], tags: list[list[str]], publications: int) -> None:
        """Become what `columns` and the `tags` per slot say. Raises ValueError or KeyError when they do not fit."""
        count = len(tags)
        for name, (dtype, shape) in _COLUMNS.items():
            column = columns[name]
            if column.shape != (count, *shape) or column.dtype != dtype:
                raise ValueError(f"column {name} is {column.dtype}{column.shape}")
            grown = np.zeros((max(64, count), *shape), dtype)
            grown[:count] = column
            setattr(self, name, grown)
        self.count, self.publications = count, publications
        self.candidates = [
            Candidate(int(video_id), int(creator_id), frozenset(of))
            for video_id, creator_id, of in zip(columns["ids"], columns["creators"], tags, strict=True)
        ]
        self.reindex()

    def _list(self, slot: int) -> None:
        self.by_creator[int(self.creators[slot])].append(slot)
        for key in self.tag_keys[slot]:
            if key:
                self.by_tag[int(key)].append(slot)

    def _unlist(self, slot: int) -> None:
        if not self.published_as[slot]:
            return
        self.by_creator[int(self.creators[slot])].remove(slot)
        for key in self.tag_keys[slot]:
            if key:
                self.by_tag[int(key)].remove(slot)

    def _resize(self, length: int) -> None:
        for name in _COLUMNS:
            column = getattr(self, name)
            grown = np.zeros((length, *column.shape[1:]), column.dtype)
            grown[: len(column)] = column
            setattr(self, name, grown)
