"""A circuit breaker as a rule: state × outcome × now → state. Rules file.

Closed lets every call through; so many failures in a row open it. Open refuses until its time is over; then one
call probes (half-open): success closes it, failure opens it for twice as long, up to a limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    failures: int = 3
    """Failures in a row that open it."""
    open_ms: int = 500
    """How long it stays open at first; doubled at each failed probe."""
    open_most_ms: int = 5_000
    probe_ms: int = 1_000
    """After this a probe without an outcome is given up and another one is let through."""


@dataclass(frozen=True, slots=True)
class Closed:
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Open:
    until_ms: int
    for_ms: int


@dataclass(frozen=True, slots=True)
class HalfOpen:
    """A probe is under way; its outcome is waited for until `until_ms`."""

    until_ms: int
    for_ms: int
    """How long the breaker was open before the probe."""


State = Closed | Open | HalfOpen


def admit(state: State, now_ms: int, settings: BreakerSettings) -> tuple[bool, State]:
    """Whether a call may be made now, and the state after asking."""
    match state:
        case Closed():
            return True, state
        case Open() | HalfOpen():
            span_ms = state.for_ms if isinstance(state, Open) else settings.probe_ms
            # Longer than it was ever to be: the clock was set back.
            if 0 < state.until_ms - now_ms <= span_ms:
                return False, state
            return True, HalfOpen(now_ms + settings.probe_ms, state.for_ms)
    assert_never(state)


def after(state: State, ok: bool, now_ms: int, settings: BreakerSettings) -> State:
    """The state after a call ended. A late outcome of a call made before the breaker opened changes nothing."""
    match state:
        case Closed():
            if ok:
                return Closed()
            if state.failures + 1 >= settings.failures:
                return Open(now_ms + settings.open_ms, settings.open_ms)
            return Closed(state.failures + 1)
        case Open():
            return state
        case HalfOpen():
            if ok:
                return Closed()
            longer = min(2 * state.for_ms, settings.open_most_ms)
            return Open(now_ms + longer, longer)
    assert_never(state)


class Breaker:
    """A breaker with its state, for who calls from one place. Not a shell: the time comes in."""

    def __init__(self, settings: BreakerSettings | None = None) -> None:
        self._settings = settings or BreakerSettings()
        self._state: State = Closed()

    @property
    def untroubled(self) -> bool:
        """Closed, and the last call went well."""
        return self._state == Closed()

    def admits(self, now_ms: int) -> bool:
        """Whether a call may be made now; who was admitted tells the outcome to `ended`."""
        admitted, self._state = admit(self._state, now_ms, self._settings)
        return admitted

    def ended(self, ok: bool, now_ms: int) -> None:
        self._state = after(self._state, ok, now_ms, self._settings)
