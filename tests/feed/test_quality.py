"""The product's scorer against popularity on real short-video exposures (KuaiRand-Pure, CC BY-SA 4.0; not in this
repository: `conftest.py` leaves this file out where the data is not beside it).

Global-time split: everything before 1 May is learned as events in time order, the long views after it are the
truth. Each user's list is ranked from all videos that the user was not shown before; positives are `long_view`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from feed.model.scorer import Scorer
from feed.settings import ScorerSettings
from origin.events import InteractionEvent, InteractionType, VideoChange, VideoEvent

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "kuairand_ci.npz"
SPLIT_MS = 1_651_334_400_000
DAY_MS = 86_400_000
WATCHED_MS, LOOKED_MS = 10**9, 1_900
pytestmark = pytest.mark.slow


@dataclass
class Exposures:
    arrays: dict[str, np.ndarray]

    def __post_init__(self) -> None:
        a = self.arrays
        self.at_ms = a["t0"] + np.cumsum(a["dt"].astype(np.int64))
        self.train = self.at_ms < SPLIT_MS
        self.users = len(a["hist_pos_off"]) - 1

    def before(self, name: str, user: int) -> list[int]:
        """Videos of a user's history before the log, oldest first."""
        starts = self.arrays[f"{name}_off"]
        return self.arrays[name][starts[user] : starts[user + 1]].tolist()

    def seen(self) -> list[set[int]]:
        seen = [{*self.before("hist_pos", u), *self.before("hist_watch", u)} for u in range(self.users)]
        for row in np.flatnonzero(self.train):
            seen[int(self.arrays["u"][row])].add(int(self.arrays["i"][row]))
        return seen

    def truth(self, seen: list[set[int]]) -> dict[int, set[int]]:
        truth: dict[int, set[int]] = {}
        for row in np.flatnonzero(~self.train & (self.arrays["long_view"] == 1)):
            user, video = int(self.arrays["u"][row]), int(self.arrays["i"][row])
            if video not in seen[user]:
                truth.setdefault(user, set()).add(video)
        return truth


def learned(data: Exposures) -> Scorer:
    """Ids are one more than in the data: 0 means none."""
    scorer, a = Scorer(ScorerSettings()), data.arrays
    t0 = int(a["t0"])
    for video in range(len(a["author"])):
        tags, at_ms = (f"tag{a['tag'][video]}",), t0 - 14 * DAY_MS
        kind = VideoChange.PUBLISHED
        creator_id, duration_ms = 1 + int(a["author"][video]), int(a["dur_ms"][video])
        scorer.video(VideoEvent(video + 1, creator_id, kind, at_ms, "public", duration_ms, tags), at_ms)
    count = 0

    def view(user: int, video: int, at_ms: int, *, long: bool) -> None:
        nonlocal count
        count += 1
        watch_ms = WATCHED_MS if long else LOOKED_MS
        creator_id = 1 + int(a["author"][video])
        event = InteractionEvent(f"e{count}", user + 1, InteractionType.VIEW, video + 1, creator_id, at_ms, watch_ms)
        scorer.interaction(event, at_ms)

    for user in range(data.users):
        positive = data.before("hist_pos", user)
        known = set(positive)
        for video in data.before("hist_watch", user):
            if video not in known:
                view(user, video, t0 - DAY_MS, long=False)
        for video in positive:
            view(user, video, t0 - DAY_MS, long=True)
    for row in np.flatnonzero(data.train):
        view(int(a["u"][row]), int(a["i"][row]), int(data.at_ms[row]), long=bool(a["long_view"][row]))
    return scorer


def ndcg(ranked: list[int], wanted: set[int]) -> float:
    """NDCG@20 with equal gains."""
    discounts = 1 / np.log2(np.arange(2, 22))
    hits = np.array([video in wanted for video in ranked[:20]], bool)
    return float(discounts[: len(hits)][hits].sum() / discounts[: min(20, len(wanted))].sum())


def test_the_scorers_ranking_beats_popularity_on_real_exposures(record_property):
    with np.load(DATA) as archive:
        data = Exposures({name: archive[name] for name in archive.files})
    seen = data.seen()
    truth = data.truth(seen)
    watched = data.arrays["i"][data.train & (data.arrays["long_view"] == 1)]
    counts = np.bincount(np.concatenate([data.arrays["hist_pos"], watched]), minlength=len(data.arrays["author"]))
    by_count = np.argsort(-counts, kind="stable").tolist()
    popular = {u: [v for v in by_count[:1000] if v not in seen[u]][:20] for u in truth}
    scorer = learned(data)
    ranked = {u: [int(scorer.table.ids[s]) - 1 for s in scorer.rank(u + 1, 20).slots] for u in truth}
    listed = {u: [entry.video_id - 1 for entry in scorer.build(u + 1)] for u in list(truth)[::4]}
    assert not any(set(ranked[u]) & seen[u] for u in truth)
    figures = {
        "users": len(truth),
        "popularity": float(np.mean([ndcg(popular[u], truth[u]) for u in truth])),
        "scorer": float(np.mean([ndcg(ranked[u], truth[u]) for u in truth])),
        "scorer, a quarter of the users": float(np.mean([ndcg(ranked[u], truth[u]) for u in listed])),
        "composed list, the same quarter": float(np.mean([ndcg(listed[u], truth[u]) for u in listed])),
        "coverage@20": len({v for of in ranked.values() for v in of}) / len(counts),
    }
    for name, value in figures.items():
        record_property(name, round(value, 4))
    print({name: round(value, 4) for name, value in figures.items()})
    assert figures["scorer"] >= 1.1 * figures["popularity"]
