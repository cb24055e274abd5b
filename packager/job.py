"""The life of one packaging job. Rules file: facts so far in, the next step out.

    probe → encode first rung → moderate → publish it → recognise → encode the rest → publish all → done

Nothing is published before the verdict, moderation's and that on what the clip begins with, which for most clips comes
while the first rung is encoded: then that rung is published as it grows, and the step of its own is skipped. What the
whole clip is known as takes a decode of it all, so most clips play before that is asked; one that begins like what was
taken down is recognised first. A clip with one rung skips the first publication and the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from origin.progress.base import Packaging, RungProgress, Stage
from packager.admission import Accepted, Refused
from packager.ladder import Ladder
from packager.moderation.base import Allow, Reject, Review, Verdict
from packager.settings import RetryPolicy


@dataclass(frozen=True, slots=True)
class JobFacts:
    """What has happened in this job so far."""

    admission: Accepted | Refused | None = None
    ladder: Ladder | None = None
    growing: bool = False
    """What there is of the first rung is published while the rest of it is encoded."""
    first_encoded: bool = False
    verdict: Verdict | None = None
    first_published: bool = False
    recognised: bool = False
    rest_encoded: bool = False
    all_published: bool = False


@dataclass(frozen=True, slots=True)
class Probe:
    pass


@dataclass(frozen=True, slots=True)
class EncodeFirst:
    pass


@dataclass(frozen=True, slots=True)
class Moderate:
    pass


@dataclass(frozen=True, slots=True)
class Recognise:
    pass


@dataclass(frozen=True, slots=True)
class EncodeRest:
    pass


@dataclass(frozen=True, slots=True)
class Publish:
    complete: bool
    """True when nothing will follow: the video becomes ready, else playable."""


@dataclass(frozen=True, slots=True)
class Done:
    pass


@dataclass(frozen=True, slots=True)
class EndUnpublished:
    """Nothing is published: for good, or until a person has looked. What plays already is withdrawn."""

    reason: Refused | Reject | Review


Step = Probe | EncodeFirst | Moderate | Recognise | EncodeRest | Publish | Done | EndUnpublished


def next_step(facts: JobFacts) -> Step:
    """What to do now. The same facts always give the same step, so a job that starts over takes the same way."""
    if facts.admission is None or facts.ladder is None:
        return EndUnpublished(facts.admission) if isinstance(facts.admission, Refused) else Probe()
    if isinstance(facts.admission, Refused):
        return EndUnpublished(facts.admission)
    if not facts.first_encoded:
        return EncodeFirst()
    return _after_first(facts.ladder, facts)


def _after_first(ladder: Ladder, facts: JobFacts) -> Step:
    match facts.verdict:
        case None:
            return Moderate()
        case Reject() | Review():
            return EndUnpublished(facts.verdict)
        case Allow():
            return _after_verdict(ladder, facts)
        case _:
            assert_never(facts.verdict)


def _after_verdict(ladder: Ladder, facts: JobFacts) -> Step:
    if facts.all_published:
        return Done()
    if ladder.rest and not facts.first_published:
        return Publish(complete=False)
    if not facts.recognised:
        return Recognise()
    return EncodeRest() if ladder.rest and not facts.rest_encoded else Publish(complete=True)


def progress(facts: JobFacts, step: Step, share: float) -> float:
    """How far the job is, 0-1, when `share` (0-1) of `step` is done. Never falls along a job's way.

    Weights by work: pixels times frames of the rungs, with a tenth kept for everything that is no encoding.
    """
    pixels = [rung.width * rung.height for rung in facts.ladder.rungs] if facts.ladder else []
    first = 0.9 * facts.ladder.first.width * facts.ladder.first.height / sum(pixels) if facts.ladder else 0.0
    match step:
        case Probe():
            return 0.0
        case EncodeFirst():
            return 0.02 + first * share
        case Moderate() | EndUnpublished():
            return 0.02 + first
        case Publish():
            return 0.98 if step.complete else 0.05 + first
        case Recognise():
            return 0.06 + first
        case EncodeRest():
            return 0.06 + first + (0.9 - first) * share
        case Done():
            return 1.0
        case _:
            assert_never(step)


def packaging(facts: JobFacts, step: Step, share: float) -> Packaging:
    """What a creator is told beside the total, when `share` (0-1) of `step` is done.

    A rung never falls along a job's way, nor is it taken back once published. All but the first are encoded in one
    decode, so they are equally far.
    """
    if facts.ladder is None:
        return Packaging(_stage(step))
    first = 1.0 if facts.first_encoded else share if isinstance(step, EncodeFirst) else 0.0
    rest = 1.0 if facts.rest_encoded else share if isinstance(step, EncodeRest) else 0.0
    shown = facts.growing or facts.first_published
    return Packaging(
        _stage(step),
        tuple(
            RungProgress(rung.height, first, shown)
            if rung is facts.ladder.first
            else RungProgress(rung.height, rest, facts.all_published)
            for rung in facts.ladder.rungs
        ),
    )


def _stage(step: Step) -> Stage:
    match step:
        case Probe():
            return Stage.CHECKING
        case EncodeFirst():
            return Stage.ENCODING_FIRST
        case Moderate() | Recognise():
            return Stage.MODERATING
        case EncodeRest():
            return Stage.ENCODING_REST
        case Publish():
            return Stage.PUBLISHING
        case Done() | EndUnpublished():
            return Stage.DONE
        case _:
            assert_never(step)


@dataclass(frozen=True, slots=True)
class RetryLater:
    attempt: int
    """Of the start that will follow, from 1."""
    not_before_ms: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    attempt: int


def after_fault(
    attempt: int, policy: RetryPolicy, now_ms: int, jitter: float, *, waits: bool = False
) -> RetryLater | DeadLetter:
    """What becomes of a job whose start number `attempt` (from 0) met a fault that may pass.

    With `waits` (see `faults.Fault`) the start is no attempt: a disk that is full for a night loses no upload.

    `jitter` in [0, 1) spreads the starts of jobs that failed together over the upper half of the delay.
    """
    if waits:
        return RetryLater(attempt, now_ms + _jittered(policy.waiting_delay_ms, jitter))
    started = attempt + 1
    if started >= policy.attempts:
        return DeadLetter(started)
    delay_ms = min(policy.longest_delay_ms, policy.first_delay_ms << min(attempt, 20))
    return RetryLater(started, now_ms + _jittered(delay_ms, jitter))


def _jittered(delay_ms: int, jitter: float) -> int:
    return delay_ms // 2 + round(delay_ms / 2 * jitter)
