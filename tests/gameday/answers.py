"""What clients got, and what that says of a stretch of time. Rules file: times are seconds of one monotonic clock."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

GENERAL = "global_hot"
"""The mode of a feed page that knows nothing of its reader."""
SLOW_S = 1.0
"""From here on an answer does not count as normal."""


class Kind(StrEnum):
    FEED = "feed reads"
    INTERACTIONS = "interactions"
    LIKES = "likes"
    UPLOADS = "upload requests"
    VIDEOS = "video reads"
    MEDIA = "media reads"


class Outcome(StrEnum):
    ANSWERED = "answered"
    PUT_OFF = "put off"
    """503 and the like: the client was told to come again, and does."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Answer:
    kind: Kind
    due_s: float
    """When the request was to be sent."""
    late_s: float
    """How much later than that it was sent: the generator's own fault."""
    took_s: float
    """From when it was due."""
    outcome: Outcome
    detail: str
    """The status and the problem's code, or what happened instead."""
    mode: str = ""
    """Of a feed page."""


@dataclass(frozen=True, slots=True)
class Span:
    begin_s: float
    end_s: float

    def of(self, answers: Iterable[Answer]) -> list[Answer]:
        """Those that were due in it."""
        return [each for each in answers if self.begin_s <= each.due_s < self.end_s]


@dataclass(frozen=True, slots=True)
class Figures:
    """One kind of request in one span."""

    requests: int
    answered: int
    put_off: int
    failed: int
    p50_ms: float
    p99_ms: float
    worst_ms: float


def figures(answers: Sequence[Answer]) -> Figures:
    """Latencies are of all requests, whatever they got."""
    outcomes = Counter(each.outcome for each in answers)
    took_ms = sorted(1000 * each.took_s for each in answers)
    return Figures(
        len(answers),
        outcomes[Outcome.ANSWERED],
        outcomes[Outcome.PUT_OFF],
        outcomes[Outcome.FAILED],
        *(quantile(took_ms, share) for share in (0.5, 0.99, 1.0)),
    )


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value that `share` of them do not exceed; NaN of none."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


def last_trouble_s(answers: Iterable[Answer], since_s: float) -> float:
    """When the last answer came that was none, or slow, to a request due from `since_s` on; 0.0: never."""
    troubled = [
        each.due_s + each.took_s
        for each in answers
        if each.due_s >= since_s and (each.outcome is not Outcome.ANSWERED or each.took_s > SLOW_S)
    ]
    return max(troubled, default=0.0)


def last_general_s(answers: Iterable[Answer], since_s: float) -> float:
    """When the last feed page came that was the same for everybody; 0.0: never."""
    return max(
        (each.due_s + each.took_s for each in answers if each.due_s >= since_s and each.mode == GENERAL), default=0.0
    )
