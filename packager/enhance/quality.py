"""Which CRF gives an AV1 rendition the quality of the H.264 one of its size. Rules file.

Told by VMAF (v0.6.1, harmonic mean) of a few segments, at the rendition's own size. Both codecs are compared with the
clip, not with each other. A CRF means another quality in every clip, so it is looked for in each: two or three probes,
and a straight line between them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from packager.timeline import SEGMENT_S

LOWEST_CRF, FIRST_CRF, HIGHEST_CRF = 20, 40, 60
POINTS_PER_CRF = 0.3
"""Of VMAF, which one more of CRF costs; for the second probe, while one alone is known."""
MOST_PROBES = 3
NEAR_CRF = 2
"""A line is trusted so far from a probe."""
HIGHEST_TARGET = 95.0
"""Above it nobody sees a difference. A clip's own pictures, published as they are, would ask for 100."""
MARGIN = 0.5
"""Points that AV1's samples are to be better by, as they are not the whole clip."""
MOST_SAMPLES = 8


@dataclass(frozen=True, slots=True)
class Sample:
    """A segment, counted from 0, and the frames from `begin` up to and without `end`."""

    segment: int
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Probe:
    """What the samples became at a CRF."""

    crf: int
    vmaf: float
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Choice:
    """A CRF, and what the samples would have in bytes with it."""

    crf: int
    size_bytes: float


def choose_samples(cuts: Sequence[int], frames: int, rate: Fraction) -> tuple[Sample, ...]:
    """Whole segments from all over the clip, half of them and at most MOST_SAMPLES; of short clips the longest."""
    ends = (*cuts[1:], frames)
    segments = [Sample(number, begin, end) for number, (begin, end) in enumerate(zip(cuts, ends, strict=True))]
    # The first lasts a second, and the last may be a single frame: both are mostly their keyframe.
    longest = max(sample.end - sample.begin for sample in segments)
    whole = [
        sample for sample in segments if 2 * (sample.end - sample.begin) > min(Fraction(longest), SEGMENT_S * rate)
    ]
    count = max(1, min(MOST_SAMPLES, (len(whole) + 1) // 2))
    return tuple(whole[(2 * part + 1) * len(whole) // (2 * count)] for part in range(count))


def target(h264_vmaf: float) -> float:
    return min(h264_vmaf + MARGIN, HIGHEST_TARGET)


def next_crf(probes: Sequence[Probe], wanted: float) -> int | None:
    """The CRF to try now; None when the probes tell enough."""
    if not probes:
        return FIRST_CRF
    if len(probes) == 1:
        guess = _within(probes[0].crf + round((probes[0].vmaf - wanted) / POINTS_PER_CRF))
        # Two points make a line, also where the first was a lucky one.
        return guess if guess != probes[0].crf else _within(guess + (1 if guess < HIGHEST_CRF else -1))
    guess = choose(probes, wanted).crf
    near = any(abs(guess - probe.crf) <= NEAR_CRF for probe in probes)
    return None if near or len(probes) >= MOST_PROBES else guess


def choose(probes: Sequence[Probe], wanted: float) -> Choice:
    """The highest CRF that keeps `wanted`, by the line through the two probes that are nearest to it."""
    low, high = sorted(sorted(probes, key=lambda probe: abs(probe.vmaf - wanted))[:2], key=lambda probe: probe.crf)
    if low.vmaf <= high.vmaf:
        # Where coding harder costs nothing, nothing is to be read from a line.
        best = high if high.vmaf >= wanted else low
        return Choice(best.crf, best.size_bytes)
    share = (low.vmaf - wanted) / (low.vmaf - high.vmaf)
    # Rounded towards the better picture; a probe that met the target is not missed for a rounding error.
    crf = _within(low.crf + share * (high.crf - low.crf) + 1e-9)
    along = (crf - low.crf) / (high.crf - low.crf)
    return Choice(crf, low.size_bytes * (high.size_bytes / low.size_bytes) ** along)


def gain(choices: Sequence[Choice], h264_bytes: Sequence[int]) -> float:
    """The share of bytes that the whole ladder saves, below 1; negative where AV1 is larger."""
    return 1 - sum(choice.size_bytes for choice in choices) / sum(h264_bytes)


def _within(crf: float) -> int:
    """The whole CRF of the scale at or below `crf`, which may be infinite: two probes can be as good as level."""
    return math.floor(max(LOWEST_CRF, min(HIGHEST_CRF, crf)))
