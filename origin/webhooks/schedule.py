"""What an attempt's answer means, and when the next attempt is due. Rules file.

The waits are the ones that the Standard Webhooks specification proposes, ended after a good day. There is a topic for
each length, whose records are due in the order in which they were appended: so no wait has jitter, and what a receiver
asks for is rounded up. What failed together does not come back together all the same, as a webhook has little room.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from origin.events import Topic
from origin.subscriptions import Attempt

TOPICS = {
    5: Topic.WEBHOOKS_5S,
    300: Topic.WEBHOOKS_5M,
    1800: Topic.WEBHOOKS_30M,
    7200: Topic.WEBHOOKS_2H,
    18_000: Topic.WEBHOOKS_5H,
    36_000: Topic.WEBHOOKS_10H,
}
"""By the seconds for which its records wait."""
WAITS_S = (5, 300, 1800, 7200, 18_000, 36_000, 36_000)
"""After the first failure, the second and so on: 27 hours and a half in all."""
LONGEST_ASKED_S = 18_000
"""A receiver's Retry-After is honoured up to here."""
SOON_S, LATER_S = 5, 300
SOON_TIMES = 4
"""A message whose webhook has no room waits SOON_S so often, then LATER_S: many messages for a receiver that hangs
would fill the log by going round."""
PUT_OFFS = SOON_TIMES + (sum(WAITS_S) - SOON_TIMES * SOON_S) // LATER_S
"""It is given up after so many: the waits together are as long as those between attempts."""
LOST_MS = 1000 * sum(WAITS_S) + 3_600_000
"""A message whose next attempt is later by more than this was lost: it waits for room no longer, and an hour on top."""
STILL_RETRIED_MS = 1000 * max(TOPICS) + LOST_MS
"""How long after an attempt its message can be on its way to the next."""
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
    wait_s: int
    """One of TOPICS."""


@dataclass(frozen=True, slots=True)
class GivenUp:
    """The last attempt failed too, or there was no room for any attempt any more."""


@dataclass(frozen=True, slots=True)
class Unsubscribed:
    """The receiver wants no more messages at all."""


Fate = Delivered | Again | GivenUp | Unsubscribed


def after(attempt: int, answer: Answer, retries: int = len(WAITS_S)) -> Fate:
    """What follows attempt number `attempt` (from 0) of a message that is sent again up to `retries` times.

    A redirect is a failure: a receiver is where its owner said.
    """
    if answer.status is not None and 200 <= answer.status < 300:
        return Delivered()
    if answer.status == GONE:
        return Unsubscribed()
    if attempt >= retries:
        return GivenUp()
    return Again(next(wait_s for wait_s in TOPICS if wait_s >= max(WAITS_S[attempt], _asked_s(answer))))


def without_room(times: int, most: int = PUT_OFFS) -> Again | GivenUp:
    """What follows for a message that found no room, and had found none `times` times before."""
    if times >= most:
        return GivenUp()
    return Again(SOON_S if times < SOON_TIMES else LATER_S)


def still_retried(last: Attempt, now_ms: int) -> bool:
    """Whether a message comes again by itself whose last attempt this was."""
    return last.next_at_ms is not None and now_ms <= last.next_at_ms + LOST_MS


def _asked_s(answer: Answer) -> int:
    """Of Retry-After in seconds (RFC 9110, 10.2.3); its form as a date is rare and trusts two clocks."""
    return min(int(answer.retry_after), LONGEST_ASKED_S) if _SECONDS.fullmatch(answer.retry_after) else 0
