"""What a clip's likeness to one that was taken down does beside moderation's verdict."""

from __future__ import annotations

from origin.prints import Likeness
from origin.reuploads import Recognised
from packager.moderation.base import Allow, Reject, Review, stricter
from packager.upload_job import KNOWN, TAKEN_DOWN_BEFORE, verdict_on


def test_a_likeness_to_what_was_taken_down_rejects_where_it_is_certain_and_is_for_a_person_elsewhere() -> None:
    assert verdict_on(Recognised(5, Likeness.SAME)) == Reject(TAKEN_DOWN_BEFORE, KNOWN)
    for likeness in (Likeness.SIMILAR, Likeness.SOUND):
        assert isinstance(verdict_on(Recognised(5, likeness)), Review)
    assert verdict_on(None) == Allow()


def test_of_two_verdicts_the_stricter_counts() -> None:
    allow, review, reject = Allow(), Review("unsure"), Reject("moderation", "Not here.")
    for one in (allow, review, reject):
        assert stricter(one, reject) is stricter(reject, one) is reject
        assert stricter(one, allow) is stricter(allow, one) is one
    assert stricter(Review("first"), Review("second")) == Review("first")
