"""What ended a request about uploads early, as a problem for the client and a count for the operator."""

from __future__ import annotations

from edge.gateway import problems
from edge.gateway.problems import Problem
from edge.ingest import refusals
from edge.ingest.body import Interrupted, TooSlow, WrongChecksum
from edge.ingest.intake import Rejected
from edge.ingest.locks import LocksUnavailable
from edge.ingest.model import Fields
from edge.ingest.stats import IngestStats
from edge.ingest.wire import TUS_CHECKSUM
from edge.ingest.writers import Locked
from origin.objects.base import NoSuchObject


def problem_of(error: Exception, stats: IngestStats) -> Problem:
    """What an error means to the client; an internal one is nobody's but ours."""
    if isinstance(error, Rejected):
        return error.reject.problem
    if isinstance(error, Interrupted):
        stats.interrupted += 1
        return refusals.INTERRUPTED
    if isinstance(error, TooSlow):
        stats.slow += 1
        return refusals.TOO_SLOW
    if isinstance(error, WrongChecksum):
        by_tus = error.field == TUS_CHECKSUM
        return refusals.CHECKSUM_MISMATCH if by_tus else refusals.DIGEST_MISMATCH
    if isinstance(error, Locked):
        return refusals.LOCKED
    if isinstance(error, LocksUnavailable):
        return refusals.LOCKS_AWAY
    if isinstance(error, NoSuchObject):
        # It was ended meanwhile, as by a sweeper, which asks for no turn.
        return refusals.UNKNOWN
    return problems.from_exception(error)


def fields_of(error: Exception) -> Fields:
    """Fields that a refusal adds to its answer."""
    return error.reject.fields if isinstance(error, Rejected) else ()


def stops_reading(error: Exception) -> bool:
    """The rest of the body is not waited for: its client stalls, or sends it to another request."""
    return isinstance(error, TooSlow | Interrupted)
