"""Which renditions a clip gets. Rules file.

The ladder goes by the *short* side, so that a portrait clip and a landscape clip of the same name look alike.
Rates are capped-CRF ceilings measured on phone material, which most clips stay below. The highest rung is the one that
is looked at closely, so it has the lower CRF: VMAF (v0.6.1) of about 93 where its ceiling does not bind.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

FIRST_SHORT_SIDE = 540
"""The rung that is published first: sharp on a phone, and a quarter of the whole ladder's work."""
STANDARD_RATES = (
    Fraction(10),
    Fraction(12),
    Fraction(15),
    Fraction(20),
    Fraction(24000, 1001),
    Fraction(24),
    Fraction(25),
    Fraction(30000, 1001),
    Fraction(30),
)
"""A player, an encoder and a display agree on these; others judder."""
HIGHEST_RATE = Fraction(61, 2)


@dataclass(frozen=True, slots=True)
class Rung:
    """One rendition: even display size in square pixels, rates in bits per second."""

    name: str
    width: int
    height: int
    crf: int
    max_rate: int

    @property
    def short_side(self) -> int:
        return min(self.width, self.height)


@dataclass(frozen=True, slots=True)
class Ladder:
    """`first` is encoded and published alone; `rest` follows in one decode, highest first."""

    first: Rung
    rest: tuple[Rung, ...]
    frame_rate: Fraction

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """Highest first."""
        return tuple(sorted((self.first, *self.rest), key=lambda rung: -rung.short_side))


@dataclass(frozen=True, slots=True)
class _Step:
    short_side: int
    crf: int
    max_rate: int


_STEPS = (
    _Step(1080, 22, 5_000_000),
    _Step(720, 23, 2_500_000),
    _Step(540, 23, 1_400_000),
    _Step(360, 24, 700_000),
)
_LOWEST = _STEPS[-1]


def plan_ladder(width: int, height: int, frame_rate: Fraction) -> Ladder:
    """The rungs for a clip of this display size: never above it, of even sizes, its aspect within a pixel.

    A clip whose short side is below 360 gets one rung of its own size. Raises ValueError for an empty picture.
    """
    if width < 2 or height < 2:
        raise ValueError(f"no rung fits a picture of {width}x{height}")
    short = min(width, height)
    steps = [step for step in _STEPS if step.short_side <= short]
    if not steps:
        return Ladder(_own_size(width, height), (), output_rate(frame_rate))
    rungs = [_rung(step, width, height) for step in steps]
    first = next((rung for rung in rungs if rung.short_side <= FIRST_SHORT_SIDE), rungs[-1])
    return Ladder(first, tuple(rung for rung in rungs if rung is not first), output_rate(frame_rate))


def output_rate(frame_rate: Fraction) -> Fraction:
    """The constant rate that a clip of this mean rate is published at: a standard one of at most 30 fps.

    60 fps and more are divided by a whole number (60→30, 50→25, 240→30), which drops every n-th frame evenly.
    30 is the ceiling because 60 fps doubles the encoding time and costs about half again the bytes, for clips that are
    watched on a phone for seconds; what film and PAL cameras record (24, 25) is kept, so nothing judders.
    """
    if frame_rate <= 0:
        return Fraction(30)
    divisor = 1
    while frame_rate / divisor > HIGHEST_RATE:
        divisor += 1
    wanted = frame_rate / divisor
    return min(STANDARD_RATES, key=lambda rate: abs(rate / wanted - 1))


def _rung(step: _Step, width: int, height: int) -> Rung:
    short, long = min(width, height), max(width, height)
    other = min(_even(Fraction(long * step.short_side, short)), long - long % 2)
    size = (step.short_side, other) if width <= height else (other, step.short_side)
    return Rung(f"v{step.short_side}", *size, step.crf, step.max_rate)


def _own_size(width: int, height: int) -> Rung:
    even_width, even_height = width - width % 2, height - height % 2
    share = Fraction(even_width * even_height, _LOWEST.short_side * 640)
    max_rate = max(150_000, min(_LOWEST.max_rate, round(_LOWEST.max_rate * share)))
    return Rung(f"v{min(even_width, even_height)}", even_width, even_height, _LOWEST.crf, max_rate)


def _even(length: Fraction) -> int:
    return max(2, 2 * round(length / 2))
