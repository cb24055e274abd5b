"""The time by which a request must be answered, and how it shrinks from role to role. Rules file.

Times are seconds of the event loop's clock, which only this process reads; between processes the time that is left
travels (gRPC's own deadline), never the time by which. A task that is begun in a request has the request's deadline,
also when it outlives it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

MARGIN_S = 0.01
"""Kept back at each hop, for the caller to make something of the answer or of its lack."""
LEAST_S = 0.005
"""With less than this left no answer comes in time, so nothing is begun."""

_until_s: ContextVar[float | None] = ContextVar("until_s", default=None)


class DeadlinePassed(Exception):
    """Too little of the request's time is left to begin anything."""


@contextmanager
def within(most_s: float, now_s: float) -> Iterator[None]:
    """What runs inside must be done in `most_s` seconds from `now_s` on, or sooner if that held already."""
    until_s, outer_s = now_s + most_s, _until_s.get()
    token = _until_s.set(until_s if outer_s is None else min(until_s, outer_s))
    try:
        yield
    finally:
        _until_s.reset(token)


def left_s(most_s: float, now_s: float) -> float:
    """How long to wait for another role's answer: `most_s`, or what the request has left after the margin.

    Raises DeadlinePassed.
    """
    until_s = _until_s.get()
    left = most_s if until_s is None else min(most_s, until_s - now_s - MARGIN_S)
    if left < LEAST_S:
        raise DeadlinePassed("the request's time is over")
    return left
