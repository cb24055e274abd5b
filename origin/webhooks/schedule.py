"""What an attempt's answer means, and when the next attempt is due. Rules file.

The waits are the ones that the Standard Webhooks specification proposes, ended after a good day.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

WAITS_S = (5, 300, 1800, 7200, 18_000, 36_000, 36_000)
"""After the first failure, the second and so on: 27 hours and a half in all."""
JITTER = 0.1
"""A wait is longer by up to this share, so that what failed together does not come back together."""
LONGEST_ASKED_S = 21_600
"""A receiver's Retry-After is honoured up to here."""
GONE = 410
_SECONDS = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Answer:
    """How one attempt ended: a status, or an error for people where there was none."""

    status: int | None
    error: str = ""
    retry_after: str = ""
    """The field as it came."""
    duration_ms: int = 0


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver has it."""


@dataclass(frozen=True, slots=True)
class Again:
    not_before_ms: int


@dataclass(frozen=True, slots=True)
class GivenUp:
    """The last attempt failed too."""


@dataclass(frozen=True, slots=True)
class Unsubscribed:
    """The receiver wants no more messages at all."""


def after(attempt: int, answer: Answer, now_ms: int, chance: float) -> Delivered | Again | GivenUp | Unsubscribed:
    """What follows attempt number `attempt` (from 0) that ended at `now_ms`; `chance` is a random number in [0, 1).

    A redirect is a failure: a receiver is where its owner said.
    """
    if answer.status is not None and 200 <= answer.status < 300:
        return Delivered()
    if answer.status == GONE:
        return Unsubscribed()
    if attempt >= len(WAITS_S):
        return GivenUp()
    wait_s = WAITS_S[attempt] * (1 + JITTER * chance)
    return Again(now_ms + round(1000 * max(wait_s, _asked_s(answer))))


def _asked_s(answer: Answer) -> int:
    """Of Retry-After in seconds (RFC 9110, 10.2.3); its form as a date is rare and trusts two clocks."""
    return min(int(answer.retry_after), LONGEST_ASKED_S) if _SECONDS.fullmatch(answer.retry_after) else 0
