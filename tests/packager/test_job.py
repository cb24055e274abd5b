"""The order of a job's steps, its progress, and the fate of faults."""

from __future__ import annotations

import errno
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from origin.objects.base import StoreUnavailable
from packager.admission import NOT_A_VIDEO, Accepted
from packager.faults import DETAIL_CHARS, classify
from packager.job import (
    DeadLetter,
    Done,
    EncodeFirst,
    EncodeRest,
    EndUnpublished,
    JobFacts,
    Moderate,
    Probe,
    Publish,
    Recognise,
    RetryLater,
    Step,
    after_fault,
    next_step,
    packaging,
    progress,
)
from packager.ladder import Ladder, plan_ladder
from packager.moderation.base import Allow, Reject, Review, Verdict
from packager.process import ProcessFailed, Usage
from packager.settings import RetryPolicy
from packager.source import SourceInfo, VideoTrack

ACCEPTED = Accepted(SourceInfo(1, 1, None, None), VideoTrack(0, "h264", 2, 2, 2, 2, "", "", Fraction(30), 1, 1, 1))
BIG = plan_ladder(1080, 1920, Fraction(30))
SMALL = plan_ladder(240, 426, Fraction(30))


def walk(ladder: Ladder, verdict: Verdict, known: Verdict | None = None) -> list[tuple[JobFacts, Step]]:
    """Do what the rules say until they say stop; `known` is the verdict on the whole clip's print."""
    facts, way = JobFacts(), []
    while True:
        step = next_step(facts)
        way.append((facts, step))
        match step:
            case Probe():
                facts = replace(facts, admission=ACCEPTED, ladder=ladder)
            case EncodeFirst():
                facts = replace(facts, first_encoded=True)
            case Moderate():
                facts = replace(facts, verdict=verdict)
            case Recognise():
                facts = replace(facts, recognised=True, verdict=known or facts.verdict)
            case EncodeRest():
                facts = replace(facts, rest_encoded=True)
            case Publish(complete=complete):
                facts = replace(facts, first_published=True, all_published=complete)
            case _:
                return way


def steps(ladder: Ladder, verdict: Verdict, known: Verdict | None = None) -> list[Step]:
    return [step for _, step in walk(ladder, verdict, known)]


def test_a_clip_is_published_twice_and_moderated_before() -> None:
    assert steps(BIG, Allow()) == [
        Probe(), EncodeFirst(), Moderate(), Publish(complete=False),
        Recognise(), EncodeRest(), Publish(complete=True), Done()
    ]  # fmt: skip


def test_a_clip_with_one_rung_is_published_once() -> None:
    assert steps(SMALL, Allow()) == [
        Probe(), EncodeFirst(), Moderate(), Recognise(), Publish(complete=True), Done()
    ]  # fmt: skip


def test_what_was_taken_down_before_ends_a_job_that_published_its_first_rung() -> None:
    verdict = Reject("taken_down_before", "No.")
    assert steps(BIG, Allow(), verdict)[-3:] == [Publish(complete=False), Recognise(), EndUnpublished(verdict)]
    assert steps(SMALL, Allow(), verdict)[-2:] == [Recognise(), EndUnpublished(verdict)]


def test_a_clip_that_was_recognised_early_is_not_asked_of_again() -> None:
    facts = JobFacts(ACCEPTED, BIG, first_encoded=True, verdict=Allow(), first_published=True, recognised=True)
    assert next_step(facts) == EncodeRest()


def test_nothing_is_published_of_a_rejected_clip() -> None:
    verdict = Reject("moderation", "No.")
    assert steps(BIG, verdict) == [Probe(), EncodeFirst(), Moderate(), EndUnpublished(verdict)]


def test_nothing_is_published_of_a_clip_that_a_person_should_see() -> None:
    verdict = Review("unsure")
    assert steps(BIG, verdict) == [Probe(), EncodeFirst(), Moderate(), EndUnpublished(verdict)]


def test_a_refusal_ends_the_job_wherever_it_comes() -> None:
    assert next_step(JobFacts(admission=NOT_A_VIDEO)) == EndUnpublished(NOT_A_VIDEO)
    assert next_step(JobFacts(admission=NOT_A_VIDEO, ladder=BIG, first_encoded=True)) == EndUnpublished(NOT_A_VIDEO)


def test_progress_never_falls_and_ends_at_one() -> None:
    for ladder in (BIG, SMALL):
        values = [progress(facts, step, share) for facts, step in walk(ladder, Allow()) for share in (0.0, 0.5, 1.0)]
        assert values == sorted(values)
        assert values[-1] == 1.0


@given(st.sampled_from([(1080, 1920), (1280, 720), (540, 960), (240, 426)]), st.sets(st.floats(0, 1), min_size=2))
def test_no_rung_falls_or_is_taken_back_and_all_are_published_at_the_end(
    size: tuple[int, int], shares: set[float]
) -> None:
    ladder = plan_ladder(*size, Fraction(30))
    way = [packaging(facts, step, share) for facts, step in walk(ladder, Allow()) for share in sorted(shares)]
    seen = [told.rungs for told in way if told.rungs]
    assert {tuple(rung.height for rung in rungs) for rungs in seen} == {tuple(rung.height for rung in ladder.rungs)}
    for before, after in pairwise(seen):
        for old, new in zip(before, after, strict=True):
            assert (new.progress, new.published) >= (old.progress, old.published)
            assert new.published >= old.published
    assert all((rung.progress, rung.published) == (1.0, True) for rung in seen[-1])


def test_each_step_has_a_word_and_nothing_is_said_of_rungs_before_the_clip_was_looked_at() -> None:
    told = [packaging(facts, step, 0.0) for facts, step in walk(BIG, Allow())]
    assert [each.stage.value for each in told] == [
        "checking", "encoding_first", "moderating", "publishing",
        "moderating", "encoding_rest", "publishing", "done"
    ]  # fmt: skip
    assert told[0].rungs == ()


def test_the_first_rung_goes_alone_and_the_others_are_equally_far() -> None:
    first = JobFacts(admission=ACCEPTED, ladder=BIG)
    rungs = packaging(first, EncodeFirst(), 0.5).rungs
    assert [(rung.height, rung.progress) for rung in rungs] == [(1920, 0), (1280, 0), (960, 0.5), (640, 0)]
    assert not any(rung.published for rung in rungs)
    growing = packaging(replace(first, growing=True), EncodeFirst(), 0.6).rungs
    assert [rung.published for rung in growing] == [False, False, True, False]
    rest = packaging(replace(first, first_encoded=True, first_published=True), EncodeRest(), 0.25).rungs
    assert [rung.progress for rung in rest] == [0.25, 0.25, 1.0, 0.25]
    assert [rung.published for rung in rest] == [False, False, True, False]


@given(st.integers(0, 30), st.floats(0, 1, exclude_max=True))
def test_a_retry_waits_longer_each_time_within_bounds_and_ends_in_the_dead_letters(attempt: int, jitter: float) -> None:
    policy = RetryPolicy()
    fate = after_fault(attempt, policy, 1_000_000, jitter)
    if attempt + 1 >= policy.attempts:
        assert fate == DeadLetter(attempt + 1)
        return
    assert isinstance(fate, RetryLater)
    delay_ms = min(policy.longest_delay_ms, policy.first_delay_ms * 2**attempt)
    assert delay_ms / 2 <= fate.not_before_ms - 1_000_000 <= delay_ms


def test_waiting_for_room_or_a_store_uses_up_no_attempt() -> None:
    policy = RetryPolicy(attempts=2)
    assert classify(OSError(errno.ENOSPC, "no space")).waits
    assert classify(StoreUnavailable("away")).waits
    assert not classify(ValueError("bug")).waits
    fate = after_fault(1, policy, 1_000_000, 0.5, waits=True)
    assert fate == RetryLater(1, 1_000_000 + policy.waiting_delay_ms * 3 // 4)
    assert after_fault(1, policy, 1_000_000, 0.5) == DeadLetter(2)


@given(st.lists(st.text("ab ", min_size=1, max_size=400), max_size=20).map(tuple))
def test_a_dead_letter_ends_with_the_last_lines_of_stderr_whole_and_as_many_as_fit(said: tuple[str, ...]) -> None:
    error = ProcessFailed("ffmpeg", 1, Usage(), said)
    fault = classify(error)
    told, *tail = fault.detail.split("\n")
    assert (fault.code, told) == ("encoder_failed", str(error))
    assert len(fault.detail) <= DETAIL_CHARS
    assert tail == list(said[len(said) - len(tail) :])
    if len(tail) < len(said):
        assert len(fault.detail) + 1 + len(said[-len(tail) - 1]) > DETAIL_CHARS


def test_a_dead_letter_names_files_as_they_lie_in_the_folder_of_the_job() -> None:
    error = ProcessFailed("ffmpeg", 1, Usage(), ("/data/job-7/work/v540.mp4: No space", "/data/job-70/clip.mp4: gone"))
    _, *tail = classify(error, "/data/job-7").detail.split("\n")
    assert tail == ["work/v540.mp4: No space", "/data/job-70/clip.mp4: gone"]
    assert classify(ExceptionGroup("", [error]), "/data/job-7") == classify(error, "/data/job-7")
