"""The scorer's state: events in, lists out. Rules file.

Deterministic: the same events in the same order give the same lists, whatever the batches; time is the log's
own, the newest `appended_at_ms` seen. Replay-safe: an event id that was applied before changes nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from feed.explore import is_new
from feed.features import (
    Signal,
    UserState,
    lean,
    like_more,
    like_no_more,
    mark_seen,
    signal,
)
from feed.model.cowatch import CoWatch
from feed.model.retrieve import Shelves, candidates, explore_bounds, seen_mask
from feed.model.score import score, together
from feed.model.videos import VideoTable
from feed.ranking import Pick, compose
from feed.ready.base import PERSONAL, Entry
from feed.settings import ScorerSettings
from origin.events import InteractionEvent, InteractionType, MalformedEvent, VideoChange, VideoEvent
from origin.ids import MAX_ID

_SOURCES = {"p": PERSONAL, "t": "trending", "f": "fresh", "e": "explore"}
_OLDEST_MS = 30 * 24 * 3_600_000
"""An event's own time counts up to so long before it was appended."""
_EXPLORE_MOST = 64
_ROOM_SHARE = 16
"""A full table forgets one video in so many."""


@dataclass(frozen=True, slots=True)
class Ranked:
    slots: NDArray[np.int64]
    """Best first."""
    personal: NDArray[np.float64]
    """The personal part of each one's score."""


E = TypeVar("E", InteractionEvent, VideoEvent)


def checked(event: E) -> E:
    """The event, if its numbers fit the columns. Raises MalformedEvent."""
    numbers = [event.video_id, event.creator_id]
    if isinstance(event, InteractionEvent):
        numbers += [event.user_id, event.at, event.watch_ms]
    else:
        numbers += [event.timestamp, event.duration_ms]
    if not all(0 <= number <= MAX_ID for number in numbers):
        raise MalformedEvent(f"a number of {numbers} is below 0 or does not fit 63 bits")
    return event


class Scorer:
    def __init__(self, settings: ScorerSettings) -> None:
        self.settings = settings
        self.now_ms = 0
        self.applied = 0
        self.table = VideoTable(settings)
        self.pairs = CoWatch(settings.neighbours, settings.co_watch_half_life_ms)
        self.shelves = Shelves(settings)
        self.users: OrderedDict[int, UserState] = OrderedDict()
        self.event_ids: OrderedDict[int, None] = OrderedDict()

    def interaction(self, event: InteractionEvent, appended_at_ms: int) -> bool:
        """Apply one interaction; False when it is a repeat."""
        user = self._user(event.user_id)
        if self._repeated(event.event_id):
            return False
        self._advance(appended_at_ms)
        user.last_ms = appended_at_ms
        at_ms = min(max(event.at, appended_at_ms - _OLDEST_MS), appended_at_ms)
        if event.video_id:
            self._on_video(user, event, at_ms)
        elif event.type in {InteractionType.FOLLOW, InteractionType.UNFOLLOW}:
            change = signal(event, 0).affinity
            lean(user.creators, [event.creator_id], change, self.settings.affinities)
        return True

    def know(self, events: Iterable[VideoEvent]) -> None:
        """Begin with publications, oldest first, from before what the log still has."""
        for event in events:
            if event.video_id not in self.table.slot_of and self.table.count < self.settings.max_videos:
                self._describe(self._slot(event.video_id, event.creator_id), event)
        self.shelves.stock(self.table)

    def video(self, event: VideoEvent, appended_at_ms: int) -> list[int]:
        """Apply one change of a video; returns the users whose list lost it."""
        self._advance(appended_at_ms)
        if event.change is VideoChange.HELD:
            return []
        slot = self._slot(event.video_id, event.creator_id)
        if event.change in {VideoChange.PUBLISHED, VideoChange.EDITED}:
            self._describe(slot, event)
        elif event.change is VideoChange.DELETED:
            self.table.gone[slot] = True
        else:
            self.table.published[slot] = False
        return [] if self.table.listable(slot) else self._withdraw(event.video_id)

    def build(self, user_id: int) -> tuple[Entry, ...]:
        """Make the user's list as of now; empty when nothing unseen is left."""
        user = self.users.get(user_id) or UserState()
        ranked = self.rank(user_id, 3 * self.settings.list_length)
        known = self.table.candidates
        new = self._new(ranked.slots)
        picks = compose(
            [known[slot] for slot in ranked.slots.tolist()],
            [known[slot] for slot in self._explore(user_id)[:_EXPLORE_MOST].tolist()],
            self.settings.list_length,
            self.settings.mix,
            new=new,
        )
        personal = set(self.table.ids[ranked.slots[ranked.personal > 0]].tolist())
        user.listed = tuple(pick.candidate.video_id for pick in picks)
        user.listed_as = "".join(_source(pick, personal, new) for pick in picks)
        return _entries(user)

    def entries(self, user_id: int) -> tuple[Entry, ...]:
        """The list that was made last for a user that is known, without what was withdrawn since."""
        return _entries(self.users[user_id])

    def rank(self, user_id: int, most: int) -> Ranked:
        """The best unseen videos for the user by score alone."""
        user = self.users.get(user_id) or UserState()
        table, settings = self.table, self.settings
        by_slot = together(table, self.pairs, user, self.now_ms, settings)
        slots = candidates(table, user, self.shelves, by_slot, settings)
        scores = score(table, user, slots, by_slot, self.now_ms, settings)
        total = np.where(table.creators[slots] == user_id, -np.inf, scores.total)
        best = np.argpartition(-total, most)[:most] if len(total) > most else np.arange(len(total))
        order = best[np.lexsort((-table.ids[slots[best]], -total[best]))]
        return Ranked(slots[order], scores.personal[order])

    def _explore(self, user_id: int) -> NDArray[np.int64]:
        """New unseen videos of others, the most promising first."""
        table, user = self.table, self.users.get(user_id) or UserState()
        slots = self.shelves.fresh[table.eligible()[self.shelves.fresh]]
        new = self.now_ms - table.published_at_ms[slots] < self.settings.mix.new_for_ms
        slots = slots[new & (table.creators[slots] != user_id)]
        slots = slots[~seen_mask(user, table.count)[slots]]
        growth = table.outcome_scale.growth(self.now_ms)
        bounds = explore_bounds(
            table.impressions[slots] / growth, table.completions[slots] / growth, user_id, table.ids[slots]
        )
        order = np.lexsort((-table.ids[slots], -bounds))
        return np.asarray(slots[order])

    def _describe(self, slot: int, event: VideoEvent) -> None:
        table = self.table
        table.public[slot] = event.visibility == "public"
        table.describe(slot, event.creator_id, event.tags)
        if event.duration_ms > 0:
            table.duration_ms[slot] = min(event.duration_ms, 2**31 - 1)
        if event.change is VideoChange.PUBLISHED and not table.published[slot]:
            table.published[slot] = True
            table.published_at_ms[slot] = event.timestamp
        new = is_new(int(table.published_at_ms[slot]), self.now_ms, self.settings.mix.new_for_ms)
        if new and table.listable(slot):
            self.shelves.published(slot)

    def _on_video(self, user: UserState, event: InteractionEvent, at_ms: int) -> None:
        table, settings = self.table, self.settings
        slot = self._slot(event.video_id, event.creator_id)
        said = signal(event, int(table.duration_ms[slot]))
        mark_seen(user, slot)
        self._count(slot, said, at_ms)
        if said.affinity:
            lean(user.creators, [int(table.creators[slot])], said.affinity, settings.affinities)
            keys = [int(key) for key in table.tag_keys[slot] if key]
            lean(user.tags, keys, said.affinity, settings.affinities)
        if said.withdraws:
            like_no_more(user, slot)
        if said.positive and like_more(user, slot, said.positive, settings.positives):
            self._pair(user, slot, at_ms)

    def _count(self, slot: int, said: Signal, at_ms: int) -> None:
        table = self.table
        if said.popularity:
            table.popularity[slot] += said.popularity * table.popularity_scale.growth(at_ms)
        if said.impression:
            grown = table.outcome_scale.growth(at_ms)
            table.impressions[slot] += grown
            table.completions[slot] += grown * said.completion

    def _pair(self, user: UserState, slot: int, at_ms: int) -> None:
        """Count a new positive together with those before it."""
        growth = self.pairs.scale.growth(at_ms)
        self.table.positives[slot] += growth
        before = user.positives[-1 - self.settings.window : -1]
        if before:
            others = np.array([other for other, _ in before], np.int64)
            faded = growth * self.settings.gamma ** np.arange(len(before) - 1, -1, -1.0)
            self.pairs.pair(slot, others, faded)

    def _new(self, slots: NDArray[np.int64]) -> set[int]:
        table = self.table
        new = self.now_ms - table.published_at_ms[slots] < self.settings.mix.new_for_ms
        return set(table.ids[slots[new]].tolist())

    def _advance(self, appended_at_ms: int) -> None:
        self.now_ms = max(self.now_ms, appended_at_ms)
        self.applied += 1
        self.table.renew_scales(self.now_ms)
        factor = self.pairs.renew_scale(self.now_ms)
        if factor is not None:
            self.table.positives *= factor
        if self.applied % self.settings.refresh_every == 0:
            self.shelves.stock(self.table)

    def _repeated(self, event_id: str) -> bool:
        key = int.from_bytes(
            blake2b(event_id.encode(errors="surrogatepass"), digest_size=8).digest(), "big", signed=True
        )
        if key in self.event_ids:
            return True
        self.event_ids[key] = None
        if len(self.event_ids) > self.settings.event_ids:
            self.event_ids.popitem(last=False)
        return False

    def _user(self, user_id: int) -> UserState:
        user = self.users.get(user_id)
        if user is None:
            user = self.users[user_id] = UserState()
            if len(self.users) > self.settings.max_users:
                self.users.popitem(last=False)
        self.users.move_to_end(user_id)
        return user

    def _withdraw(self, video_id: int) -> list[int]:
        losers = []
        for user_id, user in self.users.items():
            if video_id in user.listed:
                place = user.listed.index(video_id)
                user.listed = user.listed[:place] + user.listed[place + 1 :]
                user.listed_as = user.listed_as[:place] + user.listed_as[place + 1 :]
                losers.append(user_id)
        return losers

    def _slot(self, video_id: int, creator_id: int) -> int:
        if video_id not in self.table.slot_of and self.table.count >= self.settings.max_videos:
            self._forget_videos()
        return self.table.add(video_id, creator_id)

    def _forget_videos(self) -> None:
        """Forget the videos that matter least: not listable first, then the least popular, then the oldest."""
        table = self.table
        n = table.count
        order = np.lexsort((table.ids[:n], table.popularity[:n], table.eligible()))
        kept = np.sort(order[max(1, n // _ROOM_SHARE) :])
        renamed = np.full(n, -1, np.int64)
        renamed[kept] = np.arange(len(kept))
        table.keep(kept)
        self.pairs.keep(kept, renamed)
        for user in self.users.values():
            user.positives = [(int(renamed[s]), w) for s, w in user.positives if renamed[s] >= 0]
            bits = np.zeros(max(n, 8 * len(user.seen)), np.uint8)
            bits[: 8 * len(user.seen)] = np.unpackbits(np.frombuffer(user.seen, np.uint8), bitorder="little")
            user.seen = bytearray(np.packbits(bits[kept], bitorder="little").tobytes())
        self.shelves.rename(renamed)


def _entries(user: UserState) -> tuple[Entry, ...]:
    pairs = zip(user.listed, user.listed_as, strict=True)
    return tuple(Entry(video_id, _SOURCES[letter]) for video_id, letter in pairs)


def _source(pick: Pick, personal: set[int], new: set[int]) -> str:
    """A letter of `_SOURCES`."""
    if pick.explored:
        return "e"
    if pick.candidate.video_id in personal:
        return "p"
    return "f" if pick.candidate.video_id in new else "t"
