"""Byte ranges (RFC 9110 section 14). Rules only; any text may come in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

MAX_RANGES = 16
"""A request for more ranges, before or after joining, is answered with the whole body: it costs less."""

_SPEC = re.compile(r"([0-9]*)[ \t]*-[ \t]*([0-9]*)")
_MAX_DIGITS = 18


class Span(NamedTuple):
    """Bytes from `start` (inclusive) to `end` (exclusive)."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Whole:
    """No range to honour: send everything with 200."""


@dataclass(frozen=True, slots=True)
class Unsatisfiable:
    """No range overlaps the body: 416 with `Content-Range: bytes */length`."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Ranges to send, joined where they overlap or touch, in the order of the request; never empty."""

    spans: tuple[Span, ...]


Outcome = Whole | Unsatisfiable | Parts


def resolve(value: str | None, length: int) -> Outcome:
    """What a Range field asks of a body of `length` bytes.

    An unknown unit or a malformed set is ignored (section 14.2).
    """
    if value is None:
        return Whole()
    unit, equals, specs = value.partition("=")
    if not equals or unit.strip().lower() != "bytes":
        return Whole()
    asked = [spec.strip(" \t") for spec in specs.split(",")]
    asked = [spec for spec in asked if spec]
    if not 0 < len(asked) <= MAX_RANGES:
        return Whole()
    spans = []
    for spec in asked:
        span = _span(spec, length)
        if span is None:
            return Whole()
        if span.start < span.end:
            spans.append(span)
    return Parts(_joined(spans)) if spans else Unsatisfiable()


def _span(spec: str, length: int) -> Span | None:
    """A specifier as a span clipped to the body, empty when unsatisfiable; None when it is not a specifier."""
    match = _SPEC.fullmatch(spec)
    if not match:
        return None
    first, last = match.groups()
    if not first:
        return _suffix(last, length)
    if last and _number(last) < _number(first):
        return None
    end = min(_number(last) + 1, length) if last else length
    return Span(min(_number(first), length), end)


def _suffix(digits: str, length: int) -> Span | None:
    return Span(max(0, length - _number(digits)), length) if digits else None


def _number(digits: str) -> int:
    """The number, or something larger than any body when it has more digits than one could have."""
    stripped = digits.lstrip("0")
    return 10**_MAX_DIGITS if len(stripped) > _MAX_DIGITS else int(stripped or "0")


def _joined(spans: list[Span]) -> tuple[Span, ...]:
    """Join overlapping and adjacent spans; each group stays where its first member was asked for."""
    groups: list[tuple[int, Span]] = []
    for order, span in sorted(enumerate(spans), key=lambda item: item[1]):
        if groups and span.start <= groups[-1][1].end:
            first, last = groups[-1]
            groups[-1] = (min(first, order), Span(last.start, max(last.end, span.end)))
        else:
            groups.append((order, span))
    return tuple(span for _, span in sorted(groups))
