"""The table of errors that cross: whole, unambiguous, and the same both ways."""

from __future__ import annotations

import builtins
import re
from pathlib import Path

import grpc
import pytest

import edge.gateway.ports
from edge.gateway import problems
from feed.cursor import BadCursor
from feed.rpc.errors import FEED_ERRORS
from origin import ids, refusals, roles
from origin.eventlog import base as eventlog
from origin.metadata import base as metadata
from origin.objects import base as objects
from origin.rpc.errors import ORIGIN_ERRORS, Errors

ERRORS = Errors(ORIGIN_ERRORS)
ROOTS = (
    metadata.MetadataError,
    objects.ObjectStoreError,
    eventlog.EventLogError,
    refusals.Refusal,
    ids.NoIds,
    roles.RoleUnavailable,
)


def words_of(root: type) -> list[type]:
    """The error and all that are derived from it in the same file: the port's words. What a backend derives for itself
    crosses as the nearest of them."""
    found = [root]
    for kind in found:
        found += [below for below in kind.__subclasses__() if below.__module__ == root.__module__]
    return found


@pytest.mark.parametrize("kind", [kind for root in ROOTS for kind in words_of(root)], ids=lambda kind: kind.__name__)
def test_every_error_of_the_ports_crosses_as_its_own_class_with_its_text(kind):
    known = ERRORS.known(kind("what happened"))
    assert known is not None
    restored = ERRORS.restored(known.reason, "what happened")
    assert type(restored) is kind
    assert str(restored) == "what happened"


def test_every_error_that_the_gateways_ports_name_is_in_the_table():
    text = Path(edge.gateway.ports.__file__).read_text()
    clauses = re.findall(r"Raises ([^\"]*?)(?:\.\s|\.\"|\"\"\"|\n\n)", text)
    named = {word for clause in clauses for word in re.findall(r"\b([A-Z][a-z]+(?:[A-Z][a-z]+)+)\b", clause)}
    assert {"NotFound", "HandleTaken", "NotCreator", "SelfFollow", "CommentRefused", "UploadIncomplete"} <= named
    known = {row.kind.__name__ for row in ORIGIN_ERRORS} | {BadCursor.__name__}
    assert named - set(dir(builtins)) <= known


def test_no_two_errors_share_a_reason_and_every_status_is_one_of_grpcs():
    reasons = [row.reason for row in ORIGIN_ERRORS]
    assert len(set(reasons)) == len(reasons)
    assert all(re.fullmatch("[A-Z_]+", reason) for reason in reasons)
    assert {row.status for row in ORIGIN_ERRORS} <= set(grpc.StatusCode.__members__)


def test_an_error_that_is_derived_later_crosses_as_the_nearest_that_is_known():
    class Stale(metadata.MetadataUnavailable):
        pass

    known = ERRORS.known(Stale("away"))
    assert known is not None
    assert known.kind is metadata.MetadataUnavailable


def test_what_nobody_foresaw_and_reasons_of_a_newer_peer_are_not_restored():
    assert ERRORS.known(KeyError("oh")) is None
    assert ERRORS.restored("MADE_LATER", "text") is None


def test_a_bad_cursor_is_the_feeds_own():
    known = FEED_ERRORS.known(BadCursor("damaged"))
    assert known is not None
    assert isinstance(FEED_ERRORS.restored(known.reason, "damaged"), BadCursor)


def test_a_role_that_is_away_is_told_to_clients_as_503_with_a_time_to_come_back():
    problem = problems.from_exception(roles.RoleUnavailable("the origin did not answer"))
    assert problem.status == 503
    assert ("Retry-After", str(problems.RETRY_AFTER_S)) in problem.headers
